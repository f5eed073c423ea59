//! The report for people: first who may connect where, then every block with its options.

use super::table::table;
use super::{
    Admission, Demand, Door, Effective, Loaded, Nobody, Origin, Remote, Rights, Row, Shown, View, Way, place,
};
use crate::model::{ListenerKind, PluginKind, Protocol};
use crate::report::render::{printable_line, wrapped};
use crate::text::Span;

/// Columns in front of what stands under a heading.
const INDENT: usize = 2;

/// The report, in a width. Releases that do the same share a part.
pub fn text(effective: &Effective, width: usize) -> String {
    let writer = Writer { effective, width };
    let mut parts: Vec<(Vec<&View>, String)> = Vec::new();
    for view in &effective.views {
        let body = writer.body(view);
        match parts.iter_mut().find(|(_, other)| *other == body) {
            Some((views, _)) => views.push(view),
            None => parts.push((vec![view], body)),
        }
    }
    let parts: Vec<String> = parts
        .iter()
        .map(|(views, body)| {
            let verdicts = views.iter().map(|view| writer.verdict(view));
            format!("{}{body}", verdicts.collect::<String>())
        })
        .collect();
    parts.join("\n")
}

struct Writer<'a> {
    effective: &'a Effective,
    width: usize,
}

impl Writer<'_> {
    fn place(&self, span: Span) -> String {
        printable_line(&place(&self.effective.sources, span))
    }

    fn origin(&self, origin: Origin) -> String {
        match origin {
            Origin::Default => "default".to_owned(),
            Origin::Line(span) if span.source == self.effective.main => self.place(span),
            Origin::Line(span) => format!("include {}", self.place(span)),
        }
    }

    fn verdict(&self, view: &View) -> String {
        let verdict = &view.verdict;
        let inferred = if verdict.release.is_observed() { "" } else { " (inferred from its neighbours)" };
        let answer = match verdict.loads {
            Some(true) => "starts",
            Some(false) => "does not start",
            None => "cannot be told from here",
        };
        let name = printable_line(&self.effective.name);
        let head = format!("{name} for Mosquitto {}{inferred}: {answer}", verdict.release);
        let reason = verdict.reason.as_ref().map_or_else(String::new, |(span, message)| {
            let reason = format!("{}: {}", self.place(*span), printable_line(message));
            wrapped("  ", INDENT, &reason, self.width)
        });
        self.paragraph(&head) + &reason
    }

    /// A text of its own, its later lines indented.
    fn paragraph(&self, text: &str) -> String {
        wrapped("", INDENT, text, self.width)
    }

    fn body(&self, view: &View) -> String {
        let mut out = String::new();
        if view.verdict.loads == Some(false) {
            out += "what follows is what it would do if it went on\n";
        }
        out += "\n";
        out += &self.doors(view);
        out += &self.section("global", &view.global);
        for door in &view.listeners {
            let title = format!("{} ({})", title(door), self.made(door));
            out += &self.section(&title, &door.rows);
        }
        for bridge in &view.bridges {
            out += &self.section(&self.bridge_title(bridge), &bridge.rows);
        }
        for plugin in &view.plugins {
            out += &self.section(&self.plugin_title(plugin), &plugin.rows);
        }
        if !view.lost.is_empty() {
            out += "\nlines of which nothing comes\n";
            let rows = view.lost.iter().map(|lost| {
                vec![
                    printable_line(&lost.name),
                    printable_line(&lost.why),
                    self.origin(Origin::Line(lost.span)),
                ]
            });
            out += &table(&rows.collect::<Vec<_>>(), self.width, INDENT);
        }
        if !self.effective.not_checked.is_empty() {
            out += "\n";
        }
        for (path, missing) in &self.effective.not_checked {
            let (path, missing) = (printable_line(path), printable_line(missing));
            out += &self.paragraph(&format!("not checked: {path} ({missing} does not exist here)"));
        }
        out
    }

    /// The table of listeners, and what is to be said of all of them.
    fn doors(&self, view: &View) -> String {
        if view.listeners.is_empty() {
            return "no listener\n".to_owned();
        }
        let head = ["listener", "protocol", "TLS", "who may connect", "rights"].map(str::to_owned).to_vec();
        let rows = view.listeners.iter().map(|door| {
            vec![address(door), protocol(door).to_owned(), tls(&door.admission), who(door), rights(door)]
        });
        let mut out = table(&std::iter::once(head).chain(rows).collect::<Vec<_>>(), self.width, 0);
        for door in &view.listeners {
            for remark in &door.remarks {
                out += &self.paragraph(&format!("{}: {remark}", title(door)));
            }
        }
        if let Some(prefix) = &view.clientid_prefix {
            let prefix = printable_line(prefix);
            out += &self.paragraph(&format!("only client ids that begin with `{prefix}` are let in"));
        }
        out
    }

    fn made(&self, door: &Door) -> String {
        match (door.kind, door.origin) {
            (ListenerKind::LocalOnly, _) => "no listener is configured".to_owned(),
            (ListenerKind::Default, origin) => format!("default listener, opened by {}", self.origin(origin)),
            (ListenerKind::Explicit, origin) => self.origin(origin),
        }
    }

    fn bridge_title(&self, bridge: &Remote) -> String {
        let addresses = bridge.addresses.iter().map(|(host, port)| format!("{host}:{port}"));
        let addresses = addresses.collect::<Vec<_>>().join(", ");
        let tls = if bridge.has_tls { "with TLS" } else { "without TLS" };
        let to = if addresses.is_empty() { String::new() } else { format!(" to {addresses}") };
        printable_line(&format!("bridge {}{to}, {tls} ({})", bridge.name, self.origin(bridge.origin)))
    }

    fn plugin_title(&self, plugin: &Loaded) -> String {
        let kind = match &plugin.kind {
            PluginKind::Own => "plugin".to_owned(),
            PluginKind::Global => "global plugin".to_owned(),
            PluginKind::Named(name) => format!("plugin {}", name.value),
        };
        printable_line(&format!("{kind} {} ({})", plugin.path, self.origin(plugin.origin)))
    }

    fn section(&self, title: &str, rows: &[Row]) -> String {
        let cells = rows.iter().map(|row| {
            let value = match &row.idle {
                Some(why) => format!("{} (not enforced: {why})", value(row)),
                None => value(row),
            };
            vec![printable_line(&row.name), printable_line(&value), self.origin(row.origin)]
        });
        let table = table(&cells.collect::<Vec<_>>(), self.width, INDENT);
        format!("\n{}{table}", self.paragraph(title))
    }
}

