//! Kinds of messages of brokers that load a configuration, known by words in them.

pub(super) fn of(_lines: &[String]) -> Vec<String> {
    Vec::new()
}
