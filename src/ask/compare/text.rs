//! Who may more and who less, for people.

use super::{Both, Outcome, Pair};
use crate::access::{Action, Compared, Contrast, Decision, Relation, Search};
use crate::ask::read::{Inquiry, Reading};
use crate::ask::realm::{Ground, person_words};
use crate::ask::words::{not_started, shared, shown, silent, unseen};
use crate::report::render::{printable_line, wrapped};

/// How two inputs differ on each release, in a width; releases of which the same holds share a part. With `is_all`
/// nobody is left out.
pub fn text(
    (old, new): (&Inquiry, &Inquiry),
    found: &[((&Reading, &Reading), Vec<Pair<'_>>)],
    is_all: bool,
    width: usize,
) -> String {
    let writer = Writer { old, new, is_all, width };
    let parts =
        found.iter().map(|((left, right), pairs)| (left.release(), writer.release(left, right, pairs)));
    let parts: Vec<String> = shared(parts.collect())
        .into_iter()
        .map(|(names, body)| {
            let title = format!("{} and {} on {names}", printable_line(&old.name), printable_line(&new.name));
            wrapped("", 2, &title, width) + &body
        })
        .collect();
    let missing = if old.not_checked == new.not_checked { String::new() } else { unseen(new, width) };
    parts.join("\n") + &unseen(old, width) + &missing
}

struct Writer<'a> {
    old: &'a Inquiry,
    new: &'a Inquiry,
    is_all: bool,
    width: usize,
}

/// How many differences of a listener are told.
const MOST_TOLD: usize = 20;

impl Writer<'_> {
    fn line(&self, indent: usize, text: &str) -> String {
        wrapped(&" ".repeat(indent), indent + 2, text, self.width)
    }

    fn release(&self, left: &Reading, right: &Reading, pairs: &[Pair<'_>]) -> String {
        let mut out = String::new();
        for (inquiry, reading) in [(self.old, left), (self.new, right)] {
            if let Some(why) = not_started(inquiry, reading) {
                let name = printable_line(&inquiry.name);
                out +=
                    &self.line(2, &format!("{name}: {why}; what follows is what it would do if it went on"));
            }
        }
        let mut bodies: Vec<(Vec<&str>, String)> = Vec::new();
        for pair in pairs {
            let body = self.body(pair);
            let key = pair.key.as_deref();
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
        out
    }

    fn body(&self, pair: &Pair<'_>) -> String {
        let both = match &pair.outcome {
            Outcome::Gone => return "  is gone\n".to_owned(),
            Outcome::New => return "  is new\n".to_owned(),
            Outcome::Open(door, open) => {
                return self.line(2, &format!("cannot be told: {}", silent(door, open)));
            }
            Outcome::Compared(both) => both,
        };
        let mut out = String::new();
        let (before, after) = (&both.old.door.mount_point, &both.new.door.mount_point);
        if before != after {
            let text =
                format!("the mount point is `{after}`, and was `{before}`: topics are those of the broker");
            out += &self.line(2, &printable_line(&text));
        }
        for assumed in [&both.old.assumed, &both.new.assumed].into_iter().flatten() {
            out += &self.line(2, assumed);
        }
        let entries = &both.found.entries;
        if entries.is_empty() && both.found.complete {
            out += "  everybody may the same\n";
        }
        let mut told: Vec<(Vec<String>, String, String)> = Vec::new();
        for compared in entries {
            let (what, contrasts) = self.compared(both, compared);
            let name = person_words(&compared.person);
            match told.iter_mut().find(|(_, other, lines)| *other == what && *lines == contrasts) {
                Some((names, ..)) => names.push(name),
                None => told.push((vec![name], what, contrasts)),
            }
        }
        let most = if self.is_all { usize::MAX } else { MOST_TOLD };
        for (names, what, contrasts) in told.iter().take(most) {
            out += &self.line(2, &format!("{} {what}", self.names(names)));
            out += contrasts;
        }
        if told.len() > most {
            out += &format!("  and {} more (`--all` lists them)\n", told.len() - most);
        }
        if !both.found.complete {
            out += "  and perhaps more: the search was too long\n";
        }
        out
    }

    fn names(&self, names: &[String]) -> String {
        if names.len() <= MOST_TOLD || self.is_all {
            return names.join(", ");
        }
        format!("{} and {} more", names[..MOST_TOLD].join(", "), names.len() - MOST_TOLD)
    }

    /// What somebody may now, and what proves it.
    fn compared(&self, both: &Both<'_>, compared: &Compared) -> (String, String) {
        let verb = if compared.action == Action::Publish { "publish" } else { "receive" };
        let what = match compared.found.relation().map(Relation::reversed) {
            Some(Relation::Wider) => "more than before",
            Some(Relation::Narrower) => "less than before",
            Some(Relation::Incomparable) => "something else than before",
            Some(Relation::Equal) => "the same",
            None => "perhaps something else: the search was too long",
        };
        let mut contrasts = String::new();
        for (side, is_gained) in [(&compared.found.only_right, true), (&compared.found.only_left, false)] {
            if let Search::Found(contrast) = side {
                contrasts += &self.contrast(both, compared.action, contrast, is_gained);
            }
        }
        (format!("may {verb} {what}"), contrasts)
    }

    fn contrast(&self, both: &Both<'_>, action: Action, contrast: &Contrast, is_gained: bool) -> String {
        let witness = &contrast.witness;
        let side = |inquiry: &Inquiry, ground: &Ground<'_>, decision: Decision| {
            ground.reason(inquiry, witness.user.as_deref(), action, decision)
        };
        let hangs = both.old.hangs_on_id(contrast.left) || both.new.hangs_on_id(contrast.right);
        let id = if hangs {
            format!(" with the client id `{}`", shown(&witness.client_id))
        } else {
            String::new()
        };
        let (was, is) = if is_gained { ("denied", "allowed") } else { ("allowed", "denied") };
        let mut out = self.line(4, &format!("`{}`{id}", shown(&witness.topic)));
        out += &self.line(6, &format!("was {was}: {}", side(self.old, &both.old, contrast.left)));
        out + &self.line(6, &format!("is {is}: {}", side(self.new, &both.new, contrast.right)))
    }
}
