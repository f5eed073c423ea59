//! Who may do something, for programs.

use serde_json::{Value, json};

use super::{Holders, Wanted};
use crate::access::{Holder, Judged, Person, Share};
use crate::ask::door::Door;
use crate::ask::json::{VERSION, line, not_checked, open_name, release, text};
use crate::ask::read::{Inquiry, Reading};
use crate::ask::realm::person_name;
use crate::ask::words::{action_name, layer_name};

/// Who may do something on each release, as one JSON document; [`crate::ask::schema`] describes it.
pub fn json(inquiry: &Inquiry, found: &[(&Reading, Vec<Holders<'_>>)], wanted: &Wanted) -> Value {
    let releases = found.iter().map(|(reading, list)| {
        let mut fields = release(inquiry, reading);
        fields.insert("listeners".into(), list.iter().map(|holders| of_listener(inquiry, holders)).collect());
        fields.insert("bridges".into(), reading.bridges.iter().map(|(name, _)| json!(name)).collect());
        Value::Object(fields)
    });
    let releases: Vec<Value> = releases.collect();
    json!({
        "version": VERSION,
        "command": "who",
        "path": inquiry.name,
        "kind": inquiry.kind.as_str(),
        "action": action_name(wanted.action),
        "filter": wanted.filter,
        "releases": releases,
        "not_checked": not_checked(inquiry),
    })
}

fn of_listener(inquiry: &Inquiry, holders: &Holders<'_>) -> Value {
    let door = holders.door;
    let people = holders.found.as_ref().ok().map(|listing| {
        listing.entries.iter().map(|holder| of_holder(inquiry, door, holder)).collect::<Vec<_>>()
    });
    json!({
        "listener": door.key,
        "mount_point": door.mount_point,
        "unknown": holders.found.as_ref().err().map(open_name),
        "assumed": holders.ground.as_ref().and_then(|ground| ground.assumed.clone()),
        "complete": holders.found.as_ref().ok().map(|listing| listing.complete),
        "people": people,
    })
}

/// Whom an answer is about.
pub(in crate::ask) fn person(person: &Person) -> Value {
    let user = match person {
        Person::User(name) => Some(text(name)),
        Person::Anonymous | Person::Others => None,
    };
    json!({ "kind": person_name(person), "user": user })
}

fn of_holder(inquiry: &Inquiry, door: &Door, holder: &Holder) -> Value {
    let share = match holder.share {
        Share::None => "none",
        Share::Some => "some",
        Share::All => "all",
    };
    let judged = |judged: &Judged| {
        json!({
            "user": judged.witness.user.as_deref().map(text),
            "client_id": text(&judged.witness.client_id),
            "topic": text(&judged.witness.topic),
            "layer": layer_name(judged.decision.layer),
            "line": door.rights.acl().zip(judged.decision.rule).map(|(acl, rule)| line(inquiry, acl, rule)),
        })
    };
    json!({
        "person": person(&holder.person),
        "share": share,
        "allowed": holder.allowed.as_ref().map(judged),
        "denied": holder.denied.as_ref().map(judged),
    })
}
