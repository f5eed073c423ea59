//! Exchanges as files: what is sent is written by hand, what is answered is recorded.
//!
//! ```text
//! === name of the exchange
//! with CONFIGURATION            a section of configurations.txt; `open` where nothing is said
//! releases 2.1.2                where others do not load the configuration
//! A > CONNECT v5 id=a           sends on connection A, which is opened if it is not open
//!     A < CONNACK 0 {…}         recorded: came on A
//!     2.0.11 2.0.21 | A closed  recorded: only these releases
//!     A < CONNACK 0 {usual}     recorded: with the properties that the release always tells (`placeholders`)
//! A@2 > …                       opens A on the second listener
//! A + …                         is sent together with the next packet of A
//! A >> …                        nothing is asked after it: the packet is not whole, or nobody may speak
//! A close                       closes the connection without a word
//! wait A 3s                     until something comes on A, at most so long
//! wait 1500ms                   so long
//! ```
//!
//! After each step every connection is asked with PINGREQ until everything that comes has come; these PINGRESP are
//! not recorded.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The releases whose answers are recorded.
pub(super) const RELEASES: [&str; 3] = ["2.0.11", "2.0.21", "2.1.2"];

/// A file of exchanges, so that it can be written again with other answers.
pub(super) struct File {
    pub(super) path: PathBuf,
    /// Its lines without the recorded ones.
    lines: Vec<String>,
    pub(super) exchanges: Vec<Exchange>,
}

/// Steps that are played one after the other on a broker of its own.
pub(super) struct Exchange {
    pub(super) name: String,
    pub(super) configuration: String,
    /// The releases that take its configuration.
    pub(super) releases: Vec<&'static str>,
    pub(super) steps: Vec<Step>,
}

pub(super) struct Step {
    /// Which line of the file it is.
    line: usize,
    pub(super) text: String,
    pub(super) action: Action,
    /// What came, by release.
    pub(super) recorded: BTreeMap<&'static str, Vec<String>>,
}

pub(super) enum Action {
    Send { on: char, listener: usize, packet: String, then: Then },
    Close { on: char },
    Wait { on: Vec<char>, longest: Duration },
}

/// What happens when a packet was written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Then {
    /// Every connection is asked.
    Ask,
    /// It waits for the next packet of its connection.
    Hold,
    /// The connection is not asked.
    Listen,
}

/// Reads the exchanges of a file.
pub(super) fn read(path: &Path) -> File {
    let text = std::fs::read_to_string(path).unwrap();
    let mut file = File { path: path.to_owned(), lines: Vec::new(), exchanges: Vec::new() };
    for (number, line) in text.lines().enumerate() {
        if let Err(error) = file.add(line) {
            panic!("{}:{}: {error}", path.display(), number + 1);
        }
    }
    file
}

impl File {
    fn add(&mut self, line: &str) -> Result<(), String> {
        if let Some(answer) = line.strip_prefix("    ") {
            return self.add_answer(answer);
        }
        self.lines.push(line.to_owned());
        if line.is_empty() || line.starts_with('#') {
            return Ok(());
        }
        if let Some(name) = line.strip_prefix("=== ") {
            self.exchanges.push(Exchange {
                name: name.to_owned(),
                configuration: "open".to_owned(),
                releases: RELEASES.to_vec(),
                steps: Vec::new(),
            });
            return Ok(());
        }
        let exchange = self.exchanges.last_mut().ok_or("an exchange begins with `=== name`")?;
        if let Some(name) = line.strip_prefix("with ") {
            exchange.configuration = name.to_owned();
        } else if let Some(names) = line.strip_prefix("releases ") {
            exchange.releases.retain(|release| names.split(' ').any(|name| name == *release));
        } else {
            let action = action(line)?;
            let line_number = self.lines.len() - 1;
            exchange.steps.push(Step {
                line: line_number,
                text: line.to_owned(),
                action,
                recorded: BTreeMap::new(),
            });
        }
        Ok(())
    }

    fn add_answer(&mut self, answer: &str) -> Result<(), String> {
        let exchange = self.exchanges.last_mut().ok_or("an answer to nothing")?;
        let step = exchange.steps.last_mut().ok_or("an answer to nothing")?;
        let is_release = |name: &str| RELEASES.contains(&name);
        let (releases, answer) = match answer.split_once(" | ") {
            Some((names, rest)) if names.split(' ').all(is_release) => {
                (exchange.releases.iter().copied().filter(|known| names.contains(known)).collect(), rest)
            }
            _ => (exchange.releases.clone(), answer),
        };
        for release in releases {
            let answers = step.recorded.entry(release).or_default();
            if answer != NOTHING {
                answers.push(answer.to_owned());
            }
        }
        Ok(())
    }

