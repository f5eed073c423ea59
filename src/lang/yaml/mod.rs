//! YAML read with spans.
