//! Who may do something, for people.

use super::{Holders, Wanted};
use crate::access::{Action, Holder, Judged, Share};
use crate::ask::read::{Inquiry, Reading};
use crate::ask::realm::{Ground, person_words};
use crate::ask::words::{not_started, shared, shown, silent, unseen};
use crate::report::render::{printable_line, wrapped};
use crate::show::table;

/// Who may do something on each release, in a width; releases of which the same holds share a part. With `is_all` no
/// name is left out.
pub fn text(
    inquiry: &Inquiry,
    found: &[(&Reading, Vec<Holders<'_>>)],
    wanted: &Wanted,
    is_all: bool,
    width: usize,
) -> String {
    let writer = Writer { inquiry, wanted, is_all, width };
    let parts = found.iter().map(|(reading, list)| (reading.release(), writer.release(reading, list)));
    let verb = if wanted.action == Action::Publish { "publish to" } else { "receive" };
    let parts: Vec<String> = shared(parts.collect())
        .into_iter()
        .map(|(names, body)| {
            let title = format!("who may {verb} `{}` on {names}", shown(wanted.filter.as_bytes()));
            wrapped("", 2, &title, width) + &body
        })
        .collect();
    parts.join("\n") + &unseen(inquiry, width)
}

struct Writer<'a> {
    inquiry: &'a Inquiry,
    wanted: &'a Wanted,
    is_all: bool,
    width: usize,
}

/// How many names of one share are listed.
const MOST_NAMES: usize = 20;

impl Writer<'_> {
    fn line(&self, text: &str) -> String {
        wrapped("  ", 4, text, self.width)
    }

    fn release(&self, reading: &Reading, list: &[Holders<'_>]) -> String {
        let mut out = String::new();
        if let Some(why) = not_started(self.inquiry, reading) {
            out += &self.line(&format!("{why}; what follows is what it would do if it went on"));
        }
        let mut bodies: Vec<(Vec<&str>, String)> = Vec::new();
        for holders in list {
            let body = self.body(holders);
            let key = holders.door.key.as_deref();
            match bodies.iter_mut().find(|(_, other)| *other == body) {
                Some((keys, _)) => keys.extend(key),
                None => bodies.push((key.into_iter().collect(), body)),
            }
        }
        for (keys, body) in bodies {
            let word = if keys.len() == 1 { "listener" } else { "listeners" };
            if !keys.is_empty() {
                out += &wrapped("", 2, &printable_line(&format!("{word} {}", keys.join(", "))), self.width);
            }
            out += &body;
        }
        for (name, _) in &reading.bridges {
            let name = printable_line(name);
            out += &wrapped("", 2, &format!("bridge `{name}`: all, inside the broker"), self.width);
        }
        out
    }

    fn body(&self, holders: &Holders<'_>) -> String {
        let (listing, ground) = match (&holders.found, &holders.ground) {
            (Ok(listing), Some(ground)) => (listing, ground),
            (Err(open), _) => return self.line(&silent(holders.door, open)),
            (Ok(_), None) => return String::new(),
        };
        let mut out = String::new();
        if !holders.door.mount_point.is_empty() {
            let topics = format!("{}{}", holders.door.mount_point, self.wanted.filter);
            out += &self.line(&printable_line(&format!("for the broker that is `{topics}`")));
        }
        if let Some(assumed) = &ground.assumed {
            out += &self.line(assumed);
        }
        if listing.entries.is_empty() && listing.complete {
            out += "  nobody can log in\n";
        }
        for (share, title) in
            [(Share::All, "all of it"), (Share::Some, "some of it"), (Share::None, "none of it")]
        {
            let of_share: Vec<&Holder> =
                listing.entries.iter().filter(|holder| holder.share == share).collect();
            if !of_share.is_empty() {
                out += &self.share(title, ground, &of_share);
            }
        }
        if !listing.complete {
            out += "  and perhaps others: the search was too long\n";
        }
        out
    }

    fn share(&self, title: &str, ground: &Ground<'_>, holders: &[&Holder]) -> String {
        let most = if self.is_all { usize::MAX } else { MOST_NAMES };
        let mut out = format!("  {title}\n");
        if holders[0].share == Share::None {
            let names: Vec<String> =
                holders.iter().take(most).map(|holder| person_words(&holder.person)).collect();
            out += &wrapped("    ", 4, &names.join(", "), self.width);
        } else {
            out += &table(&self.rows(ground, &holders[..holders.len().min(most)]), self.width, 4);
        }
        if holders.len() > most {
            out += &format!("    and {} more (`--all` lists them)\n", holders.len() - most);
        }
        out
    }

    /// A row for all of whom the same is told.
    fn rows(&self, ground: &Ground<'_>, holders: &[&Holder]) -> Vec<Vec<String>> {
        let mut rows: Vec<(Vec<String>, Vec<String>)> = Vec::new();
        for holder in holders {
            let allowed = holder.allowed.as_ref().map(|judged| self.judged(ground, judged));
            let denied = holder.denied.as_ref().filter(|_| holder.share == Share::Some);
            let denied = denied.map(|judged| format!("not {}", self.judged(ground, judged)));
            let cells: Vec<String> = allowed.into_iter().chain(denied).collect();
            let name = person_words(&holder.person);
            match rows.iter_mut().find(|(_, other)| *other == cells) {
                Some((names, _)) => names.push(name),
                None => rows.push((vec![name], cells)),
            }
        }
        rows.into_iter()
            .map(|(names, cells)| std::iter::once(names.join(", ")).chain(cells).collect())
            .collect()
    }

    fn judged(&self, ground: &Ground<'_>, judged: &Judged) -> String {
        let witness = &judged.witness;
        let reason =
            ground.reason(self.inquiry, witness.user.as_deref(), self.wanted.action, judged.decision);
        let id = if ground.hangs_on_id(judged.decision) {
            format!(" with the client id `{}`", shown(&witness.client_id))
        } else {
            String::new()
        };
        format!("`{}`{id}: {reason}", shown(&witness.topic))
    }
}
