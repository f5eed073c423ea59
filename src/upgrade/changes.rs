//! Changes of meaning: listeners, who may connect, and options.

use std::collections::{BTreeMap, BTreeSet};

use super::reading::Side;
use super::remedies::has_gaps;
use super::{Item, ItemKind};
use crate::catalogue::{Kind, OptionId, Quirk, Release, Scope, options};
use crate::model::{Listener, PluginKind};
use crate::show::{self, Admission, Door, Nobody, Origin, Row, Shown, Way};
use crate::text::Span;

/// Options that are compared as what they come to, not as lines: who may connect, what clients may do, which listeners
/// are there, which prefix ids have.
const COMPARED_OTHERWISE: [OptionId; 8] = [
    options::ALLOW_ANONYMOUS,
    options::AUTO_ID_PREFIX,
    options::BIND_ADDRESS,
    options::LISTENER_ALLOW_ANONYMOUS,
    options::LISTENER_AUTO_ID_PREFIX,
    options::PER_LISTENER_SETTINGS,
    options::PLUGIN_USE,
    options::PORT,
];

/// Defaults that changed, and what clients see of it.
const DEFAULTS: [(OptionId, &str, &str); 2] = [
    (
        options::ALLOW_DUPLICATE_MESSAGES,
        "where it is true, a client with overlapping subscriptions gets a message once for each of them",
        "write `allow_duplicate_messages` where clients rely on it; the option is deprecated",
    ),
    (
        options::MAX_PACKET_SIZE,
        "where it is set, a client that sends a larger message is disconnected",
        "write `max_packet_size` with the size that is meant; 268435455 is as good as no limit",
    ),
];

/// Compares what two sides do with listeners, bridges, plugins and the broker's own options.
pub(super) fn changes(from: &Side, to: &Side) -> Vec<Item> {
    let mut comparison = Comparison { from, to, items: Vec::new() };
    comparison.doors();
    comparison.rows("", &from.view.global, &to.view.global, true);
    comparison.defaults();
    comparison.bridges();
    comparison.plugins();
    comparison.items
}

struct Comparison<'a> {
    from: &'a Side,
    to: &'a Side,
    items: Vec<Item>,
}

