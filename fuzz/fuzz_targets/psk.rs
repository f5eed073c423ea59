//! A file of pre-shared keys: its lines hold every byte, and each known release reads it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use moskit::catalogue::Release;
use moskit::lang::psk;
use moskit::text::{Source, Sources};

fuzz_target!(|bytes: &[u8]| {
    let mut sources = Sources::default();
    let id = sources.add(Source::new("psk", bytes));
    let tree = psk::parse(id, bytes);
    assert_eq!(psk::print(&tree, bytes), bytes);
    for release in Release::known() {
        let (keys, notes) = psk::lower(&tree, bytes, *release);
        let spans = keys.entries.iter().flat_map(|entry| [entry.identity_span, entry.key_span]);
        for span in spans.chain(notes.iter().map(|note| note.span)) {
            assert!(span.start <= span.end && span.end as usize <= bytes.len());
        }
    }
});
