//! A password file, read as each known release does.

#![no_main]

use libfuzzer_sys::fuzz_target;
use moskit::catalogue::Release;
use moskit::lang::passwd;
use moskit::text::{Source, Sources};

fuzz_target!(|bytes: &[u8]| {
    let mut sources = Sources::default();
    let id = sources.add(Source::new("passwd", bytes));
    for release in Release::known() {
        let (passwords, notes) = passwd::read(id, bytes, *release);
        let spans = passwords.entries.iter().map(|entry| entry.hash_span);
        for span in spans.chain(notes.iter().map(|note| note.span)) {
            assert!(span.start <= span.end && span.end as usize <= bytes.len());
        }
    }
});
