//! All that a user may do, for programs.

use serde_json::{Value, json};

use super::{Effective, Whose};
use crate::access::{Listing, Region, Topics};
use crate::ask::door::Door;
use crate::ask::json::{VERSION, line, not_checked, open_name, release, text};
use crate::ask::read::{Inquiry, Reading};

/// What a user may do on each release, as one JSON document; [`crate::ask::schema`] describes it.
pub fn json(inquiry: &Inquiry, found: &[(&Reading, Vec<Effective<'_>>)], whose: &Whose) -> Value {
    let releases = found.iter().map(|(reading, list)| {
        let mut fields = release(inquiry, reading);
        let listeners = list.iter().map(|effective| of_listener(inquiry, effective)).collect();
        fields.insert("listeners".into(), listeners);
        Value::Object(fields)
    });
    let releases: Vec<Value> = releases.collect();
    json!({
        "version": VERSION,
        "command": "effective",
        "path": inquiry.name,
        "kind": inquiry.kind.as_str(),
        "user": whose.user.as_deref().filter(|name| !name.is_empty()),
        "client_id": whose.client_id,
        "releases": releases,
        "not_checked": not_checked(inquiry),
    })
}

fn of_listener(inquiry: &Inquiry, effective: &Effective<'_>) -> Value {
    let door = effective.door;
    let (rights, unknown) = match &effective.rights {
        Ok(rights) => (Some(rights), None),
        Err(open) => (None, Some(open_name(open))),
    };
    let of = |number: usize| rights.map(|rights| listing(inquiry, door, &rights[number]));
    let entry = effective.entry.as_ref();
    json!({
        "listener": door.key,
        "acl_file": door.rights.file(),
        "login": entry.map(|entry| json!({ "possible": entry.possible, "summary": entry.words })),
        "mount_point": door.mount_point,
        "unknown": unknown,
        "publish": of(0),
        "receive": of(1),
    })
}

fn listing(inquiry: &Inquiry, door: &Door, listing: &Listing<Region>) -> Value {
    let regions = listing.entries.iter().map(|region| {
        let except = region.except.iter().map(|except| {
            json!({
                "filter": text(&except.filter),
                "line": door.rights.acl().zip(except.rule).map(|(acl, rule)| line(inquiry, acl, rule)),
            })
        });
        let lines = door.rights.acl().map(|acl| region.rules.iter().map(|rule| line(inquiry, acl, *rule)));
        json!({
            "filter": match &region.topics {
                Topics::Filter(filter) => Some(text(filter)),
                Topics::Dollar => None,
            },
            "except": except.collect::<Vec<_>>(),
            "lines": lines.map(|lines| lines.collect::<Vec<_>>()).unwrap_or_default(),
        })
    });
    json!({ "complete": listing.complete, "topics": regions.collect::<Vec<_>>() })
}
