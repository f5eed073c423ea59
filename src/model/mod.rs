//! What a deployment is, whatever it was read from. Nothing here parses or prints.

pub mod acl;
