//! TLS as a listener's options ask for it.

use std::fmt;
use std::sync::Arc;

use crate::catalogue::{OptionId, Release, options};
use crate::model::{Listener, Security};
use crate::text::Files;

/// What a listener needs to speak TLS, made once and shared by all its clients; cheap to clone.
#[derive(Clone, Debug)]
pub struct Secure {
    config: Arc<rustls::ServerConfig>,
    unhonoured: Arc<[Unhonoured]>,
}

/// Something that the configuration asks for and that the built-in broker cannot do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unhonoured {
    /// The option that asks for it.
    pub option: OptionId,
    /// What is not done, and what is done in its place.
    pub what: String,
}

/// Why a listener cannot speak TLS. Every release then ends with status 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TlsError {
    /// The option that is to blame.
    pub option: OptionId,
    /// Its value.
    pub value: String,
    /// Why.
    pub reason: String,
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "`{} {}`: {}", self.option.name(), self.value, self.reason)
    }
}

impl std::error::Error for TlsError {}

impl Secure {
    /// Reads the files of a listener, whose security options are `security`. Nothing where it is without TLS.
    ///
    /// # Errors
    /// [`TlsError`] where a file cannot be used or a value means nothing.
    pub fn load(
        listener: &Listener,
        security: &Security,
        release: Release,
        files: &dyn Files,
    ) -> Result<Option<Self>, TlsError> {
        let _ = (security, release, files);
        if !listener.has_tls() {
            return Ok(None);
        }
        Err(TlsError { option: options::CERTFILE, value: String::new(), reason: "not yet".to_owned() })
    }

    pub(super) fn config(&self) -> Arc<rustls::ServerConfig> {
        self.config.clone()
    }

    pub(super) fn identity(&self, connection: &rustls::ServerConnection) -> Option<super::Identity> {
        let _ = connection;
        None
    }

    /// What it cannot do of what the configuration asks for.
    pub fn unhonoured(&self) -> &[Unhonoured] {
        &self.unhonoured
    }
}
