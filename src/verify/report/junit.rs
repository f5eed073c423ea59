//! JUnit XML, which systems of continuous integration read.

use std::fmt::Write;

use super::{log_line, place, seconds, sentence};
use crate::report::render::printable_line;
use crate::text::Sources;
use crate::verify::{Breakdown, Outcome, Status, TestResult};

/// The outcome as a JUnit document: a suite for each file of tests and release.
pub fn junit(outcome: &Outcome, sources: &Sources) -> String {
    let mut suites: Vec<((String, &str), Vec<&TestResult>)> = Vec::new();
    for result in &outcome.results {
        let key = (place(sources, result.span).0, result.release.as_str());
        match suites.iter_mut().find(|(known, _)| *known == key) {
            Some((_, results)) => results.push(result),
            None => suites.push((key, vec![result])),
        }
    }
    let counts = outcome.counts();
    let mut out = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n".to_owned();
    out += &format!(
        "<testsuites name=\"moskit\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\">\n",
        outcome.results.len(),
        counts.failed,
        counts.broken,
        counts.skipped,
        seconds(outcome.duration)
    );
    for ((file, release), results) in suites {
        suite(&mut out, &format!("{file} on Mosquitto {release}"), &results, sources);
    }
    out + "</testsuites>\n"
}

fn suite(out: &mut String, name: &str, results: &[&TestResult], sources: &Sources) {
    let count = |is_it: fn(&Status) -> bool| results.iter().filter(|result| is_it(&result.status)).count();
    let time = results.iter().map(|result| result.duration).sum();
    // Writing to a string does not fail.
    let _ = writeln!(
        out,
        "  <testsuite name=\"{}\" tests=\"{}\" failures=\"{}\" errors=\"{}\" skipped=\"{}\" time=\"{}\">",
        escaped(name),
        results.len(),
        count(|status| matches!(status, Status::Failed(_))),
        count(|status| matches!(status, Status::Broken(_))),
        count(|status| matches!(status, Status::Skipped(_))),
        seconds(time)
    );
    for result in results {
        let (file, line) = place(sources, result.span);
        let head = format!(
            "    <testcase classname=\"{}\" name=\"{}\" file=\"{}\" line=\"{line}\" time=\"{}\"",
            escaped(name),
            escaped(&result.name),
            escaped(&file),
            seconds(result.duration)
        );
        let inner = match &result.status {
            Status::Passed => None,
            Status::Failed(failure) => {
                let (file, line) = place(sources, failure.span);
                let said = sentence(failure);
                let body = format!("{file}:{line}: {said}");
                Some(element("failure", "expectation", &said, &body))
            }
            Status::Broken(why) => Some(broken(why)),
            Status::Skipped(reason) => Some(format!("<skipped message=\"{}\"/>", escaped(reason))),
        };
        *out += &match inner {
            Some(inner) => format!("{head}>\n      {inner}\n    </testcase>\n"),
            None => format!("{head}/>\n"),
        };
    }
    *out += "  </testsuite>\n";
}

fn broken(why: &Breakdown) -> String {
    let error = element("error", "broken", &why.reason, &why.reason);
    if why.log.is_empty() {
        return error;
    }
    let lines: Vec<String> = why.log.iter().map(|line| escaped(&log_line(line))).collect();
    format!("{error}\n      <system-err>{}</system-err>", lines.join("\n"))
}

fn element(name: &str, kind: &str, message: &str, body: &str) -> String {
    let (message, body) = (escaped(message), escaped(body));
    format!("<{name} type=\"{kind}\" message=\"{message}\">{body}</{name}>")
}

/// A text as XML 1.0 can hold it; what no XML can hold is shown as an escape.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for character in printable_line(text).chars() {
        match character {
            '&' => out += "&amp;",
            '<' => out += "&lt;",
            '>' => out += "&gt;",
            '"' => out += "&quot;",
            '\'' => out += "&apos;",
            '\u{fffe}' | '\u{ffff}' => out.extend(character.escape_unicode()),
            _ => out.push(character),
        }
    }
    out
}
