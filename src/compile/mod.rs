//! See ARCHITECTURE.md.

pub mod manifest;
pub mod pack;
pub mod state;
pub mod write;
