//! What is known of the broker that tests are for.

use std::collections::HashMap;
use std::sync::Arc;

use super::model::Place;
use crate::lang::spec::{Password, Spec};

/// What is known of the broker that tests are for: names in tests have to be among these.
#[derive(Clone, Debug, Default)]
pub struct Setting {
    /// Names of listeners and where they are; `None` where that could not be read.
    pub(super) listeners: Vec<(Arc<str>, Option<Place>)>,
    /// Where the broker listens; `None` where that is not known.
    pub(super) places: Option<Vec<Place>>,
    pub(super) users: HashMap<Arc<str>, KnownUser>,
}

/// What is known of a user.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct KnownUser {
    /// The spec has only the hash of the password.
    pub(super) has_hash_only: bool,
    /// A certificate is issued, or lies in a file.
    pub(super) has_certificate: bool,
    /// The user could not be read.
    pub(super) is_unread: bool,
}

impl Setting {
    /// A spec's listeners and users.
    pub fn of_spec(spec: &Spec) -> Self {
        let listeners = spec.listeners.iter();
        let listeners: Vec<_> = listeners
            .map(|listener| (listener.name.value.clone(), Some(Place::from(&listener.endpoint))))
            .collect();
        let users = spec.users.iter().map(|user| {
            let password = user.password.as_ref().map(|password| &password.value);
            let known = KnownUser {
                has_hash_only: matches!(password, Some(Password::Hash(_))),
                has_certificate: user.certificate.is_some(),
                is_unread: false,
            };
            (user.name.value.clone(), known)
        });
        let places = listeners.iter().filter_map(|(_, place)| place.clone()).collect();
        Self { users: users.collect(), places: Some(places), listeners }
    }

    /// Ports and sockets of a configuration that no spec made.
    pub fn of_places(places: Vec<Place>) -> Self {
        Self { places: Some(places), ..Self::default() }
    }

    /// Adds names that are defined, and of which no more could be read.
    pub(in crate::lang::spec) fn add_unread<'a>(
        &mut self,
        listeners: impl Iterator<Item = &'a Arc<str>>,
        users: impl Iterator<Item = &'a Arc<str>>,
    ) {
        for name in listeners {
            if self.listeners.iter().all(|(known, _)| known != name) {
                self.listeners.push((name.clone(), None));
                self.places = None;
            }
        }
        for name in users {
            self.users.entry(name.clone()).or_insert(KnownUser { is_unread: true, ..KnownUser::default() });
        }
    }

    /// Adds users of a test file.
    pub(super) fn add_user(&mut self, name: &Arc<str>, has_certificate: bool) {
        self.users.insert(name.clone(), KnownUser { has_certificate, ..KnownUser::default() });
    }
}
