//! What a deployment is, whatever it was read from. Nothing here parses or prints.

pub mod acl;
mod bridges;
mod deployment;
mod keys;
pub mod notes;
mod passwords;
mod settings;

pub use bridges::{Bridge, BridgeAddress, BridgeTopic, Direction};
pub use deployment::{
    Deployment, FileState, Listener, ListenerKind, Lowered, Plugin, PluginKind, Protocol, Security, Tls,
    TlsFile,
};
pub use keys::{PresharedKey, PresharedKeys};
pub use passwords::{PasswordEntry, Passwords};
pub use settings::{Setting, Settings, Sourced, Value};
