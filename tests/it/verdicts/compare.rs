//! What moskit says of a case, and whether that is what a broker does.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use moskit::catalogue::Release;
use moskit::lang::Environment;
use moskit::lint::{self, Input, Kind};
use moskit::text::Files;

use super::case::{Case, Item, Recorded, Verdict};
use crate::fixtures;

/// What moskit says of a case on a release.
#[derive(Clone, Debug)]
pub(super) struct Judged {
    pub(super) loads: Option<bool>,
    pub(super) place: Option<(String, usize)>,
    pub(super) words: String,
}

/// Asks moskit, once for all the releases.
pub(super) fn judge(case: &Case, files: &dyn Files, releases: &[Release]) -> Vec<Judged> {
    let Item::Text(text) = &case.files[0].item else { panic!("the first file is the configuration") };
    let outcome = lint::lint(Input {
        name: "mosquitto.conf",
        bytes: text.as_slice().into(),
        kind: Kind::Conf,
        files,
        releases,
        environment: Environment { now: fixtures::NOW, started_by: "root".into() },
    });
    let outcome = outcome.unwrap();
    let judged = outcome.verdicts.iter().map(|verdict| {
        let place = verdict.reason.as_ref().map(|(span, _)| {
            let source = outcome.sources.get(span.source);
            (source.name().to_owned(), source.position(span.start).line as usize)
        });
        let words = verdict.reason.as_ref().map(|(_, words)| words.clone()).unwrap_or_default();
        Judged { loads: verdict.loads, place, words }
    });
    judged.collect()
}

/// Why a verdict may be open in a case: what no look at its files can tell.
const OPEN: &[&str] = &[
    "ports below 1024 are for privileged processes",
    "was not looked at: `",
    "whether the TLS engine `",
    "only the broker's machine knows",
    "the account does not exist here",
    "the system looks for a bare name in its own folders",
    "is no address of the family",
    "`ciphers` does not know",
    "is opened a second time",
    "every listener is for WebSockets",
    "the broker may not be able to start with so little memory",
    "is lost: the included files above it opened listeners",
    "is opened on all addresses and on one of them",
];

/// How well moskit and a broker agree.
#[derive(Default)]
pub(super) struct Tally {
    pub(super) cases: usize,
    pub(super) loading: usize,
    /// What moskit cannot tell.
    pub(super) open: usize,
    /// Refusals for which the broker names a line.
    pub(super) named: usize,
    pub(super) wrong: Vec<String>,
    pub(super) misplaced: Vec<String>,
    why_open: BTreeMap<String, usize>,
    classes: BTreeMap<String, usize>,
}

impl Tally {
    pub(super) fn add(&mut self, case: &Case, verdict: &Verdict, judged: &Judged) {
        self.cases += 1;
        self.loading += usize::from(verdict.loads);
        for class in &verdict.classes {
            *self.classes.entry(class.clone()).or_default() += 1;
        }
        let show = || {
            let text = Recorded::write_all(&[Recorded { case: case.clone(), verdicts: Vec::new() }]);
            let short = |line: &str| line.chars().take(150).collect::<String>() + "\n";
            let text: String = text.lines().map(short).collect();
            let Verdict { loads, place, message, .. } = verdict;
            format!("{text}  broker: {loads} {place:?} {message}\n  moskit: {judged:?}\n")
        };
        match judged.loads {
            None => {
                self.open += 1;
                let words = judged.words.split('`').step_by(2).collect::<Vec<_>>().join("…");
                *self.why_open.entry(words).or_default() += 1;
                if !OPEN.iter().any(|reason| judged.words.contains(reason)) {
                    self.wrong.push(show());
                }
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

    /// Fails unless moskit agrees with the broker: on all verdicts, and on lines in 99 of 100 cases.
    pub(super) fn check(&self, what: &str) {
        println!("{what}: {}", self.summary());
        assert!(self.wrong.is_empty(), "{what}:\n{}", self.report());
        assert!(self.misplaced.len() * 100 <= self.named, "{what}:\n{}", self.report());
        assert!(self.open * 20 <= self.cases, "{what}: too much is left open\n{}", self.report());
        let percent = self.loading * 100 / self.cases;
        assert!((30..=70).contains(&percent), "{what}: {percent} % of the cases load");
    }

    /// The kinds of messages that a release prints, and that the cases made it print less than `least` times.
    pub(super) fn rare(&self, release: Release, least: usize) -> Vec<String> {
        let classes = super::classes::all().into_iter().filter(|class| class.is_of(release));
        let seen = |name: &str| self.classes.get(name).copied().unwrap_or(0);
        let rare = classes.filter(|class| seen(class.name) < least);
        rare.map(|class| format!("{} ({} times)", class.name, seen(class.name))).collect()
    }

    fn summary(&self) -> String {
        format!(
            "{} cases, {} load, {} cannot be told, {} with a line; {} verdicts and {} lines differ",
            self.cases,
            self.loading,
            self.open,
            self.named,
            self.wrong.len(),
            self.misplaced.len()
        )
    }

    pub(super) fn report(&self) -> String {
        let mut out = self.summary() + "\n";
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