impl Comparison<'_> {
    fn releases(&self) -> (Release, Release) {
        (self.from.lowered.deployment.release, self.to.lowered.deployment.release)
    }

    fn push(&mut self, key: String, span: Option<Span>, message: String) -> &mut Item {
        let at = self.items.len();
        self.items.push(Item::new(ItemKind::Changed, key, span, message));
        &mut self.items[at]
    }

    fn doors(&mut self) {
        let (from, to) = (self.from, self.to);
        let mut theirs: Vec<(&Door, &Listener)> =
            to.view.listeners.iter().zip(&to.lowered.deployment.listeners).collect();
        let mut alone = Vec::new();
        for (door, listener) in from.view.listeners.iter().zip(&from.lowered.deployment.listeners) {
            match theirs.iter().position(|(other, _)| show::title(other) == show::title(door)) {
                Some(at) => {
                    let (other, its) = theirs.remove(at);
                    self.door((door, listener), (other, its));
                }
                None => alone.push((door, listener)),
            }
        }
        for (door, listener) in alone {
            match theirs.iter().position(|(other, _)| other.port == door.port && door.port.is_some()) {
                Some(at) => {
                    let (other, its) = theirs.remove(at);
                    self.moved(door, other);
                    self.admission((door, listener), (other, its));
                }
                None => self.vanished(door),
            }
        }
        theirs.into_iter().for_each(|(door, _)| self.appeared(door));
    }

    fn moved(&mut self, door: &Door, other: &Door) {
        let (old, new) = self.releases();
        let (was, is) = (show::title(door), show::title(other));
        let span = span(other.origin).or(span(door.origin));
        let item = self.push(
            format!("moved {was}"),
            span,
            format!("{old} opens {was}, {new} opens {is} in its place"),
        );
        item.values = Some((was, is));
        item.why = Some("clients reach it from elsewhere, or no longer".to_owned());
        item.help = Some("write a `listener` line with the port and address that are meant".to_owned());
    }

    fn vanished(&mut self, door: &Door) {
        let (old, new) = self.releases();
        let title = show::title(door);
        let message = format!("{old} opens {title}, {new} does not");
        let item = self.push(format!("vanished {title}"), span(door.origin), message);
        item.why = Some("its clients cannot connect any more".to_owned());
        item.help = Some(format!("write a `listener {}` line", door.port.unwrap_or_default()));
    }

    fn appeared(&mut self, door: &Door) {
        let (old, new) = self.releases();
        let title = show::title(door);
        let message = format!("{new} opens {title}, {old} does not");
        let why = format!("who may connect there: {}", show::who(door));
        let item = self.push(format!("appeared {title}"), span(door.origin), message);
        item.why = Some(why);
        item.help =
            Some("move the options above the first `listener` line below one, or drop them".to_owned());
    }

    /// Compares what two releases do at one listener.
    fn door(&mut self, (door, listener): (&Door, &Listener), (other, its): (&Door, &Listener)) {
        self.admission((door, listener), (other, its));
        self.rows(&show::title(door), &door.rows, &other.rows, false);
    }

    /// Compares who may connect to one listener, and where it is.
    fn admission(&mut self, (door, listener): (&Door, &Listener), (other, its): (&Door, &Listener)) {
        let (old, new) = self.releases();
        let title = show::title(door);
        let place = span(other.origin).or(span(door.origin));
        let admits = |door: &Door| {
            let admission = &door.admission;
            (ways(admission), admission.demand, admission.proxy, admission.asks_plugin)
        };
        let is_same = admits(door) == admits(other);
        let versions = |door: &Door| door.admission.tls_versions.is_some();
        let is_vague =
            versions(door) != versions(other) && door.admission.has_tls() == other.admission.has_tls();
        for (name, is_same, was, is) in [
            ("who may connect", is_same, show::who(door), show::who(other)),
            ("what is spoken", is_vague, spoken(door), spoken(other)),
            ("whether a plugin is asked", show::who(door) != show::who(other), asked(door), asked(other)),
            ("the prefix of new client ids", false, prefix(self.from, listener), prefix(self.to, its)),
        ] {
            if was != is && !is_same {
                let span = self.blamed(listener, its).filter(|_| name.starts_with("who")).or(place);
                let message = format!("{name} on {title} changes");
                let key = format!("door {title} {name} {was} {is}");
                let item = self.push(key, span, message);
                item.values = Some((was, is));
                item.help = Some(format!("make sure that this is meant before {new} runs"));
            }
        }
        let remarks = |door: &Door, other: &Door| {
            door.remarks.iter().filter(|remark| !other.remarks.contains(remark)).cloned().collect::<Vec<_>>()
        };
        for (release, here) in [(old, remarks(door, other)), (new, remarks(other, door))] {
            let is_local = |remark: &String| remark.contains("only this machine");
            for remark in here.iter().filter(|remark| !is_local(remark)) {
                let key = format!("remark {title} {remark} {release}");
                let remark = remark.replace("this release", "it");
                let message = format!("{title} is another socket in {release}: {remark}");
                let item = self.push(key, place, message);
                item.help = Some("make sure that clients reach it by the address that is meant".to_owned());
            }
        }
    }

    /// The line that decides whether clients without a name are let in, where the releases differ in that.
    fn blamed(&self, listener: &Listener, its: &Listener) -> Option<Span> {
        let was = self.from.lowered.deployment.anonymous(listener);
        let is = self.to.lowered.deployment.anonymous(its);
        is.1.or(was.1).filter(|_| was.0 != is.0)
    }

    fn bridges(&mut self) {
        let (from, to) = (self.from, self.to);
        for remote in &from.view.bridges {
            let Some(other) = to.view.bridges.iter().find(|other| other.name == remote.name) else {
                continue;
            };
            self.rows(&format!("bridge {}", remote.name), &remote.rows, &other.rows, false);
        }
    }

    fn plugins(&mut self) {
        let (from, to) = (self.from, self.to);
        self.plugin_blocks();
        for (plugin, other) in from.view.plugins.iter().zip(&to.view.plugins) {
            self.rows(&format!("plugin {}", plugin.path), &plugin.rows, &other.rows, false);
            if plugin.path != other.path {
                let (old, new) = self.releases();
                let key = format!("plugin {} {}", plugin.path, other.path);
                let message = format!("{new} loads the plugin from another path than {old}");
                let item = self.push(key, span(plugin.origin), message);
                item.values = Some((format!("`{}`", plugin.path), format!("`{}`", other.path)));
                item.why =
                    Some("blanks around the path of a plugin are part of it in some releases".to_owned());
            }
        }
    }

    /// Plugins that belong to listeners with one side, and to all of them with the other.
    fn plugin_blocks(&mut self) {
        let (old, new) = self.releases();
        let (from, to) = (&self.from.lowered.deployment, &self.to.lowered.deployment);
        let (was, is) = (from.is_per_listener(), to.is_per_listener());
        let own = from.plugins.iter().find(|plugin| plugin.kind == PluginKind::Own);
        let Some(plugin) = own.filter(|_| was != is && from.listeners.len().max(to.listeners.len()) > 1)
        else {
            return;
        };
        let whose = |is_own| if is_own { "its own listener" } else { "every listener" }.to_owned();
        let message = format!("{old} asks the plugin for {}, {new} for {}", whose(was), whose(is));
        let item = self.push(format!("plugin blocks {was} {is}"), Some(plugin.span), message);
        item.values = Some((whose(was), whose(is)));
        item.why = Some("it decides who connects and what clients do there".to_owned());
        item.help = Some("write `per_listener_settings` as it is meant, above all such lines".to_owned());
    }

    fn rows<'r>(&mut self, block: &str, from: &'r [Row], to: &'r [Row], is_global: bool) {
        let (old, new) = self.releases();
        let (mine, theirs) = (by_option(from), by_option(to));
        let all: BTreeSet<&Key> = mine.keys().chain(theirs.keys()).collect();
        for key in all {
            let option = key.0;
            let is_known = option.is_known(old) && option.is_known(new);
            // The value is not read by one of them, which is told as such.
            let is_unread = |release| option.entry().unread.is_some_and(|unread| unread <= release);
            if COMPARED_OTHERWISE.contains(&option) || !is_known || is_unread(old) || is_unread(new) {
                continue;
            }
            let (was, is) = (mine.get(key), theirs.get(key));
            let lines = |rows: Option<&Vec<&'r Row>>| rows.cloned().unwrap_or_default();
            let (was, is) = (lines(was), lines(is));
            if was.iter().chain(&is).any(|row| row.origin != Origin::Default) {
                self.row(block, option, (&was, &is), is_global);
            }
        }
    }

    /// Compares the lines of one option in one block.
    fn row(&mut self, block: &str, option: OptionId, (was, is): (Lines<'_>, Lines<'_>), is_global: bool) {
        let (old, new) = self.releases();
        let before = meaning(option, was, old);
        let after = meaning(option, is, new);
        self.refused_words(block, option, was);
        if before == after {
            return;
        }
        let name = option.name();
        let of = if is_global || block.is_empty() { String::new() } else { format!(" of {block}") };
        if was.len() > 1 || is.len() > 1 {
            self.lost_lines(&format!("`{name}`{of}"), (was, is), (old, new));
            self.lost_lines(&format!("`{name}`{of}"), (is, was), (new, old));
            return;
        }
        let line = |rows: Lines<'_>| rows.iter().find_map(|row| span(row.origin));
        let idle = |rows: Lines<'_>| rows.iter().find_map(|row| row.idle.clone());
        let key = format!("row {block} {name} {before:?} {after:?}");
        let message = format!("`{name}`{of} is {before} in {old}, and {after} in {new}");
        let why = match (idle(was), idle(is)) {
            (Some(why), None) => Some(format!("{old} does not enforce it: {why}; {new} does")),
            (None, Some(why)) => Some(format!("{new} does not enforce it: {why}")),
            _ if line(was) == line(is) => self.read_otherwise(option),
            _ => Some("the line does not belong to the same block in both releases".to_owned()),
        };
        let item = self.push(key, line(is).or(line(was)), message);
        item.option = Some(option);
        item.values = Some((before, after));
        item.why = why;
        item.help = Some(format!("write what is meant so that {old} and {new} read it alike"));
        if idle(was).is_some() {
            item.help = Some("keep the line if it is meant, or drop it".to_owned());
        }
    }

    /// Lines of an option with several, which one release heeds and the other does not.
    fn lost_lines(
        &mut self,
        what: &str,
        (has, lacks): (Lines<'_>, Lines<'_>),
        (with, without): (Release, Release),
    ) {
        for row in has.iter().filter(|row| row.idle.is_none()) {
            let value = show::value(row);
            let is_it = |other: &&&Row| show::value(other) == value;
            if lacks.iter().find(is_it).is_some_and(|other| other.idle.is_none()) {
                continue;
            }
            let message =
                format!("{what}: the line `{value}` has an effect in {with}, and none in {without}");
            let key = format!("line {what} {value} {with}");
            let idle = lacks.iter().find(|other| other.origin == row.origin).and_then(|row| row.idle.clone());
            let item = self.push(key, span(row.origin), message);
            item.option = Some(row.option);
            item.why = idle;
            item.help = (row.option == options::TOPIC).then(|| {
                let rule = "lines with one pattern, direction and QoS are the same where one has no prefix";
                format!("give one of the two lines another QoS: in {without} {rule}")
            });
        }
    }

    /// Why two releases read another value in one line.
    fn read_otherwise(&self, option: OptionId) -> Option<String> {
        let (old, new) = self.releases();
        let is_number = matches!(option.entry().kind, Kind::Int);
        (is_number && old.has(Quirk::NumbersByAtoi) != new.has(Quirk::NumbersByAtoi)).then(|| {
            "2.0 reads leading digits; 2.1 reads numbers as C writes them, where a leading 0 means octal"
                .to_owned()
        })
    }

    /// A word that the new release takes and does not know once it needs it.
    fn refused_words(&mut self, block: &str, option: OptionId, was: Lines<'_>) {
        let (old, new) = self.releases();
        let entry = option.entry();
        let line = was.last().filter(|row| row.origin != Origin::Default);
        let Some((Shown::Text(word), Some(at))) = line.map(|row| (&row.value, span(row.origin))) else {
            return;
        };
        let known = |release| entry.words_at(release).any(|known| known == word);
        if entry.scope == Scope::Bridge && known(old) && !known(new) {
            let key = format!("word {block} {word}");
            let message = format!("{new} does not know `{word}` for `{}`", entry.name);
            let item = self.push(key, Some(at), message);
            item.option = Some(option);
            item.why = Some(format!("it starts, but {block} never connects; in {old} it does"));
            let words: Vec<String> = entry.words_at(new).map(|word| format!("`{word}`")).collect();
            item.help = Some(format!("write {}", words.join(" or ")));
        }
    }

    /// Defaults of the broker that changed, where no line says otherwise.
    fn defaults(&mut self) {
        let (old, new) = self.releases();
        for (option, why, help) in DEFAULTS {
            let is_written =
                |rows: &[Row]| rows.iter().any(|row| row.option == option && row.origin != Origin::Default);
            if is_written(&self.from.view.global) || is_written(&self.to.view.global) {
                continue;
            }
            let value = |release| show::value(&show::default_row(option, release));
            let (was, is) = (value(old), value(new));
            if was == is {
                continue;
            }
            let name = option.name();
            let seen = if has_gaps(&self.to.lowered) {
                "is not written in what can be seen"
            } else {
                "is not written"
            };
            let message = format!("`{name}` {seen}, and its default changed from {was} to {is}");
            let item = self.push(format!("default {name}"), None, message);
            item.option = Some(option);
            item.values = Some((was, is));
            item.why = Some(why.to_owned());
            item.help = Some(help.to_owned());
        }
    }
}

