//! Written cases, one kind of message each.
