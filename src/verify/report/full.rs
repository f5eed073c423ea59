//! For people: each failure in a sentence, and how many there are.

use super::{log_line, place, sentence};
use crate::report::render::{FullStyle, printable_line, wrapped};
use crate::text::{Sources, Span};
use crate::verify::{Outcome, Status, TestResult};

/// The most failures that are shown.
const MOST_SHOWN: usize = 250;

/// Tests that did not pass, and a summary.
pub fn full(outcome: &Outcome, sources: &Sources, style: FullStyle) -> String {
    let mut full = Full::new(sources, style);
    full.planned(releases(outcome).len());
    let mut out: String = outcome.results.iter().map(|result| full.came(result)).collect();
    out += &full.over(outcome);
    out
}

/// A report that is written while results come: each failure once it is known for which releases it is one.
pub struct Full<'a> {
    sources: &'a Sources,
    style: FullStyle,
    /// How many releases tests are run for.
    releases: usize,
    /// The test that results came of last, how many, and those that are no success.
    test: Option<(String, Span)>,
    count: usize,
    groups: Vec<Group>,
    /// How many failures there were.
    failures: usize,
}

/// Results of a test that are the same for several releases.
struct Group {
    result: TestResult,
    releases: Vec<String>,
}

impl<'a> Full<'a> {
    /// Nothing is written yet.
    pub fn new(sources: &'a Sources, style: FullStyle) -> Self {
        Self { sources, style, releases: 1, test: None, count: 0, groups: Vec::new(), failures: 0 }
    }

    /// Says for how many releases tests are run.
    pub fn planned(&mut self, releases: usize) {
        self.releases = releases;
    }

    /// What is to be written once this result has come.
    pub fn came(&mut self, result: &TestResult) -> String {
        let is_same =
            self.test.as_ref().is_some_and(|(name, span)| (name, *span) == (&result.name, result.span));
        let mut out = if is_same { String::new() } else { self.stopped() };
        if !is_same {
            self.test = Some((result.name.clone(), result.span));
            self.count = 0;
        }
        self.count += 1;
        if matches!(result.status, Status::Failed(_) | Status::Broken(_)) {
            match self.groups.iter_mut().find(|group| group.result.status == result.status) {
                Some(group) => group.releases.push(result.release.clone()),
                None => {
                    self.groups.push(Group { result: result.clone(), releases: vec![result.release.clone()] })
                }
            }
        }
        if self.count == self.releases {
            out += &self.stopped();
        }
        out
    }

    /// What is to be written of results that came, where no more will.
    pub fn stopped(&mut self) -> String {
        let groups = std::mem::take(&mut self.groups);
        let mut out = String::new();
        for group in &groups {
            self.failures += 1;
            if self.failures <= MOST_SHOWN {
                out += &self.shown(group);
            }
        }
        out
    }

    /// What is to be written at the end of the run.
    pub fn over(&mut self, outcome: &Outcome) -> String {
        let mut out = self.stopped();
        if self.failures > MOST_SHOWN {
            let more = self.failures - MOST_SHOWN;
            out += &format!("{more} more are not shown; `--format json` has all\n\n");
        }
        out += &skipped(outcome, self.style);
        out + &summary(outcome, self.style)
    }

    fn shown(&self, group: &Group) -> String {
        let (result, style) = (&group.result, self.style);
        let (span, word, said) = match &result.status {
            Status::Failed(failure) => (failure.span, "failed", sentence(failure)),
            Status::Broken(why) => (result.span, "broken", printable_line(&why.reason)),
            Status::Passed | Status::Skipped(_) => return String::new(),
        };
        let (file, line) = place(self.sources, span);
        let is_all = self.releases == group.releases.len();
        let on = if is_all { String::new() } else { format!(" (Mosquitto {})", group.releases.join(", ")) };
        let head = coloured(&format!("{word}:"), "31;1", style);
        let name = printable_line(&result.name);
        let said = wrapped("  ", 2, &said, style.width);
        format!("{head} {name}{on}\n  {file}:{line}\n{said}{}\n", log(&result.status, style))
    }
}

/// What the broker said last, where a test broke off.
fn log(status: &Status, style: FullStyle) -> String {
    let Status::Broken(why) = status else { return String::new() };
    let lines = why.log.iter().map(|line| wrapped("  | ", 4, &log_line(line), style.width));
    lines.collect()
}

/// Reasons for which tests were not run.
fn skipped(outcome: &Outcome, style: FullStyle) -> String {
    let mut reasons: Vec<(&str, usize)> = Vec::new();
    for result in &outcome.results {
        let Status::Skipped(reason) = &result.status else { continue };
        match reasons.iter_mut().find(|(known, _)| *known == reason.as_str()) {
            Some((_, count)) => *count += 1,
            None => reasons.push((reason, 1)),
        }
    }
    let lines = reasons.into_iter().map(|(reason, count)| {
        let head = format!("skipped {count}: ");
        wrapped(&head, 2, &printable_line(reason), style.width)
    });
    lines.collect()
}

fn summary(outcome: &Outcome, style: FullStyle) -> String {
    let counts = outcome.counts();
    let mut parts = vec![format!("{} passed", counts.passed)];
    let others = [(counts.failed, "failed"), (counts.broken, "broken"), (counts.skipped, "skipped")];
    parts
        .extend(others.iter().filter(|(count, _)| *count > 0).map(|(count, word)| format!("{count} {word}")));
    let told = parts.join(", ");
    let mut engines: Vec<&str> = outcome.results.iter().map(|result| result.engine.as_str()).collect();
    engines.dedup();
    engines.sort_unstable();
    engines.dedup();
    let engines = printable_line(&engines.join(", "));
    let (releases, time) = (releases(outcome).join(", "), outcome.duration.as_secs_f64());
    let plain = format!("{told} on {engines} for Mosquitto {releases} in {time:.2} s");
    let code = if counts.failed + counts.broken == 0 { "32;1" } else { "31;1" };
    wrapped("", 2, &plain, style.width).replacen(&told, &coloured(&told, code, style), 1)
}

/// The releases that tests were run for, in the order of the results.
fn releases(outcome: &Outcome) -> Vec<&str> {
    let mut releases: Vec<&str> = Vec::new();
    for result in &outcome.results {
        if !releases.contains(&result.release.as_str()) {
            releases.push(&result.release);
        }
    }
    releases
}

fn coloured(text: &str, code: &str, style: FullStyle) -> String {
    if style.is_coloured { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
}
