//! `moskit access can --batch`: questions from a file or from stdin, answers as they come.

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, Read, Write};
use std::path::Path;

use super::super::{Answer, Failure, NO_ANSWER, NOTHING, output};
use super::input::About;
use crate::ask::{Batch, Reading};

/// The longest line that is read: more than two topics of the greatest length.
const MOST_BYTES: u64 = 1024 * 1024;

pub(super) fn run(about: &About, path: Option<&Path>, file: &Path) -> Answer {
    let inquiry = about.read(path)?;
    let [reading] = inquiry.readings.as_slice() else {
        let names: Vec<String> = inquiry.readings.iter().map(|each| each.release().to_string()).collect();
        return Err(Failure(format!(
            "`--batch` asks one release: name it with `--target` ({})",
            names.join(", ")
        )));
    };
    refuse(reading)?;
    // A wrong name is told once, not for each line.
    about.asking.doors(reading)?;
    let shown = if file == Path::new("-") { "stdin".to_owned() } else { file.display().to_string() };
    let questions: Box<dyn Read> = if file == Path::new("-") {
        Box::new(io::stdin().lock())
    } else {
        Box::new(File::open(file).map_err(|error| Failure(format!("cannot read `{shown}`: {error}")))?)
    };
    let mut batch = Batch::new(&inquiry, reading, about.asking.listener.as_deref());
    let mut out = BufWriter::with_capacity(1 << 16, io::stdout().lock());
    let mut status = NOTHING;
    each_line(BufReader::with_capacity(1 << 16, questions), |number, line| {
        let answered = match line {
            Ok(line) if line.trim_ascii().is_empty() => return true,
            Ok(line) => match str::from_utf8(line) {
                Ok(line) => batch.answer(line).map_err(|bad| bad.0),
                Err(_) => Err("it is not UTF-8".to_owned()),
            },
            Err(why) => Err(why),
        };
        let written = match answered {
            Ok(answered) => {
                status = if answered.is_told { status } else { NO_ANSWER };
                writeln!(out, "{}", answered.line)
            }
            Err(why) => {
                status = NO_ANSWER;
                // In the order of the lines, where both go to one place.
                let flushed = out.flush();
                output::narrate(&format!("{shown}:{number}: {why}"));
                flushed
            }
        };
        // A reader that went away wants no more.
        written.is_ok()
    })
    .map_err(|error| Failure(format!("cannot read `{shown}`: {error}")))?;
    let _ = out.flush();
    Ok(status)
}

/// A broker that does not start answers nothing.
fn refuse(reading: &Reading) -> Result<(), Failure> {
    if reading.verdict.loads != Some(false) {
        return Ok(());
    }
    let why = reading.verdict.reason.as_ref().map(|(_, why)| format!(": {why}")).unwrap_or_default();
    Err(Failure(format!("Mosquitto {} does not start with this{why}", reading.release())))
}

/// Shows the lines of a text with their numbers until it ends, or `look` returns false.
fn each_line(
    mut from: impl BufRead,
    mut look: impl FnMut(usize, Result<&[u8], String>) -> bool,
) -> io::Result<()> {
    let mut line = Vec::new();
    for number in 1.. {
        line.clear();
        if from.by_ref().take(MOST_BYTES).read_until(b'\n', &mut line)? == 0 {
            break;
        }
        let is_whole = line.last() == Some(&b'\n') || (line.len() as u64) < MOST_BYTES;
        let goes_on = if is_whole {
            look(number, Ok(&line))
        } else {
            skip_line(&mut from)?;
            look(number, Err(format!("the line has more than {} KiB", MOST_BYTES >> 10)))
        };
        if !goes_on {
            break;
        }
    }
    Ok(())
}

fn skip_line(from: &mut impl BufRead) -> io::Result<()> {
    loop {
        let part = from.fill_buf()?;
        let end = part.iter().position(|byte| *byte == b'\n');
        let (length, is_over) = (end.map_or(part.len(), |end| end + 1), end.is_some() || part.is_empty());
        from.consume(length);
        if is_over {
            return Ok(());
        }
    }
}
