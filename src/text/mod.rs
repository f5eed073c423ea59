//! Texts and files: what is read, where a piece of it stands, and how a file is reached.
//!
//! Nothing here knows Mosquitto. Only [`disk`] touches a real file system.

pub mod disk;
mod files;
mod index;
mod source;

pub use files::{
    Account, FileError, FileFacts, FileKind, Files, MAX_FILE_BYTES, Memory, Readability, readable_by,
    writable_by, written_by,
};
pub(crate) use index::Index;
pub use source::{Position, Source, SourceId, Sources, Span};