/// The value of an option, in words.
pub fn value(row: &Row) -> String {
    let entry = row.option.entry();
    let unit = row.unit().map(|unit| format!(" {unit}")).unwrap_or_default();
    match &row.value {
        Shown::Flag(flag) => flag.to_string(),
        Shown::Number(number) if entry.unlimited && *number <= 0 => "no limit".to_owned(),
        Shown::Number(number) => format!("{number}{unit}"),
        Shown::Text(text) => text.clone(),
        Shown::Secret => "***".to_owned(),
        Shown::Unset => "not set".to_owned(),
    }
}

fn address(door: &Door) -> String {
    let shown = match (&door.socket, door.port, &door.host, door.kind) {
        (Some(socket), ..) => socket.clone(),
        (None, port, _, ListenerKind::LocalOnly) => format!("{} on loopback", port.unwrap_or_default()),
        (None, port, Some(host), _) => format!("{} on {host}", port.unwrap_or_default()),
        (None, port, None, _) => port.unwrap_or_default().to_string(),
    };
    printable_line(&shown)
}

/// How a listener is called.
pub fn title(door: &Door) -> String {
    format!("listener {}", address(door))
}

/// The protocol as `protocol` spells it.
pub(super) fn protocol(door: &Door) -> &'static str {
    match door.protocol {
        Protocol::Mqtt => "mqtt",
        Protocol::Websockets => "websockets",
        Protocol::HttpApi => "http_api",
    }
}

