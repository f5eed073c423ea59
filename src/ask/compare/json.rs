//! Who may more and who less, for programs.

use serde_json::{Value, json};

use super::{Both, Outcome, Pair};
use crate::access::{Compared, Contrast, Decision, Relation, Search};
use crate::ask::json::{VERSION, line, not_checked, open_name, release, text};
use crate::ask::read::{Inquiry, Reading};
use crate::ask::realm::Ground;
use crate::ask::who::person;
use crate::ask::words::{action_name, layer_name};

/// How two inputs differ on each release, as one JSON document; [`crate::ask::schema`] describes it.
pub fn json((old, new): (&Inquiry, &Inquiry), found: &[((&Reading, &Reading), Vec<Pair<'_>>)]) -> Value {
    let releases = found.iter().map(|((left, right), pairs)| {
        let equal: Option<Vec<bool>> = pairs.iter().map(Pair::is_equal).collect();
        let mut reading = release(old, left);
        let name = reading.remove("release");
        let inferred = reading.remove("inferred");
        let mut other = release(new, right);
        other.remove("release");
        other.remove("inferred");
        json!({
            "release": name,
            "inferred": inferred,
            "old": reading,
            "new": other,
            "equal": equal.map(|equal| equal.into_iter().all(|equal| equal)),
            "listeners": pairs.iter().map(|pair| of_pair((old, new), pair)).collect::<Vec<_>>(),
        })
    });
    let releases: Vec<Value> = releases.collect();
    let input = |inquiry: &Inquiry| {
        json!({
            "path": inquiry.name,
            "kind": inquiry.kind.as_str(),
            "not_checked": not_checked(inquiry),
        })
    };
    json!({
        "version": VERSION,
        "command": "compare",
        "old": input(old),
        "new": input(new),
        "releases": releases,
    })
}

fn of_pair(inquiries: (&Inquiry, &Inquiry), pair: &Pair<'_>) -> Value {
    let (presence, unknown, both) = match &pair.outcome {
        Outcome::Gone => ("old", None, None),
        Outcome::New => ("new", None, None),
        Outcome::Open(_, open) => ("both", Some(open_name(open)), None),
        Outcome::Compared(both) => ("both", None, Some(both)),
    };
    let differences = both.map(|both| {
        let entries = both.found.entries.iter();
        entries.map(|compared| of_compared(inquiries, both, compared)).collect::<Vec<_>>()
    });
    json!({
        "listener": pair.key,
        "in": presence,
        "unknown": unknown,
        "equal": pair.is_equal(),
        "mount_points": both.map(|both| json!([both.old.door.mount_point, both.new.door.mount_point])),
        "complete": both.map(|both| both.found.complete),
        "differences": differences,
    })
}

fn of_compared((old, new): (&Inquiry, &Inquiry), both: &Both<'_>, compared: &Compared) -> Value {
    let relation = compared.found.relation().map(Relation::reversed).map(relation_name);
    let side = |search: &Search<Contrast>| match search {
        Search::Found(contrast) => Some(json!({
            "user": contrast.witness.user.as_deref().map(text),
            "client_id": text(&contrast.witness.client_id),
            "topic": text(&contrast.witness.topic),
            "old": decision(old, &both.old, contrast.witness.user.as_deref(), contrast.left),
            "new": decision(new, &both.new, contrast.witness.user.as_deref(), contrast.right),
        })),
        Search::Nothing | Search::GaveUp => None,
    };
    json!({
        "person": person(&compared.person),
        "action": action_name(compared.action),
        "relation": relation,
        "gained": side(&compared.found.only_right),
        "lost": side(&compared.found.only_left),
    })
}

/// How the new input relates to the old one.
fn relation_name(relation: Relation) -> &'static str {
    match relation {
        Relation::Equal => "equal",
        Relation::Wider => "wider",
        Relation::Narrower => "narrower",
        Relation::Incomparable => "incomparable",
    }
}

/// Each word for how inputs relate.
pub(in crate::ask) const RELATION_NAMES: [&str; 4] = ["equal", "wider", "narrower", "incomparable"];

fn decision(inquiry: &Inquiry, ground: &Ground<'_>, user: Option<&[u8]>, decision: Decision) -> Value {
    let acl = ground.door.rights.acl();
    let can_log_in = ground.realm().lets_in(user);
    json!({
        "can_log_in": can_log_in,
        "allowed": decision.allowed,
        "layer": can_log_in.then(|| layer_name(decision.layer)),
        "line": acl.zip(decision.rule).map(|(acl, rule)| line(inquiry, acl, rule)),
    })
}
