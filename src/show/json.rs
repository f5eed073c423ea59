//! The report for programs.

use serde_json::{Value, json};

use super::text::{protocol, rights, who};
use super::{
    Admission, Demand, Door, Effective, Loaded, Lost, Origin, Remote, Rights, Row, Shown, View, Way,
};
use crate::catalogue::Kind;
use crate::model::{ListenerKind, PluginKind};
use crate::text::Span;

/// The version of the report's form.
pub(super) const VERSION: u32 = 1;

/// What the releases make of an input, as one JSON document; [`super::schema`] describes it.
pub fn json(effective: &Effective) -> Value {
    let writer = Writer { effective };
    json!({
        "version": VERSION,
        "path": effective.name,
        "kind": effective.kind.as_str(),
        "releases": effective.views.iter().map(|view| writer.view(view)).collect::<Vec<_>>(),
        "not_checked": effective.not_checked.iter()
            .map(|(path, missing)| json!({ "path": path, "missing": missing }))
            .collect::<Vec<_>>(),
    })
}

struct Writer<'a> {
    effective: &'a Effective,
}

impl Writer<'_> {
    fn place(&self, span: Span) -> (String, u32) {
        let source = self.effective.sources.get(span.source);
        (source.name().to_owned(), source.position(span.start).line)
    }

    fn origin(&self, origin: Origin) -> Value {
        let Origin::Line(span) = origin else {
            return json!({ "from": "default", "file": null, "line": null });
        };
        let from = if span.source == self.effective.main { "line" } else { "include" };
        let (file, line) = self.place(span);
        json!({ "from": from, "file": file, "line": line })
    }

    fn view(&self, view: &View) -> Value {
        let verdict = &view.verdict;
        let reason = verdict.reason.as_ref().map(|(span, message)| {
            let source = self.effective.sources.get(span.source);
            let position = source.position(span.start);
            json!({
                "file": source.name(),
                "line": position.line,
                "column": position.column,
                "message": message,
            })
        });
        json!({
            "release": verdict.release.to_string(),
            "inferred": !verdict.release.is_observed(),
            "loads": verdict.loads,
            "reason": reason,
            "listeners": view.listeners.iter().map(|door| self.door(door)).collect::<Vec<_>>(),
            "clientid_prefix": view.clientid_prefix,
            "global": self.rows(&view.global),
            "bridges": view.bridges.iter().map(|bridge| self.bridge(bridge)).collect::<Vec<_>>(),
            "plugins": view.plugins.iter().map(|plugin| self.plugin(plugin)).collect::<Vec<_>>(),
            "without_effect": view.lost.iter().map(|lost| self.lost(lost)).collect::<Vec<_>>(),
        })
    }

    fn door(&self, door: &Door) -> Value {
        let admission = &door.admission;
        let kind = match door.kind {
            ListenerKind::Explicit => "listener",
            ListenerKind::Default => "default",
            ListenerKind::LocalOnly => "local-only",
        };
        let (file, rules) = match &door.rights {
            Rights::Everything => (None, None),
            Rights::File { file, rules } => (Some(file), *rules),
        };
        json!({
            "kind": kind,
            "port": door.port,
            "host": door.host,
            "socket": door.socket,
            "protocol": protocol(door),
            "origin": self.origin(door.origin),
            "tls": {
                "certificate": admission.has_certificate,
                "keys": admission.has_keys,
                "versions": admission.tls_versions,
                "client_certificate_required": admission.requires_certificate,
            },
            "access": access(admission, door),
            "rights": {
                "summary": rights(door),
                "asks_plugin": admission.asks_plugin,
                "acl_file": file,
                "rules": rules,
            },
            "remarks": door.remarks,
            "options": self.rows(&door.rows),
        })
    }

    fn rows(&self, rows: &[Row]) -> Vec<Value> {
        rows.iter().map(|row| self.row(row)).collect()
    }

    fn row(&self, row: &Row) -> Value {
        let entry = row.option.entry();
        // The key of a plugin's option is part of its name.
        let is_any = entry.kind == Kind::PluginOption;
        let value = match &row.value {
            Shown::Flag(flag) => json!(flag),
            Shown::Number(number) => json!(number),
            Shown::Text(text) => json!(text),
            Shown::Secret => json!("***"),
            Shown::Unset => Value::Null,
        };
        json!({
            "option": if is_any { &row.name } else { entry.name },
            "written_as": (row.origin != Origin::Default).then_some(&row.name),
            "value": value,
            "secret": row.value == Shown::Secret,
            "unit": entry.unit,
            "origin": self.origin(row.origin),
            "not_enforced": row.idle,
        })
    }

    fn bridge(&self, bridge: &Remote) -> Value {
        let addresses = bridge.addresses.iter().map(|(host, port)| json!({ "host": host, "port": port }));
        json!({
            "name": bridge.name,
            "origin": self.origin(bridge.origin),
            "addresses": addresses.collect::<Vec<_>>(),
            "tls": bridge.has_tls,
            "options": self.rows(&bridge.rows),
        })
    }

    fn plugin(&self, plugin: &Loaded) -> Value {
        let (kind, name) = match &plugin.kind {
            PluginKind::Own => ("plugin", None),
            PluginKind::Global => ("global_plugin", None),
            PluginKind::Named(name) => ("plugin_load", Some(&name.value)),
        };
        json!({
            "kind": kind,
            "name": name,
            "path": plugin.path,
            "origin": self.origin(plugin.origin),
            "options": self.rows(&plugin.rows),
        })
    }

    fn lost(&self, lost: &Lost) -> Value {
        let (file, line) = self.place(lost.span);
        json!({ "option": lost.name, "file": file, "line": line, "why": lost.why })
    }
}

fn access(admission: &Admission, door: &Door) -> Value {
    let demand = match admission.demand {
        Demand::Nothing => Value::Null,
        Demand::Certificate => json!("certificate"),
        Demand::Key => json!("key"),
    };
    let ways = admission.ways.as_deref().unwrap_or_default();
    json!({
        "summary": who(door),
        "demands": demand,
        "trusted": door.trusted,
        "proxy_protocol": admission.proxy,
        "asks_plugin": admission.asks_plugin,
        "ways": ways.iter().map(|way| self::way(*way, door)).collect::<Vec<_>>(),
        "nobody": admission.ways.as_ref().err().map(|why| why.name()),
    })
}

fn way(way: Way, door: &Door) -> Value {
    match way {
        Way::Anybody => json!({ "way": "anybody" }),
        Way::Anonymous => json!({ "way": "anonymous" }),
        Way::Password { users } => json!({ "way": "password", "file": door.password_file, "users": users }),
        Way::CommonName => json!({ "way": "common-name" }),
        Way::Subject => json!({ "way": "subject" }),
        Way::KeyIdentity => json!({ "way": "key-identity" }),
    }
}