fn tls(admission: &Admission) -> String {
    let spoken = match (admission.has_certificate, admission.has_keys) {
        (false, false) => "no".to_owned(),
        (false, true) => "with keys (PSK)".to_owned(),
        (true, true) => "with certificate or keys (PSK)".to_owned(),
        (true, false) => match &admission.tls_versions {
            Some(versions) => versions.join(", "),
            None => "yes".to_owned(),
        },
    };
    let required = if admission.requires_certificate { "; client certificate required" } else { "" };
    format!("{spoken}{required}")
}

/// Who may connect to a listener, and how, in words.
pub fn who(door: &Door) -> String {
    let admission = &door.admission;
    let ways = match &admission.ways {
        Err(Nobody::NoLogin | Nobody::NoUser) if admission.asks_plugin => &[][..],
        Err(why) => return format!("nobody: {}", why.words()),
        Ok(ways) => ways,
    };
    let trusted = printable_line(&door.trusted.join(", "));
    let of = if trusted.is_empty() { String::new() } else { format!(" of {trusted}") };
    let proxy = admission.proxy.map(|version| format!("through a proxy (PROXY protocol {version})"));
    let shown = match admission.demand {
        Demand::Nothing => None,
        Demand::Certificate => Some(format!("certificate{of}")),
        Demand::Key => Some(format!("key{of}")),
        Demand::CertificateOrKey => Some(format!("certificate or key{of}")),
    };
    let conditions: Vec<String> = proxy.into_iter().chain(shown).collect();
    let conditions = conditions.join(", ");
    let said: Vec<String> = ways.iter().map(|way| in_words(*way, door)).collect();
    let mut said = said.join(", or ");
    if admission.asks_plugin && !admission.names_from_tls() {
        said = match ways {
            [] => "as the plugin says".to_owned(),
            // A plugin that looks at logins and does not know a name turns it away.
            [Way::Anybody] => {
                format!(
                    "as the plugin says, else {}; {said} if it checks no logins",
                    in_words(Way::Anonymous, door)
                )
            }
            _ => format!("as the plugin says, else {said}"),
        };
    }
    if conditions.is_empty() { said } else { format!("{conditions}; {said}") }
}

fn in_words(way: Way, door: &Door) -> String {
    let file = printable_line(door.password_file.as_deref().unwrap_or_default());
    match way {
        Way::Anybody if door.admission.demand == Demand::Nothing => {
            "anybody (any name and password, or none)".to_owned()
        }
        Way::Anybody => "any name and password, or none".to_owned(),
        Way::Anonymous => "anonymous (no name)".to_owned(),
        Way::Password { users: Some(1) } => format!("password (1 user in {file})"),
        Way::Password { users: Some(count) } => format!("password ({count} users in {file})"),
        Way::Password { users: None } => format!("password (users of {file})"),
        Way::CommonName => "its common name is the user name".to_owned(),
        Way::Subject => "its subject is the user name".to_owned(),
        Way::KeyIdentity => "its identity is the user name".to_owned(),
    }
}

/// What clients of a listener may do, in words.
pub fn rights(door: &Door) -> String {
    let is_nothing = door.admission.ways == Err(Nobody::NotMqtt);
    let by_file = match &door.rights {
        _ if is_nothing => return "-".to_owned(),
        Rights::Everything => "everything (no ACL file)".to_owned(),
        Rights::File { file, rules: Some(0) } => format!("nothing ({} has no rule)", printable_line(file)),
        Rights::File { file, rules: Some(1) } => format!("{} (1 rule)", printable_line(file)),
        Rights::File { file, rules: Some(count) } => format!("{} ({count} rules)", printable_line(file)),
        Rights::File { file, rules: None } => format!("what {} says", printable_line(file)),
    };
    match (door.admission.asks_plugin, &door.rights) {
        (false, _) => by_file,
        // A plugin that looks at rights and does not know a topic denies it.
        (true, Rights::Everything) => format!("as the plugin says; {by_file} if it checks no rights"),
        (true, Rights::File { .. }) => format!("as the plugin says, else {by_file}"),
    }
}
