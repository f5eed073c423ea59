//! A file of tests.

#![no_main]

use libfuzzer_sys::fuzz_target;
use moskit::lang::spec::{self, script};
use moskit::text::{Source, Sources};

const SPEC: &[u8] = b"moskit: 1\nname: x\nlisteners: { mqtt: { port: 1883 } }\nusers: { a: { password: { plain: x } } }\n";

fuzz_target!(|bytes: &[u8]| {
    let mut sources = Sources::default();
    let about = sources.add(Source::new("deployment.yaml", SPEC));
    let decoded = spec::decode(about, SPEC);
    let id = sources.add(Source::new("x.test.yaml", bytes));
    script::spec_of(id, bytes);
    let suite = script::decode(id, bytes, &script::Setting::of_spec(&decoded.spec), 1);
    suite.suite.secrets().for_each(|span| sources.hide(span));
    for problem in &suite.problems {
        assert!(problem.span.end as usize <= bytes.len());
    }
});
