//! Whether a client can be connected to a listener at all.

use std::collections::{BTreeSet, HashSet};
use std::sync::Arc;

use super::door::Door;
use super::question::Question;
use crate::access::{ClientIds, Logins, Names};
use crate::catalogue::options;
use crate::model::{Deployment, FileState, Listener, Passwords, PresharedKeys};
use crate::report::render::printable_line;
use crate::show::{self, Demand, Nobody, Way};

/// What is known of the ways into a listener.
pub(super) struct Login {
    shown: show::Door,
    /// The names that a password file lets in, where it can be looked at.
    names: Option<HashSet<Box<[u8]>>>,
    passwords: FileState<Arc<Passwords>>,
    keys: FileState<Arc<PresharedKeys>>,
    key_file: Option<String>,
}

/// Whether a client can be connected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Yes, no, or not to be told.
    pub possible: Option<bool>,
    /// How, or why not.
    pub words: String,
}

impl Entry {
    fn yes(words: String) -> Self {
        Self { possible: Some(true), words }
    }

    fn no(words: String) -> Self {
        Self { possible: Some(false), words }
    }

    fn open(words: String) -> Self {
        Self { possible: None, words }
    }
}

impl Login {
    pub(super) fn of(deployment: &Deployment, listener: &Listener, shown: show::Door) -> Self {
        let security = deployment.security_of(listener);
        let usable = |file: &Arc<Passwords>| {
            let entries = file.entries.iter().filter(|entry| entry.is_usable);
            entries.map(|entry| entry.name.clone()).collect()
        };
        Self {
            names: security.passwords.loaded().map(usable),
            passwords: security.passwords.clone(),
            keys: security.keys.clone(),
            key_file: security.settings.text(options::PSK_FILE).map(|text| text.value.to_owned()),
            shown,
        }
    }

    /// Whether the client of a question can be connected.
    pub(super) fn entry(&self, door: &Door, question: &Question) -> Entry {
        if let Some(turned) = Self::by_client_id(door, question) {
            return turned;
        }
        let admission = &self.shown.admission;
        let asks_plugin = admission.asks_plugin && !admission.names_from_tls();
        let ways = match &admission.ways {
            Ok(ways) => ways.as_slice(),
            Err(Nobody::NoLogin | Nobody::NoUser) if asks_plugin => &[],
            Err(why) => return Entry::no(format!("nobody can connect: {}", why.words())),
        };
        let found = match question.name() {
            Some(name) => self.named(name, ways),
            None => self.nameless(ways),
        };
        let found = if asks_plugin && found.possible != Some(true) {
            Entry::open("whether it may connect is for the plugin to say".to_owned())
        } else {
            found
        };
        let demanded = match admission.demand {
            _ if found.possible == Some(false) || admission.names_from_tls() => None,
            Demand::Nothing => None,
            Demand::Certificate => Some(format!("behind a certificate{}", self.trusted())),
            Demand::Key => Some(format!("behind a key{}", self.trusted())),
            Demand::CertificateOrKey => Some(format!("behind a certificate or key{}", self.trusted())),
        };
        match demanded {
            Some(demanded) => Entry { words: format!("{}, {demanded}", found.words), ..found },
            None => found,
        }
    }

    /// Who can log in; and what is taken for true where that cannot be seen.
    pub(super) fn logins(&self, door: &Door) -> (Logins<'_>, Option<String>) {
        let client_ids = if door.id_is_user { ClientIds::UserName } else { ClientIds::Chosen };
        let mut logins = Logins { names: Names::Only(BTreeSet::new()), anonymous: false, client_ids };
        let mut assumed = None;
        for way in self.shown.admission.ways.iter().flatten() {
            match way {
                Way::Anybody => {
                    logins.names = Names::Any;
                    logins.anonymous = true;
                }
                Way::Anonymous => logins.anonymous = true,
                Way::CommonName | Way::Subject => logins.names = Names::Any,
                Way::Password { .. } => match &self.names {
                    Some(names) => logins.names = Names::Only(names.iter().map(|name| &**name).collect()),
                    None => {
                        logins.names = Names::Any;
                        assumed = Some(unseen(&self.password_file()));
                    }
                },
                Way::KeyIdentity => match self.keys.loaded() {
                    Some(keys) => {
                        logins.names = Names::Only(keys.entries.iter().map(|key| &*key.identity).collect());
                    }
                    None => {
                        logins.names = Names::Any;
                        assumed = Some(unseen(self.key_file.as_deref().unwrap_or_default()));
                    }
                },
            }
        }
        if let Some(prefix) = &door.clientid_prefix {
            let prefix = printable_line(prefix);
            assumed.get_or_insert(format!("client ids that do not begin with `{prefix}` are looked at, too"));
        }
        (logins, assumed)
    }

