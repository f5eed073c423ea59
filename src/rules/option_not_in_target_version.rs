use super::Context;
use crate::catalogue::{Kind, OptionId, Release, Word, options};
use crate::model::notes::{Note, NoteKind, ValueProblem};
use crate::report::Diagnostic;

rule! {
    /// The release does not know the option, or a word of its value, which other releases know.
    ///
    /// ## What it finds
    /// Options, and words such as the `http_api` of `protocol`, that came with a later release than the one
    /// in question or went with an earlier one.
    ///
    /// ## Why it matters
    /// An option of another release is as bad as a misspelt one: the broker stops at its line. So a file that
    /// was written for a new release does not load on the old one of a stable distribution, and lines of 1.x
    /// that have long been without effect keep 2.x from starting.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 1883 127.0.0.1
    /// allow_anonymous true
    /// global_max_connections 100
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 1883 127.0.0.1
    /// max_connections 100
    /// allow_anonymous true
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: unknown option, exit 3
    /// - 2.0.21: does not start: unknown option, exit 3
    /// - 2.1.2: starts: it knows the option
    "option-not-in-target-version", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let finding = match note.kind {
            NoteKind::NotInRelease { option } => on_option(cx, note, option),
            NoteKind::BadValue { option, problem: ValueProblem::UnknownWord } => {
                let written = cx.sources.text(note.span);
                let Some(word) = word_elsewhere(option, written.trim()) else { continue };
                on_word(cx, note, option, word)
            }
            _ => continue,
        };
        cx.report(finding);
    }
}

/// The word of an option that some release knows.
pub(super) fn word_elsewhere(option: OptionId, written: &str) -> Option<&'static Word> {
    option.entry().words.iter().find(|word| word.name == written)
}

/// When a thing came or went, as seen from a release that lacks it: a verb for it, and what to do.
fn epoch(release: Release, since: Release, until: Option<Release>) -> (String, String) {
    match until {
        Some(until) if until <= release => {
            (format!("went with {until}"), "remove the line: nothing takes its place".to_owned())
        }
        _ => (format!("came with {since}"), format!("remove the line, or run release {since} or later")),
    }
}

fn on_option(cx: &Context<'_>, note: &Note, option: OptionId) -> Diagnostic {
    let entry = option.entry();
    let (when, remedy) = epoch(cx.release, entry.since, entry.until);
    let finding = cx.finding_on(note, format!("the option `{}` {when}", cx.text(note.span)));
    let finding = finding.note("the broker stops at the first option that it does not know");
    match alternative(option) {
        Some(alternative) => finding.help(alternative),
        None if entry.kind == Kind::Ignored => finding.help("remove the line: it never had an effect"),
        None => finding.help(remedy),
    }
}

fn on_word(cx: &Context<'_>, note: &Note, option: OptionId, word: &Word) -> Diagnostic {
    let (when, remedy) = epoch(cx.release, word.since, word.until);
    let message = format!("the word `{}` of `{}` {when}", word.name, option.name());
    let finding = cx.finding_on(note, message);
    let others: Vec<_> = option.entry().words_at(cx.release).map(|word| format!("`{word}`")).collect();
    finding.note(format!("this release takes {}", others.join(", "))).help(remedy)
}

/// What older releases have for the same purpose.
fn alternative(option: OptionId) -> Option<&'static str> {
    Some(match option {
        options::GLOBAL_PLUGIN => {
            "write `plugin`, which serves every listener as long as `per_listener_settings` is not set"
        }
        options::PLUGIN_LOAD | options::PLUGIN_USE => {
            "write `per_listener_settings true` at the top and `plugin` with the path below the listener"
        }
        options::LISTENER_ALLOW_ANONYMOUS => {
            "write `per_listener_settings true` at the top and `allow_anonymous` below the listener"
        }
        options::LISTENER_AUTO_ID_PREFIX => "write `auto_id_prefix`, which holds for every listener",
        options::GLOBAL_MAX_CONNECTIONS => "write `max_connections` below each listener",
        options::BRIDGE_TLS_USE_OS_CERTS => "name the system's directory of authorities with `bridge_capath`",
        _ => return None,
    })
}
