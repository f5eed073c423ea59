//! All that one user may do, in the fewest filters.

mod json;
mod text;

pub use json::json;
pub use text::text;

use super::answer::Open;
use super::door::{Door, Rights};
use super::login::Entry;
use super::question::{Known, Question};
use super::read::Reading;
use crate::access::{Action, Listing, Policy, Region, minimal};

/// Whose rights are asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Whose {
    /// The user name; `None`, as an empty one, for clients without.
    pub user: Option<String>,
    /// The client id; where it is left open, `%c` stands for it.
    pub client_id: Option<String>,
}

/// What a user may do behind one listener.
pub struct Effective<'d> {
    /// The listener.
    pub door: &'d Door,
    /// The client as the broker knows it.
    pub client: Known,
    /// Whether the client can be connected; `None` where only an ACL file was looked at.
    pub entry: Option<Entry>,
    /// All topics that it may publish to, and all that it may receive; or why that cannot be told.
    pub rights: Result<[Listing<Region>; 2], Open>,
}

/// What stands for a client id that is left open: no filter of a `pattern` line holds it any more once it is put in its
/// place, so that the answer shows where it stands.
const LEFT_OPEN: &str = "%c";

/// All that a user may do, listener by listener.
pub fn effective<'d>(reading: &Reading, doors: &[&'d Door], whose: &Whose) -> Vec<Effective<'d>> {
    let one = |door: &&'d Door| {
        let question = Question {
            user: whose.user.clone(),
            client_id: whose.client_id.clone(),
            action: Action::Receive,
            topic: String::new(),
        };
        let mut client = question.known(door);
        if client.is_example {
            client.client_id = LEFT_OPEN.into();
        }
        let entry = door.login.as_ref().map(|login| login.entry(door, &question));
        let rights = match &door.rights {
            _ if !door.speaks_mqtt => Err(Open::NotMqtt),
            _ if door.asks_plugin => Err(Open::Plugin(None)),
            Rights::NotLoaded { .. } => Err(Open::NotLoaded),
            Rights::NotSeen { .. } => Err(Open::NotSeen),
            Rights::Everything | Rights::File { .. } => {
                let policy = Policy::new(reading.release(), door.rights.acl());
                let all = |action| minimal(&policy.list(client.client(), action));
                Ok([Action::Publish, Action::Receive].map(all))
            }
        };
        Effective { door, client, entry, rights }
    };
    doors.iter().map(one).collect()
}