    /// Whether the client id keeps the client out.
    fn by_client_id(door: &Door, question: &Question) -> Option<Entry> {
        if door.id_is_user && question.name().is_none() {
            let words = "`use_username_as_clientid` turns clients without a user name away";
            return Some(Entry::no(words.to_owned()));
        }
        if question.client_id.as_deref() == Some("") && !door.takes_empty_id {
            return Some(Entry::no("`allow_zero_length_clientid` is false".to_owned()));
        }
        let known = question.known(door);
        let prefix = door.clientid_prefix.as_ref()?;
        (!known.client_id.starts_with(prefix.as_bytes())).then(|| {
            let id = String::from_utf8_lossy(&known.client_id);
            Entry::no(format!("only client ids that begin with `{prefix}` are let in, not `{id}`"))
        })
    }

    fn trusted(&self) -> String {
        let trusted = printable_line(&self.shown.trusted.join(", "));
        if trusted.is_empty() { String::new() } else { format!(" of {trusted}") }
    }

    fn password_file(&self) -> String {
        printable_line(self.shown.password_file.as_deref().unwrap_or_default())
    }

    fn nameless(&self, ways: &[Way]) -> Entry {
        if ways.iter().any(|way| matches!(way, Way::Anybody | Way::Anonymous)) {
            return Entry::yes("clients without a user name are let in".to_owned());
        }
        if ways.iter().any(|way| matches!(way, Way::CommonName | Way::Subject | Way::KeyIdentity)) {
            let what = match self.shown.admission.demand {
                Demand::Key => "key",
                _ => "certificate",
            };
            return Entry::no(format!("every client has a user name there, from its {what}"));
        }
        Entry::no("clients without a user name are not let in (`allow_anonymous` is false)".to_owned())
    }

    fn named(&self, name: &str, ways: &[Way]) -> Entry {
        let shown = printable_line(name);
        let mut found = Entry::no("no way leads in".to_owned());
        for way in ways {
            found = match way {
                Way::Anybody => Entry::yes("any name is let in, and no password is looked at".to_owned()),
                Way::Anonymous => continue,
                Way::Password { .. } => self.by_password(name, &shown),
                Way::CommonName => self.by_certificate("the common name", &shown),
                Way::Subject => self.by_certificate("the subject", &shown),
                Way::KeyIdentity => self.by_key(name, &shown),
            };
            if found.possible != Some(false) {
                return found;
            }
        }
        if ways == [Way::Anonymous] {
            let file = self.password_file();
            return Entry::no(format!("`{shown}` cannot log in: {file} has no usable user"));
        }
        found
    }

    fn by_certificate(&self, part: &str, shown: &str) -> Entry {
        Entry::yes(format!("a certificate{} with {part} `{shown}` lets it in", self.trusted()))
    }

    fn by_password(&self, name: &str, shown: &str) -> Entry {
        let file = self.password_file();
        let (Some(names), Some(passwords)) = (&self.names, self.passwords.loaded()) else {
            return Entry::open(format!("whether `{shown}` can log in cannot be told: {file} is not here"));
        };
        if names.contains(name.as_bytes()) {
            return Entry::yes(format!("`{shown}` logs in with the password of {file}"));
        }
        if passwords.entries.iter().any(|entry| &*entry.name == name.as_bytes()) {
            return Entry::no(format!("`{shown}` cannot log in: its line in {file} cannot be used"));
        }
        Entry::no(format!("`{shown}` cannot log in: {file} has no such user"))
    }

    fn by_key(&self, name: &str, shown: &str) -> Entry {
        let file = printable_line(self.key_file.as_deref().unwrap_or_default());
        let Some(keys) = self.keys.loaded() else {
            return Entry::open(format!("whether `{shown}` has a key cannot be told: {file} is not here"));
        };
        if keys.entries.iter().any(|key| &*key.identity == name.as_bytes()) {
            Entry::yes(format!("the key of `{shown}` in {file} lets it in"))
        } else {
            Entry::no(format!("`{shown}` cannot connect: {file} has no such identity"))
        }
    }
}

/// What holds where the file with the names is not here.
fn unseen(file: &str) -> String {
    format!("{} is not here: any name is taken for one that can log in", printable_line(file))
}
