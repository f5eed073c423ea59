//! Cases as files in memory.
