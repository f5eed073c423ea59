//! What is asked, and the client as the broker will know it.

use super::door::Door;
use crate::access::{self, Action, Client};

/// Who asks for what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// The user name; `None`, as an empty one, for a client without.
    pub user: Option<String>,
    /// The client id; `None` where it is left open.
    pub client_id: Option<String>,
    /// What the client wants to do.
    pub action: Action,
    /// The topic, or for [`Action::Subscribe`] the filter, as the client names it.
    pub topic: String,
}

/// A client as the broker knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Known {
    /// Its user name.
    pub user: Option<Vec<u8>>,
    /// Its client id.
    pub client_id: Vec<u8>,
    /// Whether the id is only an example, as the question leaves it open and the broker does not fix it.
    pub is_example: bool,
}

impl Known {
    /// The client that the access engine is asked about.
    pub fn client(&self) -> Client<'_> {
        Client { user: self.user.as_deref(), client_id: &self.client_id }
    }
}

/// What stands behind the prefix in a client id that the broker makes.
const MADE_ID: &str = "00000000-0000-0000-0000-000000000000";

impl Question {
    /// The user name, if there is one: an empty one is none.
    pub fn name(&self) -> Option<&str> {
        self.user.as_deref().filter(|name| !name.is_empty())
    }

    /// Whether a client can ask this at all.
    ///
    /// # Errors
    /// Why no broker would answer, in words.
    pub fn check(&self) -> Result<(), String> {
        let topic = &self.topic;
        let what = if self.action == Action::Subscribe { "filter" } else { "topic" };
        if topic.is_empty() {
            return Err(format!("the {what} is empty: it has at least one character"));
        }
        if let Some(wildcard) = topic.find(['+', '#']).filter(|_| self.action != Action::Subscribe) {
            let wildcard = &topic[wildcard..=wildcard];
            return Err(format!(
                "`{topic}` is no topic: `{wildcard}` stands in filters only, and messages have topics"
            ));
        }
        if let Err(why) = access::check(topic.as_bytes()) {
            return Err(format!("`{topic}` is no {what}: {why}").replace("a filter", &format!("a {what}")));
        }
        if let Some(character) = topic.chars().find(|character| !access::is_legal(*character)) {
            return Err(format!(
                "no {what} holds the character U+{:04X}: a client that sends it is disconnected",
                u32::from(character)
            ));
        }
        Ok(())
    }

    /// The client as the broker knows it behind a listener.
    pub fn known(&self, door: &Door) -> Known {
        let user = self.name().map(|name| name.as_bytes().to_vec());
        let (client_id, is_example) = match (&self.client_id, &user) {
            (_, Some(name)) if door.id_is_user => (name.clone(), false),
            (Some(id), _) if !id.is_empty() => (id.clone().into_bytes(), false),
            (Some(_), _) => (format!("{}{MADE_ID}", door.auto_id_prefix).into_bytes(), false),
            // Where the user name is the id, a client without one gets no further.
            (None, _) => (self.example(door).into_bytes(), !door.id_is_user),
        };
        Known { user, client_id, is_example }
    }

    /// A client id that the question does not hint at.
    fn example(&self, door: &Door) -> String {
        let prefix = door.clientid_prefix.as_deref().unwrap_or_default();
        let user = self.user.as_deref().unwrap_or_default();
        let is_free = |id: &String| !self.topic.contains(id.as_str()) && user != id;
        let numbered = (1u32..).map(|number| format!("{prefix}client-{number}"));
        std::iter::once(format!("{prefix}client")).chain(numbered).find(is_free).unwrap_or_default()
    }

    /// The topic as the broker sees it behind a listener.
    pub fn topic_at(&self, door: &Door) -> Vec<u8> {
        [door.mount_point.as_bytes(), self.topic.as_bytes()].concat()
    }
}
