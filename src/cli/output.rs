//! Printing: reports on stdout, narration on stderr.

use std::io::{IsTerminal, Write};

use clap::ValueEnum;

use crate::report::render::{FullStyle, is_unshown, printable_line};

/// Form of a report.
#[derive(Clone, Copy, ValueEnum)]
pub(super) enum Form {
    /// For people
    Full,
    /// For programs; `moskit schema` describes it
    Json,
}

/// Prints a report on stdout. A reader that went away is no error.
pub(super) fn report(text: &str) {
    part(text);
}

/// Prints a part of a report; gives whether its reader is still there.
pub(super) fn part(text: &str) -> bool {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    !written.is_err_and(|error| error.kind() == std::io::ErrorKind::BrokenPipe)
}

/// Prints a line of narration on stderr; names and paths in it may hold anything.
pub(super) fn narrate(line: &str) {
    let _ = writeln!(std::io::stderr().lock(), "{}", printable_line(line));
}

/// Shows how far something is, where stderr is a terminal; an empty text takes it away.
pub(super) fn progress(text: &str) {
    let mut err = std::io::stderr().lock();
    if err.is_terminal() {
        let _ = write!(err, "\r\u{1b}[K{}", printable_line(text)).and_then(|()| err.flush());
    }
}

/// JSON in which everything that a terminal would obey is escaped; outside of texts there is no such thing.
pub(super) fn json(value: &serde_json::Value) -> String {
    let mut out = String::new();
    for character in format!("{value:#}\n").chars() {
        match character {
            // All of them are of the plane that four digits can name.
            _ if character != '\n' && is_unshown(character) => {
                out += &format!("\\u{:04x}", u32::from(character))
            }
            _ => out.push(character),
        }
    }
    out
}

/// How reports look where they go: colours on a terminal only, and never with `NO_COLOR`.
pub(super) fn style() -> FullStyle {
    let is_terminal = std::io::stdout().is_terminal();
    let no_color = std::env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
    let columns = std::env::var("COLUMNS").ok().and_then(|text| text.parse().ok());
    let width = match terminal_width().filter(|_| is_terminal) {
        Some(width) => width,
        None => columns.unwrap_or(80),
    };
    FullStyle { width: width.clamp(40, 120), is_coloured: is_terminal && !no_color }
}

/// The columns of the terminal, where stdout is one.
fn terminal_width() -> Option<usize> {
    let size = rustix::termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_col > 0).then(|| usize::from(size.ws_col))
}
