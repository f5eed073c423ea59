//! A spec, decoded and laid out.

#![no_main]

use libfuzzer_sys::fuzz_target;
use moskit::lang::{spec, yaml};
use moskit::text::{Source, Sources};

fuzz_target!(|bytes: &[u8]| {
    let mut sources = Sources::default();
    let id = sources.add(Source::new("deployment.yaml", bytes));
    let decoded = spec::decode(id, bytes);
    decoded.spec.secrets().for_each(|span| sources.hide(span));
    for problem in &decoded.problems {
        assert!(problem.span.end as usize <= bytes.len());
    }
    if let Ok(laid_out) = yaml::layout(id, bytes) {
        let tree = yaml::parse(id, &laid_out);
        assert!(tree.problems.is_empty() && tree.stopped.is_none(), "what was laid out can be read");
    }
});
