//! What a deployment is, whatever it was read from. Nothing here parses or prints.

pub mod acl;
mod deployment;
pub mod notes;
mod passwords;
mod settings;

pub use deployment::{
    Bridge, Deployment, FileState, Listener, ListenerKind, Lowered, Plugin, Protocol, Security, Tls, TlsFile,
};
pub use passwords::{PasswordEntry, Passwords};
pub use settings::{Setting, Settings, Sourced, Value};
