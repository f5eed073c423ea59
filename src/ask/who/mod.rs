//! Who may do something with the topics of a filter.

mod json;
mod text;

pub use json::json;
pub(super) use json::person;
pub use text::text;

use super::answer::Open;
use super::door::Door;
use super::read::Reading;
use super::realm::Ground;
use crate::access::{self, Action, Holder, Listing};

/// What is asked of everybody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    /// To publish, or to receive.
    pub action: Action,
    /// Which topics, as clients name them.
    pub filter: String,
}

/// What a listener answers.
pub struct Holders<'d> {
    /// The listener.
    pub door: &'d Door,
    /// What everybody may who can log in; or why that cannot be told.
    pub found: Result<Listing<Holder>, Open>,
    pub(super) ground: Option<Ground<'d>>,
}

/// Who may do something with the topics of a filter, listener by listener.
pub fn who<'d>(reading: &Reading, doors: &[&'d Door], wanted: &Wanted) -> Vec<Holders<'d>> {
    let one = |door: &&'d Door| match Ground::of(reading, door) {
        Err(open) => Holders { door, found: Err(open), ground: None },
        Ok(ground) => {
            let filter = [door.mount_point.as_bytes(), wanted.filter.as_bytes()].concat();
            let found = access::who(&ground.realm(), wanted.action, &filter);
            Holders { door, found: Ok(found), ground: Some(ground) }
        }
    };
    doors.iter().map(one).collect()
}
