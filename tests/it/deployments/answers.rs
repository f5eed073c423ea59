//! Tables of questions and answers.

use moskit::catalogue::Release;

use crate::decisions::scene::{WAYS, Way};

/// What comes of a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Answer {
    /// The client is not let in.
    Out,
    No,
    Yes,
}

/// A line of a table: a listener by its port, `NAME`, `NAME:PASSWORD` or `NAME@CLIENT-ID` (`-` for no name), how it
/// asks, for which topic, and the answers of the releases in the order of [`Release::known`].
#[derive(Clone, Debug)]
pub(super) struct Row {
    pub(super) listener: u16,
    pub(super) user: Option<String>,
    /// Whose password or certificate it shows, where that is not its own.
    pub(super) credential: Option<String>,
    pub(super) client_id: String,
    pub(super) way: Way,
    pub(super) topic: String,
    pub(super) answers: Vec<Answer>,
}

/// The rows of a table.
pub(super) fn read(text: &str) -> Vec<Row> {
    text.lines().filter(|line| !line.starts_with("# ")).map(row).collect()
}

fn row(line: &str) -> Row {
    let words: Vec<&str> = line.split_whitespace().collect();
    let [listener, who, way, topic, answers @ ..] = &words[..] else { panic!("`{line}` in a table") };
    let (who, client_id) = who.split_once('@').unwrap_or((who, "client"));
    let (name, credential) = match who.split_once(':') {
        Some((name, credential)) => (name, Some(credential.to_owned())),
        None => (who, None),
    };
    let answer = |word: &&str| match *word {
        "yes" => Answer::Yes,
        "no" => Answer::No,
        "out" => Answer::Out,
        other => panic!("`{other}` in a table"),
    };
    let answers: Vec<Answer> = answers.iter().map(answer).collect();
    let count = Release::known().len();
    let answers = if answers.len() == 1 { vec![answers[0]; count] } else { answers };
    assert_eq!(answers.len(), count, "{line}");
    Row {
        listener: listener.parse().expect("a port"),
        user: (name != "-").then(|| name.to_owned()),
        credential,
        client_id: client_id.to_owned(),
        way: WAYS.iter().find(|(_, name)| name == way).expect("a way to ask").0,
        topic: (*topic).to_owned(),
        answers,
    }
}
