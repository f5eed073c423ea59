//! All that a user may do, for people.

use super::{Effective, Whose};
use crate::access::{Listing, Region, Topics};
use crate::ask::door::Door;
use crate::ask::read::{Inquiry, Reading};
use crate::ask::words::{Line, not_started, shared, shown, silent, unseen};
use crate::report::render::{printable_line, wrapped};
use crate::show::table;

/// What a user may do on each release, in a width: releases of which the same holds share a part, and listeners too.
pub fn text(
    inquiry: &Inquiry,
    found: &[(&Reading, Vec<Effective<'_>>)],
    whose: &Whose,
    width: usize,
) -> String {
    let writer = Writer { inquiry, whose, width };
    let parts = found.iter().map(|(reading, list)| (reading.release(), writer.release(reading, list)));
    let parts: Vec<String> =
        shared(parts.collect()).into_iter().map(|(names, body)| writer.title(&names) + &body).collect();
    parts.join("\n") + &unseen(inquiry, width)
}

struct Writer<'a> {
    inquiry: &'a Inquiry,
    whose: &'a Whose,
    width: usize,
}

impl Writer<'_> {
    fn title(&self, names: &str) -> String {
        let who = match self.whose.user.as_deref().filter(|name| !name.is_empty()) {
            Some(name) => format!("user `{}`", shown(name.as_bytes())),
            None => "a client without a user name".to_owned(),
        };
        let id = match &self.whose.client_id {
            Some(id) => format!(", client id `{}`", shown(id.as_bytes())),
            None => String::new(),
        };
        wrapped("", 2, &format!("{who}{id} on {names}"), self.width)
    }

    fn line(&self, text: &str) -> String {
        wrapped("  ", 4, text, self.width)
    }

    fn release(&self, reading: &Reading, list: &[Effective<'_>]) -> String {
        let mut out = String::new();
        if let Some(why) = not_started(self.inquiry, reading) {
            out += &self.line(&format!("{why}; what follows is what it would do if it went on"));
        }
        let mut bodies: Vec<(Vec<&Door>, String, &Effective<'_>)> = Vec::new();
        for effective in list {
            let body = self.body(effective);
            let same = |other: &Effective<'_>| other.entry == effective.entry;
            match bodies.iter_mut().find(|(_, other, first)| *other == body && same(first)) {
                Some((doors, ..)) => doors.push(effective.door),
                None => bodies.push((vec![effective.door], body, effective)),
            }
        }
        for (doors, body, effective) in bodies {
            let keys: Vec<&str> = doors.iter().filter_map(|door| door.key.as_deref()).collect();
            let word = if keys.len() == 1 { "listener" } else { "listeners" };
            if let Some(entry) = &effective.entry {
                let head = format!("{word} {}: {}", keys.join(", "), entry.words);
                out += &wrapped("", 2, &printable_line(&head), self.width);
            }
            out += &body;
        }
        out
    }

    fn body(&self, effective: &Effective<'_>) -> String {
        let door = effective.door;
        let regions = match &effective.rights {
            Ok(regions) => regions,
            Err(open) => return self.line(&silent(door, open)),
        };
        let mut out = String::new();
        if effective.client.client_id == super::LEFT_OPEN.as_bytes() && self.whose.client_id.is_none() {
            let is_shown = regions.iter().flat_map(|listing| &listing.entries).any(has_id);
            if is_shown {
                out += &self.line("`%c` stands for the client id, which the client chooses");
            }
        }
        if !door.mount_point.is_empty() {
            let mount = printable_line(&door.mount_point);
            out += &self.line(&format!("topics as the broker sees them: the client leaves `{mount}` out"));
        }
        for (verb, listing) in ["publish to", "receive"].into_iter().zip(regions) {
            out += &self.regions(verb, door, listing);
        }
        out
    }

    fn regions(&self, verb: &str, door: &Door, listing: &Listing<Region>) -> String {
        if listing.entries.is_empty() && listing.complete {
            return format!("  may {verb} nothing\n");
        }
        let place = |rule: usize| Some(Line::of(self.inquiry, door.rights.acl()?, rule)?.home().to_owned());
        let mut regions: Vec<&Region> = listing.entries.iter().collect();
        regions.sort_by_key(|region| region.topics == Topics::Dollar);
        let rows = regions.into_iter().map(|region| {
            let mut topics = vec![name(&region.topics)];
            let except = region.except.iter().map(|except| {
                let line = except.rule.and_then(place).map(|line| format!(" ({line})")).unwrap_or_default();
                format!("`{}`{line}", shown(&except.filter))
            });
            let except: Vec<String> = except.collect();
            if !except.is_empty() {
                topics.push(format!("but not {}", except.join(", ")));
            }
            let lines: Vec<String> = region.rules.iter().filter_map(|rule| place(*rule)).collect();
            let lines = if lines.is_empty() { "no ACL file".to_owned() } else { lines.join(", ") };
            vec![topics.join(" "), lines]
        });
        let mut out = format!("  may {verb}\n") + &table(&rows.collect::<Vec<_>>(), self.width, 4);
        if !listing.complete {
            out += "    and perhaps more: the search was too long\n";
        }
        out
    }
}

fn name(topics: &Topics) -> String {
    match topics {
        Topics::Filter(filter) => format!("`{}`", shown(filter)),
        Topics::Dollar => "all that begins with `$`".to_owned(),
    }
}

/// Whether the client id stands in a region.
fn has_id(region: &Region) -> bool {
    let holds = |filter: &[u8]| filter.windows(2).any(|pair| pair == super::LEFT_OPEN.as_bytes());
    let is_in = matches!(&region.topics, Topics::Filter(filter) if holds(filter));
    is_in || region.except.iter().any(|except| holds(&except.filter))
}
