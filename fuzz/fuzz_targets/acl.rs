//! An ACL file, read as each known release does, and a few questions to it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use moskit::catalogue::Release;
use moskit::lang::acl;
use moskit::text::{Source, Sources};

fuzz_target!(|bytes: &[u8]| {
    let mut sources = Sources::default();
    let id = sources.add(Source::new("aclfile", bytes));
    for release in Release::known() {
        let (acl, notes) = acl::read(id, &bytes.into(), *release);
        for rule in &acl.rules {
            assert!(!acl.filter(rule).is_empty());
        }
        for note in notes {
            assert!(note.span.end as usize <= bytes.len());
        }
    }
    let laid_out = acl::layout(bytes);
    assert_eq!(acl::layout(&laid_out), laid_out, "a layout stays");
});