/// The lines of one option in one block.
type Lines<'a> = &'a [&'a Row];

/// What tells the lines of a block apart: the option, and for those of plugins the whole name.
type Key = (OptionId, String);

fn by_option(rows: &[Row]) -> BTreeMap<Key, Vec<&Row>> {
    let mut found: BTreeMap<Key, Vec<&Row>> = BTreeMap::new();
    for row in rows {
        let is_any = row.option.entry().kind == Kind::PluginOption;
        let name = if is_any { row.name.clone() } else { String::new() };
        found.entry((row.option, name)).or_default().push(row);
    }
    found
}

/// What the lines of an option come to: lines that are not enforced are as good as none.
fn meaning(option: OptionId, rows: Lines<'_>, release: Release) -> String {
    let enforced: Vec<String> =
        rows.iter().filter(|row| row.idle.is_none()).map(|row| show::value(row)).collect();
    if enforced.is_empty() { show::value(&show::default_row(option, release)) } else { enforced.join(", ") }
}

/// The ways in; who is in the password file is compared user by user.
fn ways(admission: &Admission) -> Result<Vec<Way>, Nobody> {
    let without_count = |way: &Way| match way {
        Way::Password { .. } => Way::Password { users: None },
        other => *other,
    };
    admission.ways.as_ref().map(|ways| ways.iter().map(without_count).collect()).map_err(|why| *why)
}

fn asked(door: &Door) -> String {
    if door.admission.asks_plugin { "a plugin is asked" } else { "no plugin is asked" }.to_owned()
}

fn spoken(door: &Door) -> String {
    let admission = &door.admission;
    let tls = match (admission.has_certificate, admission.has_keys, &admission.tls_versions) {
        (false, false, _) => "no TLS".to_owned(),
        (_, true, _) => "TLS with keys".to_owned(),
        (true, false, None) => "TLS".to_owned(),
        (true, false, Some(versions)) => format!("TLS {}", versions.join(", ")),
    };
    format!("{:?}, {tls}", door.protocol)
        .to_lowercase()
        .replace("tls", "TLS")
        .replace("no TLS", "without TLS")
}

/// The beginning of the ids that the broker makes for clients without one.
fn prefix(side: &Side, listener: &Listener) -> String {
    let own = listener.settings.text(options::LISTENER_AUTO_ID_PREFIX);
    let shared = side.lowered.deployment.security_of(listener).settings.text(options::AUTO_ID_PREFIX);
    own.or(shared).map_or_else(|| "not set".to_owned(), |text| format!("`{}`", text.value))
}

fn span(origin: Origin) -> Option<Span> {
    match origin {
        Origin::Line(span) => Some(span),
        Origin::Default => None,
    }
}
