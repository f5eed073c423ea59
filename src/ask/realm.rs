//! Listeners as the access engine sees them: who can log in, and what the ACL file gives to whom.

use super::answer::Open;
use super::door::{Door, Rights};
use super::read::{Inquiry, Reading};
use super::words::{Line, file_name, shown};
use crate::access::{Action, Decision, Layer, Logins, Person, Policy, Realm};

/// A listener that can be asked.
pub(super) struct Ground<'d> {
    pub(super) door: &'d Door,
    policy: Policy<'d>,
    logins: Logins<'d>,
    /// What is taken for true, as it cannot be seen.
    pub(super) assumed: Option<String>,
}

impl<'d> Ground<'d> {
    /// What is known of a listener.
    pub(super) fn of(reading: &Reading, door: &'d Door) -> Result<Self, Open> {
        match &door.rights {
            _ if !door.speaks_mqtt => return Err(Open::NotMqtt),
            _ if door.asks_plugin => return Err(Open::Plugin(None)),
            Rights::NotLoaded { .. } => return Err(Open::NotLoaded),
            Rights::NotSeen { .. } => return Err(Open::NotSeen),
            Rights::Everything | Rights::File { .. } => {}
        }
        let policy = Policy::new(reading.release(), door.rights.acl());
        let (logins, assumed) = match &door.login {
            Some(login) => login.logins(door),
            None => (Logins::open(), None),
        };
        Ok(Self { door, policy, logins, assumed })
    }

    pub(super) fn realm(&self) -> Realm<'_> {
        Realm { meaning: &self.policy, logins: self.logins.clone() }
    }

    /// Takes over who can log in.
    pub(super) fn log_in_as(&mut self, other: &Self) {
        self.logins = other.logins.clone();
    }

    /// What decides a request, in words.
    pub(super) fn reason(
        &self,
        inquiry: &Inquiry,
        user: Option<&[u8]>,
        action: Action,
        decision: Decision,
    ) -> String {
        if !self.realm().lets_in(user) {
            return "it cannot log in".to_owned();
        }
        let acl = self.door.rights.acl();
        if let Some(line) = acl.zip(decision.rule).and_then(|(acl, rule)| Line::of(inquiry, acl, rule)) {
            return format!("{} `{}`", line.home(), line.text);
        }
        match decision.layer {
            Layer::NoFile => "no ACL file".to_owned(),
            Layer::Broker if action == Action::Publish => {
                "nobody publishes to `$SYS…` or `$share…`".to_owned()
            }
            Layer::Broker => "`$share…` is no topic of messages".to_owned(),
            Layer::UnsafeName => "a name with `+` or `#` is kept from patterns".to_owned(),
            _ => {
                format!("no line of {}", file_name(inquiry, self.door))
            }
        }
    }

    /// Whether a decision hangs on the client id.
    pub(super) fn hangs_on_id(&self, decision: Decision) -> bool {
        let acl = self.door.rights.acl();
        let filter = acl.zip(decision.rule).and_then(|(acl, rule)| Some(acl.filter(acl.rules.get(rule)?)));
        let is_chosen = !self.door.id_is_user;
        let is_pattern = matches!(decision.layer, Layer::PatternDeny | Layer::PatternGrant);
        is_chosen && is_pattern && filter.is_some_and(|filter| filter.windows(2).any(|pair| pair == b"%c"))
    }
}

/// Whom an answer is about, in words.
pub(super) fn person_words(person: &Person) -> String {
    match person {
        Person::Anonymous => "clients without a user name".to_owned(),
        Person::User(name) => format!("`{}`", shown(name)),
        Person::Others => "any other name".to_owned(),
    }
}

/// Whom an answer is about, in a word for JSON.
pub(super) fn person_name(person: &Person) -> &'static str {
    match person {
        Person::Anonymous => "anonymous",
        Person::User(_) => "user",
        Person::Others => "others",
    }
}

/// Each word for whom an answer is about.
pub(super) const PERSON_NAMES: [&str; 3] = ["anonymous", "user", "others"];
