//! For people: each failure in a sentence, and how many there are.

use std::collections::HashMap;

use super::{place, sentence};
use crate::report::render::{FullStyle, printable_line, wrapped};
use crate::text::{Sources, Span};
use crate::verify::{Outcome, Status, TestResult};

/// The most failures that are shown.
const MOST_SHOWN: usize = 250;

/// Results of a test that are the same for several releases.
struct Group<'a> {
    result: &'a TestResult,
    releases: Vec<&'a str>,
}

/// Tests that did not pass, and a summary.
pub fn full(outcome: &Outcome, sources: &Sources, style: FullStyle) -> String {
    let is_bad = |result: &&TestResult| matches!(result.status, Status::Failed(_) | Status::Broken(_));
    let bad = groups(outcome.results.iter().filter(is_bad));
    let mut out = String::new();
    for group in bad.iter().take(MOST_SHOWN) {
        out += &shown(group, outcome, sources, style);
    }
    if bad.len() > MOST_SHOWN {
        let more = bad.len() - MOST_SHOWN;
        out += &format!("{more} more are not shown; `--format json` has all\n\n");
    }
    out += &skipped(outcome, style);
    out + &summary(outcome, style)
}

fn groups<'a>(results: impl Iterator<Item = &'a TestResult>) -> Vec<Group<'a>> {
    let mut groups: Vec<Group<'a>> = Vec::new();
    let mut known: HashMap<(&str, Span), Vec<usize>> = HashMap::new();
    for result in results {
        let same = known.entry((result.name.as_str(), result.span)).or_default();
        match same.iter().find(|at| groups[**at].result.status == result.status) {
            Some(at) => groups[*at].releases.push(&result.release),
            None => {
                same.push(groups.len());
                groups.push(Group { result, releases: vec![&result.release] });
            }
        }
    }
    groups
}

fn shown(group: &Group<'_>, outcome: &Outcome, sources: &Sources, style: FullStyle) -> String {
    let result = group.result;
    let (span, word, said) = match &result.status {
        Status::Failed(failure) => (failure.span, "failed", sentence(failure)),
        Status::Broken(reason) => (result.span, "broken", printable_line(reason)),
        Status::Passed | Status::Skipped(_) => return String::new(),
    };
    let (file, line) = place(sources, span);
    let is_all = releases(outcome).len() == group.releases.len();
    let on = if is_all { String::new() } else { format!(" (Mosquitto {})", group.releases.join(", ")) };
    let head = coloured(&format!("{word}:"), "31;1", style);
    let name = printable_line(&result.name);
    format!("{head} {name}{on}\n  {file}:{line}\n{}\n", wrapped("  ", 2, &said, style.width))
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
