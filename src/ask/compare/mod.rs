//! Two inputs: who may more, and who less.

mod json;
mod text;

pub(super) use json::RELATION_NAMES;
pub use json::json;
pub use text::text;

use super::answer::Open;
use super::door::Door;
use super::read::Reading;
use super::realm::Ground;
use crate::access::{self, Compared, Listing};

/// A listener of two inputs.
pub struct Pair<'d> {
    /// Its name; that of the one that has one where an ACL file alone is compared.
    pub key: Option<String>,
    /// What came of it.
    pub outcome: Outcome<'d>,
}

/// What came of a listener.
pub enum Outcome<'d> {
    /// Only the old input has it.
    Gone,
    /// Only the new input has it.
    New,
    /// It cannot be told, as one of the two has no answer: the listener and why.
    Open(&'d Door, Open),
    /// Everybody for whom it is not the same; the old input stands on the left.
    Compared(Box<Both<'d>>),
}

/// A listener that both inputs have.
pub struct Both<'d> {
    pub(super) old: Ground<'d>,
    pub(super) new: Ground<'d>,
    /// Whom it is not the same for.
    pub found: Listing<Compared>,
}

impl Both<'_> {
    /// Whether the mount points differ, so that clients have other topics.
    pub fn is_moved(&self) -> bool {
        self.old.door.mount_point != self.new.door.mount_point
    }
}

impl Pair<'_> {
    /// Whether everybody may the same; `None` where that cannot be told.
    pub fn is_equal(&self) -> Option<bool> {
        match &self.outcome {
            Outcome::Gone | Outcome::New => Some(false),
            Outcome::Open(..) => None,
            Outcome::Compared(both) if !both.found.entries.is_empty() => {
                let told = both.found.entries.iter().any(|entry| entry.found.relation().is_some());
                told.then_some(false)
            }
            Outcome::Compared(both) if both.is_moved() => Some(false),
            Outcome::Compared(both) => both.found.complete.then_some(true),
        }
    }
}

/// Compares the listeners of two inputs by their names; an ACL file alone is compared with each listener of the other.
pub fn compare<'d>(old: &Reading, new: &Reading, (left, right): (&[&'d Door], &[&'d Door])) -> Vec<Pair<'d>> {
    let both = |left: &'d Door, right: &'d Door| Pair {
        key: left.key.clone().or_else(|| right.key.clone()),
        outcome: outcome(old, new, left, right),
    };
    let is_alone = |doors: &[&Door]| matches!(doors, [door] if door.key.is_none());
    match (left, right) {
        ([alone], _) if is_alone(left) => right.iter().map(|door| both(alone, door)).collect(),
        (_, [alone]) if is_alone(right) => left.iter().map(|door| both(door, alone)).collect(),
        _ => {
            let mut added: Vec<&'d Door> = right.to_vec();
            let mut take = |door: &Door| {
                // The same address before the same port.
                let same = added.iter().position(|other| other.is_at(door));
                let place = same.or_else(|| added.iter().position(|other| other.is_same(door)));
                place.map(|place| added.remove(place))
            };
            let mut pairs: Vec<Pair<'d>> = Vec::new();
            for door in left {
                pairs.push(match take(door) {
                    Some(other) => both(door, other),
                    None => Pair { key: door.key.clone(), outcome: Outcome::Gone },
                });
            }
            pairs.extend(added.iter().map(|door| Pair { key: door.key.clone(), outcome: Outcome::New }));
            pairs
        }
    }
}

fn outcome<'d>(old: &Reading, new: &Reading, left: &'d Door, right: &'d Door) -> Outcome<'d> {
    let (mut before, mut after) = match (Ground::of(old, left), Ground::of(new, right)) {
        (Ok(before), Ok(after)) => (before, after),
        (Err(open), _) => return Outcome::Open(left, open),
        (_, Err(open)) => return Outcome::Open(right, open),
    };
    // An ACL file alone has the logins of the listener that it is compared with.
    match (&left.login, &right.login) {
        (None, Some(_)) => before.log_in_as(&after),
        (Some(_), None) => after.log_in_as(&before),
        _ => {}
    }
    let found = access::compare_realms(&before.realm(), &after.realm());
    Outcome::Compared(Box::new(Both { old: before, new: after, found }))
}
