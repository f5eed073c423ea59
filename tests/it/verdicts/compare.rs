//! What moskit says of a case, and whether that is what a broker does.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use moskit::catalogue::Release;
use moskit::lang::Environment;
use moskit::lint::{self, Input, Kind};
use moskit::text::Files;

use super::case::{Case, Item, Recorded, Verdict};
use crate::fixtures;

/// What moskit says.
#[derive(Clone, Debug)]
pub(super) struct Judged {
    pub(super) loads: Option<bool>,
    pub(super) place: Option<(String, usize)>,
    pub(super) words: String,
}

/// Asks moskit.
pub(super) fn judge(case: &Case, files: &dyn Files, release: Release) -> Judged {
    let Item::Text(text) = &case.files[0].item else { panic!("the first file is the configuration") };
    let outcome = lint::lint(Input {
        name: "mosquitto.conf",
        bytes: text.as_slice().into(),
        kind: Kind::Conf,
        files,
        releases: &[release],
        environment: Environment { now: fixtures::NOW, started_by: "root".into() },
    });
    let outcome = outcome.unwrap();
    let verdict = &outcome.verdicts[0];
    let place = verdict.reason.as_ref().map(|(span, _)| {
        let source = outcome.sources.get(span.source);
        (source.name().to_owned(), source.position(span.start).line as usize)
    });
    let words = verdict.reason.as_ref().map(|(_, words)| words.clone()).unwrap_or_default();
    Judged { loads: verdict.loads, place, words }
}

/// How well moskit and a broker agree.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) cases: usize,
    pub(super) loading: usize,
    pub(super) open: usize,
    pub(super) named: usize,
    pub(super) wrong: Vec<String>,
    pub(super) misplaced: Vec<String>,
    pub(super) why_open: BTreeMap<String, usize>,
}

impl Tally {
    pub(super) fn add(&mut self, case: &Case, verdict: &Verdict, judged: &Judged) {
        self.cases += 1;
        self.loading += usize::from(verdict.loads);
        let show = || {
            let text = Recorded::write_all(&[Recorded { case: case.clone(), verdicts: Vec::new() }]);
            let text: String =
                text.lines().map(|line| line.chars().take(150).collect::<String>() + "\n").collect();
            format!(
                "{text}  broker: {} {:?} {}\n  moskit: {judged:?}\n",
                verdict.loads, verdict.place, verdict.message
            )
        };
        match judged.loads {
            None => {
                self.open += 1;
                let words = judged.words.split('`').step_by(2).collect::<Vec<_>>().join("…");
                *self.why_open.entry(words).or_default() += 1;
            }
            Some(loads) if loads != verdict.loads => self.wrong.push(show()),
            Some(false) if verdict.place.is_some() => {
                self.named += 1;
                if verdict.place != judged.place {
                    self.misplaced.push(show());
                }
            }
            Some(_) => {}
        }
    }

    pub(super) fn report(&self) -> String {
        let mut out = String::new();
        writeln!(
            out,
            "{} cases, {} load, {} cannot be told, {} with a line; {} verdicts differ, {} lines differ",
            self.cases,
            self.loading,
            self.open,
            self.named,
            self.wrong.len(),
            self.misplaced.len()
        )
        .unwrap();
        for (why, count) in &self.why_open {
            writeln!(out, "  cannot be told: {count} times: {why}").unwrap();
        }
        for wrong in &self.wrong {
            writeln!(out, "VERDICT {wrong}").unwrap();
        }
        for wrong in &self.misplaced {
            writeln!(out, "LINE {wrong}").unwrap();
        }
        out
    }
}
