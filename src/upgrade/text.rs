//! The report for people.

use super::{Item, ItemKind, Upgrade};
use crate::lint::ReleaseVerdict;
use crate::report::render::{printable_line, wrapped};
use crate::show::place;

/// Columns in front of what is said of a line.
const INDENT: usize = 4;

/// The report, in a width. `is_written` tells whether the edits were made.
pub fn text(upgrade: &Upgrade, width: usize, is_written: bool) -> String {
    let writer = Writer { upgrade, width, is_written };
    let mut out = printable_line(&upgrade.name) + "\n";
    out += &writer.verdict(&upgrade.from);
    out += &writer.verdict(&upgrade.to);
    if !upgrade.has_meaning {
        let from = upgrade.from.release;
        let text = format!(
            "{from} does not take it, so that there is no meaning to keep: changes are not told, and nothing is edited"
        );
        out += &wrapped("  ", INDENT, &text, width);
    }
    for (kind, title) in [
        (ItemKind::Refused, "refused"),
        (ItemKind::Changed, "changed without a word"),
        (ItemKind::Deprecated, "deprecated"),
        (ItemKind::Note, "good to know"),
    ] {
        let items: Vec<&Item> = upgrade.items.iter().filter(|item| item.kind == kind).collect();
        if !items.is_empty() {
            out += &format!("\n{title}\n");
        }
        items.into_iter().for_each(|item| out += &writer.item(item));
    }
    let mut unseen = String::new();
    for (path, missing) in &upgrade.not_checked {
        let (path, missing) = (printable_line(path), printable_line(missing));
        let text = format!("not checked: {path} ({missing} does not exist here)");
        unseen += &wrapped("", 2, &text, width);
    }
    if !unseen.is_empty() {
        out = out + "\n" + &unseen;
    }
    out + "\n" + &writer.summary()
}

struct Writer<'a> {
    upgrade: &'a Upgrade,
    width: usize,
    is_written: bool,
}

impl Writer<'_> {
    fn verdict(&self, verdict: &ReleaseVerdict) -> String {
        let inferred = if verdict.release.is_observed() { "" } else { " (inferred from its neighbours)" };
        let answer = match verdict.loads {
            Some(true) => "starts",
            Some(false) => "does not start",
            None => "cannot be told from here",
        };
        let reason = verdict.reason.as_ref().map_or_else(String::new, |(span, message)| {
            format!(": {}: {message}", place(&self.upgrade.sources, *span))
        });
        let line = printable_line(&format!("{}{inferred}: {answer}{reason}", verdict.release));
        wrapped("  ", INDENT, &line, self.width)
    }

    fn item(&self, item: &Item) -> String {
        let place = item.span.map(|span| format!("{}: ", place(&self.upgrade.sources, span)));
        let head = printable_line(&format!("{}{}", place.unwrap_or_default(), item.message));
        let mut out = wrapped("  ", INDENT, &head, self.width);
        let said = |text: &str| item.message.contains(text);
        if let Some((was, is)) = item.values.as_ref().filter(|(was, is)| !said(was) || !said(is)) {
            out += &self.part(&self.upgrade.from.release.to_string(), was);
            out += &self.part(&self.upgrade.to.release.to_string(), is);
        }
        if let Some(why) = &item.why {
            out += &self.part("why", why);
        }
        match (&item.fix, &item.help) {
            (Some(fix), _) => out += &self.part(if self.is_written { "written" } else { "--write" }, fix),
            (None, Some(help)) => out += &self.part("by hand", help),
            (None, None) => {}
        }
        out
    }

    fn part(&self, word: &str, text: &str) -> String {
        wrapped(&format!("{}{word}: ", " ".repeat(INDENT)), INDENT + 2, &printable_line(text), self.width)
    }

    fn summary(&self) -> String {
        let (from, to) = (self.upgrade.from.release, self.upgrade.to.release);
        let items = &self.upgrade.items;
        let count = |kind| items.iter().filter(|item| item.kind == kind).count();
        let (refused, changed, deprecated) =
            (count(ItemKind::Refused), count(ItemKind::Changed), count(ItemKind::Deprecated));
        let fixed = items.iter().filter(|item| item.fix.is_some()).count();
        let left = items.iter().filter(|item| item.is_left()).count();
        let verb = if self.is_written { "done by edits" } else { "for `--write`" };
        let mut out =
            format!("from {from} to {to}: {refused} refused, {changed} changed, {deprecated} deprecated");
        if fixed + left > 0 {
            out += &format!("; {fixed} {verb}, {left} by hand");
        }
        out = wrapped("", 2, &out, self.width);
        if fixed > 0 && self.upgrade.to.loads != self.upgrade.after {
            out += &match self.upgrade.after {
                Some(true) => format!("with the edits {to} starts\n"),
                Some(false) => format!("with the edits {to} does not start yet\n"),
                None => format!("with the edits it cannot be told from here whether {to} starts\n"),
            };
        }
        out
    }
}