    /// The file with the recorded answers.
    pub(super) fn text(&self) -> String {
        let mut answers = BTreeMap::new();
        for exchange in &self.exchanges {
            for step in &exchange.steps {
                answers.insert(step.line, answer_lines(&exchange.releases, step));
            }
        }
        let mut text = String::new();
        for (number, line) in self.lines.iter().enumerate() {
            text += line;
            text.push('\n');
            text.extend(answers.remove(&number));
        }
        text
    }
}

/// Stands where a release answers nothing and others answer something.
const NOTHING: &str = "nothing";

/// The answers to a step, those that are the same once.
fn answer_lines(releases: &[&'static str], step: &Step) -> String {
    let mut groups: Vec<(&[String], Vec<&str>)> = Vec::new();
    for release in releases {
        let answers = step.recorded.get(release).map(Vec::as_slice).unwrap_or_default();
        match groups.iter_mut().find(|(known, _)| *known == answers) {
            Some((_, names)) => names.push(release),
            None => groups.push((answers, vec![release])),
        }
    }
    let mut text = String::new();
    let is_one = groups.len() == 1;
    for (answers, names) in groups {
        let names = if is_one { String::new() } else { format!("{} | ", names.join(" ")) };
        for answer in answers {
            text += &format!("    {names}{answer}\n");
        }
        if answers.is_empty() && !is_one {
            text += &format!("    {names}{NOTHING}\n");
        }
    }
    text
}

fn action(line: &str) -> Result<Action, String> {
    let mut words = line.splitn(3, ' ');
    let (first, second) = (words.next().unwrap_or_default(), words.next().unwrap_or_default());
    let rest = words.next().unwrap_or_default().to_owned();
    if first == "wait" {
        let words: Vec<&str> = line.split(' ').skip(1).collect();
        let (longest, on) = words.split_last().ok_or("`wait` needs a time")?;
        let on = on.iter().map(|name| connection(name)).collect::<Result<_, _>>()?;
        return Ok(Action::Wait { on, longest: duration(longest)? });
    }
    let (name, listener) = first.split_once('@').unwrap_or((first, "1"));
    let on = connection(name)?;
    let listener = listener.parse().map_err(|_| format!("no listener `{listener}`"))?;
    let then = match second {
        ">" => Then::Ask,
        "+" => Then::Hold,
        ">>" => Then::Listen,
        "close" => return Ok(Action::Close { on }),
        _ => return Err(format!("no step: `{line}`")),
    };
    Ok(Action::Send { on, listener, packet: rest, then })
}

fn connection(name: &str) -> Result<char, String> {
    let mut letters = name.chars();
    match (letters.next(), letters.next()) {
        (Some(letter), None) if letter.is_ascii_uppercase() => Ok(letter),
        _ => Err(format!("a connection has a capital letter, not `{name}`")),
    }
}

fn duration(text: &str) -> Result<Duration, String> {
    let (digits, unit) = match text.strip_suffix("ms") {
        Some(digits) => (digits, 1),
        None => (text.trim_end_matches('s'), 1000),
    };
    digits
        .parse()
        .map(|number: u64| Duration::from_millis(number * unit))
        .map_err(|_| format!("no time: `{text}`"))
}

/// A file of a named configuration: its name and its text.
type ConfigurationFile = (String, String);

/// Reads `configurations.txt`: `=== name`, then `--- file` and its text, once or several times.
pub(super) fn configurations(path: &Path) -> BTreeMap<String, Vec<ConfigurationFile>> {
    let text = std::fs::read_to_string(path).unwrap();
    let mut found: BTreeMap<String, Vec<ConfigurationFile>> = BTreeMap::new();
    let mut name = String::new();
    for line in text.lines() {
        if let Some(next) = line.strip_prefix("=== ") {
            name = next.to_owned();
            assert!(found.insert(name.clone(), Vec::new()).is_none(), "two configurations `{name}`");
        } else if let Some(files) = found.get_mut(&name) {
            match line.strip_prefix("--- ") {
                Some(file) => files.push((file.to_owned(), String::new())),
                None if files.is_empty() => files.push(("mosquitto.conf".to_owned(), format!("{line}\n"))),
                None => files.last_mut().unwrap().1 += &format!("{line}\n"),
            }
        }
    }
    found
}
