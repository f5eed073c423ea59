//! `moskit access can` and `explain`.

use std::path::{Path, PathBuf};

use clap::Args;

use super::super::{Answer, Failure, NO_ANSWER, NOTHING, SOMETHING, output};
use super::batch;
use super::input::{About, Format};
use crate::access::Action;
use crate::ask::{self, Inquiry, Question, Reading};
use crate::report::nearest;

#[derive(Args)]
#[command(override_usage = "moskit access can [OPTIONS] [INPUT] <ACTION> <TOPIC>\n       \
    moskit access can [OPTIONS] [INPUT] --batch <FILE>")]
pub(super) struct CanArguments {
    #[command(flatten)]
    client: Client,

    /// Answer the questions of a file, or of stdin for `-`: one JSON object a line with the keys user, client_id, action and topic, and listener where listeners differ
    #[arg(long, value_name = "FILE", conflicts_with_all = ["user", "client_id", "format"])]
    batch: Option<PathBuf>,

    #[command(flatten)]
    about: About,
}

#[derive(Args)]
#[command(override_usage = "moskit access explain [OPTIONS] [INPUT] <ACTION> <TOPIC>")]
pub(super) struct ExplainArguments {
    #[command(flatten)]
    client: Client,

    /// Show each line, also those that do not fit and those that are not asked
    #[arg(long)]
    all: bool,

    #[command(flatten)]
    about: About,
}

/// Who asks for what.
#[derive(Args)]
struct Client {
    /// INPUT is what is asked about: a mosquitto.conf, an ACL file, a spec, a pack, or a folder with one of them [default: the current folder]; ACTION is publish, receive or subscribe
    #[arg(value_name = "QUESTION", num_args = 0..)]
    words: Vec<String>,

    /// User name [default: a client without a user name]
    #[arg(long, short, value_name = "NAME")]
    user: Option<String>,

    /// Client id [default: one that stands in no line]
    #[arg(long, short = 'i', value_name = "ID")]
    client_id: Option<String>,
}

const ACTIONS: [(&str, Action); 3] =
    [("publish", Action::Publish), ("receive", Action::Receive), ("subscribe", Action::Subscribe)];

/// The action that a word stands for.
pub(super) fn action(word: &str) -> Result<Action, Failure> {
    if let Some((_, action)) = ACTIONS.iter().find(|(name, _)| *name == word) {
        return Ok(*action);
    }
    let meant = match word {
        "write" | "pub" => Some("publish"),
        "read" => Some("receive"),
        "sub" => Some("subscribe"),
        _ => nearest(word, ACTIONS.map(|(name, _)| name)),
    };
    let meant = meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
    Err(Failure(format!("`{word}` is no action: a client may publish, receive or subscribe{meant}")))
}

impl Client {
    /// The input, and the question.
    fn question(&self) -> Result<(Option<&Path>, Question), Failure> {
        let is_action = |word: &String| ACTIONS.iter().any(|(name, _)| name == word);
        let (path, word, topic) = match self.words.as_slice() {
            [word, topic] => (None, word, topic),
            [path, word, topic] if is_action(word) || !is_action(path) => {
                (Some(Path::new(path.as_str())), word, topic)
            }
            [first, topic, path] => {
                return Err(Failure(format!("what is asked about comes first: `{path} {first} {topic}`")));
            }
            [word] if is_action(word) => {
                return Err(Failure(format!("`{word}` needs a topic, as in `{word} plant/1/state`")));
            }
            [_, _, _, other, ..] => {
                return Err(Failure(format!("`{other}` is a word too many: quote topics that hold blanks")));
            }
            _ => {
                return Err(Failure(
                    "name an action and a topic, as in `publish plant/1/state`; actions are publish, receive and \
                     subscribe"
                        .to_owned(),
                ));
            }
        };
        let question = Question {
            user: self.user.clone(),
            client_id: self.client_id.clone(),
            action: action(word)?,
            topic: topic.clone(),
        };
        question.check().map_err(Failure)?;
        Ok((path, question))
    }
}

/// What each release answers.
fn answers<'i>(
    about: &About,
    inquiry: &'i Inquiry,
    question: &Question,
) -> Result<Vec<(&'i Reading, Vec<ask::Answer<'i>>)>, Failure> {
    let answer = |reading: &'i Reading| {
        let doors = about.asking.doors(reading)?;
        Ok((reading, ask::answers(reading, &doors, question)))
    };
    inquiry.readings.iter().map(answer).collect()
}

/// Yes where each release says so, no where one does, and no answer where one has none.
fn status(answers: &ask::Answers<'_>) -> u8 {
    let of = |(reading, list): &(&Reading, Vec<ask::Answer<'_>>)| {
        ask::common(list).filter(|_| reading.verdict.loads != Some(false))
    };
    let all: Vec<Option<bool>> = answers.iter().map(of).collect();
    match () {
        () if all.contains(&None) => NO_ANSWER,
        () if all.contains(&Some(false)) => SOMETHING,
        () => NOTHING,
    }
}

pub(super) fn can(arguments: &CanArguments) -> Answer {
    let about = &arguments.about;
    if let Some(file) = &arguments.batch {
        let path = match arguments.client.words.as_slice() {
            [] => None,
            [path] => Some(Path::new(path.as_str())),
            _ => return Err(Failure("with `--batch` the questions are in the file alone".to_owned())),
        };
        return batch::run(about, path, file);
    }
    let (path, question) = arguments.client.question()?;
    let inquiry = about.read(path)?;
    let answers = answers(about, &inquiry, &question)?;
    output::report(&match about.asking.format {
        Format::Full => ask::can_text(&inquiry, &answers, &question, output::style().width),
        Format::Json => {
            output::json(&ask::can_json(&inquiry, &answers, &question, about.asking.listener.as_deref()))
        }
    });
    Ok(status(&answers))
}

pub(super) fn explain(arguments: &ExplainArguments) -> Answer {
    let about = &arguments.about;
    let (path, question) = arguments.client.question()?;
    let inquiry = about.read(path)?;
    let answers = answers(about, &inquiry, &question)?;
    output::report(&match about.asking.format {
        Format::Full => {
            ask::explain_text(&inquiry, &answers, &question, arguments.all, output::style().width)
        }
        Format::Json => {
            output::json(&ask::explain_json(&inquiry, &answers, &question, about.asking.listener.as_deref()))
        }
    });
    Ok(status(&answers))
}
