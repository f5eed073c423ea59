//! Who a client is: user name, password, certificate.

use super::core::{Caller, Core};
use super::plan::NameSource;
use super::wire::{Connect, Reason, Text};
use crate::credentials::Verification;

/// Why a client is not let in: what MQTT 5 clients are told; older ones get the return code that fits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Refused(pub(super) Reason);

impl Core {
    /// The user name of a client that may come in.
    pub(super) fn login(&self, caller: &Caller, connect: &Connect) -> Result<Option<Text>, Refused> {
        let door = &self.doors[caller.door];
        let shown = match door.name_source {
            NameSource::Packet => return self.by_password(caller, connect),
            NameSource::CommonName => &caller.common_name,
            NameSource::Subject => &caller.subject,
        };
        // Whoever has a name from its certificate is asked for nothing else.
        let name = shown.as_ref().and_then(|name| Text::new(name.clone().into()));
        name.map(Some).ok_or(Refused(Reason::BAD_USER_OR_PASSWORD))
    }

    fn by_password(&self, caller: &Caller, connect: &Connect) -> Result<Option<Text>, Refused> {
        let guard = &self.doors[caller.door].guard;
        let refused = Err(Refused(Reason::NOT_AUTHORIZED));
        let Some(users) = &guard.passwords else {
            // Without a password file any name will do, where anybody may come at all.
            return if guard.allow_anonymous { Ok(connect.user_name.clone()) } else { refused };
        };
        let Some(name) = &connect.user_name else {
            return if guard.allow_anonymous { Ok(None) } else { refused };
        };
        let password = connect.password.as_deref().unwrap_or_default();
        let is_right = users.hash(name.as_bytes()).is_some_and(|hash| {
            // An empty password is never right, not even for a hash of the empty text.
            !password.is_empty() && hash.verify(password) == Verification::Right
        });
        if is_right { Ok(Some(name.clone())) } else { refused }
    }
}
