//! The answers for people.

use super::answer::{Answer, Outcome, common};
use super::door::{Door, Rights};
use super::question::Question;
use super::read::{Inquiry, Reading};
use super::remedy::{Edit, Remedy, remedy};
use super::steps::{Fit, Part, Step, Walk, walk};
use super::words::{Line, layer_words, not_started, sentence, shared, shown, unsafe_name, unseen, yes_or_no};
use crate::access::{Action, Layer};
use crate::catalogue::{Quirk, Release};
use crate::lint::Kind;
use crate::report::render::{printable_line, wrapped};
use crate::show::table;

/// Columns in front of what belongs to a sentence.
const INDENT: usize = 2;

/// The releases of an input with what each answers, listener by listener.
pub type Answers<'a> = [(&'a Reading, Vec<Answer<'a>>)];

/// What the releases answer, in a width: releases that answer the same share a part.
pub fn can(inquiry: &Inquiry, answers: &Answers<'_>, question: &Question, width: usize) -> String {
    let writer = Writer { inquiry, question, width };
    let heads = answers
        .iter()
        .map(|(reading, list)| (reading.release(), (writer.head(reading, list), String::new())));
    writer.joined(heads.collect())
}

/// What the releases answer, and every line that they look at. With `is_all` no line is left out.
pub fn explain(
    inquiry: &Inquiry,
    answers: &Answers<'_>,
    question: &Question,
    is_all: bool,
    width: usize,
) -> String {
    let writer = Writer { inquiry, question, width };
    let parts = answers.iter().map(|(reading, list)| {
        let body = writer.bodies(reading.release(), list, is_all);
        (reading.release(), (writer.head(reading, list), body))
    });
    writer.joined(parts.collect())
}

/// The first word of a sentence, what comes behind it, and the lines below.
#[derive(PartialEq)]
struct Head {
    word: &'static str,
    sentence: String,
    below: String,
}

struct Writer<'a> {
    inquiry: &'a Inquiry,
    question: &'a Question,
    width: usize,
}

impl Writer<'_> {
    fn joined(&self, parts: Vec<(Release, (Head, String))>) -> String {
        let texts: Vec<String> = shared(parts)
            .into_iter()
            .map(|(names, (head, body))| {
                let text = format!("{} on {names}: {}", head.word, head.sentence);
                wrapped("", INDENT, &text, self.width) + &head.below + &body
            })
            .collect();
        texts.join("\n") + &unseen(self.inquiry, self.width)
    }

    fn below(&self, text: &str) -> String {
        wrapped("  ", INDENT + 2, text, self.width)
    }

    fn head(&self, reading: &Reading, answers: &[Answer<'_>]) -> Head {
        let mut below = String::new();
        let sentences: Vec<String> = answers.iter().map(|answer| sentence(self.inquiry, answer)).collect();
        let is_one = sentences.iter().all(|other| Some(other) == sentences.first());
        let is_refused = reading.verdict.loads == Some(false);
        let all = common(answers);
        let mut word = yes_or_no(all.filter(|_| !is_refused));
        let first = sentences.first().cloned().unwrap_or_default();
        let sentence = match not_started(self.inquiry, reading) {
            Some(why) => why,
            _ if answers.is_empty() => "no listener".to_owned(),
            _ if is_one => first.clone(),
            _ if all.is_some() => "for a reason of its own on each listener".to_owned(),
            _ => {
                word = "no answer";
                "the listeners differ; name one with `--listener`".to_owned()
            }
        };
        let is_telling = answers.iter().any(|answer| answer.allowed().is_some());
        if is_refused && is_one && is_telling {
            below += &self.below(&format!("if it went on: {}: {first}", yes_or_no(all)));
        }
        if !is_one {
            below += &self.differing(answers, &sentences);
        } else {
            below += &self.entries(answers);
        }
        below += &self.remarks(reading, answers);
        Head { word, sentence, below }
    }

    /// What each listener says; those that say the same share a part.
    fn differing(&self, answers: &[Answer<'_>], sentences: &[String]) -> String {
        let mut said: Vec<(Vec<String>, String, &str)> = Vec::new();
        for (answer, sentence) in answers.iter().zip(sentences) {
            let sentence = format!("{}: {sentence}", yes_or_no(answer.allowed()));
            let entry = answer.entry.as_ref().map_or("", |entry| &entry.words);
            match said.iter_mut().find(|(_, other, words)| *other == sentence && *words == entry) {
                Some((names, ..)) => names.extend(answer.door.key.clone()),
                None => said.push((answer.door.key.iter().cloned().collect(), sentence, entry)),
            }
        }
        let parts = said.into_iter().map(|(names, sentence, entry)| {
            let entry = wrapped("    ", INDENT + 4, &printable_line(entry), self.width);
            self.below(&printable_line(&format!("{}: {sentence}", listeners(&names)))) + &entry
        });
        parts.collect()
    }

    /// Whether the client can be connected; listeners of which the same holds share a line.
    fn entries(&self, answers: &[Answer<'_>]) -> String {
        let mut said: Vec<(Vec<String>, &str)> = Vec::new();
        for answer in answers {
            let Some(entry) = &answer.entry else { continue };
            match said.iter_mut().find(|(_, words)| *words == entry.words) {
                Some((names, _)) => names.extend(answer.door.key.clone()),
                None => said.push((answer.door.key.iter().cloned().collect(), &entry.words)),
            }
        }
        let lines = said
            .into_iter()
            .map(|(names, words)| self.below(&printable_line(&format!("{}: {words}", listeners(&names)))));
        lines.collect()
    }

    fn remarks(&self, reading: &Reading, answers: &[Answer<'_>]) -> String {
        let mut lines: Vec<String> = Vec::new();
        for answer in answers {
            let Door { mount_point, id_is_user, .. } = answer.door;
            if !mount_point.is_empty() {
                lines.push(format!(
                    "{} puts its mount point in front: the broker decides on `{}`",
                    answer.door.title(),
                    shown(&answer.topic)
                ));
                if self.question.action == Action::Receive
                    && reading.release().has(Quirk::MountPointKeptOnDelivery)
                {
                    lines.push("the client gets it with the mount point in front".to_owned());
                }
            }
            if *id_is_user && answer.client.user.is_some() {
                lines.push(format!(
                    "{} takes the user name for the client id (`use_username_as_clientid`)",
                    answer.door.title()
                ));
            }
        }
        if self.question.client_id.as_deref() == Some("")
            && let Some(answer) = answers.iter().find(|answer| !answer.door.id_is_user)
        {
            let prefix = &answer.door.auto_id_prefix;
            lines.push(format!("the broker makes the client id: `{prefix}` and a random text"));
        }
        for (name, client_id) in &reading.bridges {
            if client_id.is_some() && *client_id == self.question.client_id {
                lines.push(format!(
                    "the bridge `{name}` has this client id inside the broker: it may do everything there"
                ));
            }
        }
        lines.iter().map(|line| self.below(&printable_line(line))).collect()
    }

    /// The lines of every listener's file; those with the same share them.
    fn bodies(&self, release: Release, answers: &[Answer<'_>], is_all: bool) -> String {
        let mut bodies: Vec<(Vec<String>, String)> = Vec::new();
        for answer in answers {
            let body = self.steps(release, answer, is_all);
            match bodies.iter_mut().find(|(_, other)| *other == body) {
                Some((names, _)) => names.extend(answer.door.key.clone()),
                None => bodies.push((answer.door.key.iter().cloned().collect(), body)),
            }
        }
        bodies.retain(|(_, body)| !body.is_empty());
        let is_one = bodies.len() == 1;
        let titled = bodies.into_iter().map(|(names, body)| {
            let title = if is_one { String::new() } else { printable_line(&listeners(&names)) + "\n" };
            format!("\n{title}{body}")
        });
        titled.collect()
    }

    /// The lines that a listener's file has for the client.
    fn steps(&self, release: Release, answer: &Answer<'_>, is_all: bool) -> String {
        let action = self.question.action;
        let acl = match &answer.door.rights {
            Rights::File { acl, .. } => acl,
            Rights::Everything if matches!(&answer.outcome, Outcome::Decided(found) if found.layer == Layer::NoFile) =>
            {
                return format!("to deny it\n{}", self.below(NAME_A_FILE));
            }
            _ => return String::new(),
        };
        let decision =
            crate::access::decide(release, Some(acl), answer.client.client(), action, &answer.topic);
        if matches!(decision.layer, Layer::Broker | Layer::Subscription) {
            return String::new();
        }
        let walked = walk(release, acl, answer.client.client(), action, &answer.topic);
        let mut out = wrapped("", INDENT, &self.who(answer), self.width);
        for (number, part) in walked.parts.iter().enumerate() {
            if number == 2 && walked.is_unsafe {
                let stop = format!("{}: no pattern is asked", unsafe_name(answer));
                out += &wrapped("", INDENT, &stop, self.width);
            }
            out += &self.part(answer, &walked, part, is_all);
        }
        if decision.rule.is_none() {
            out += "what no line grants is denied\n";
        }
        out + &self.remedies(release, answer, action, decision.allowed)
    }

    fn who(&self, answer: &Answer<'_>) -> String {
        let user = match &answer.client.user {
            Some(name) => format!("user `{}`", shown(name)),
            None => "a client without a user name".to_owned(),
        };
        let example = if answer.client.is_example { ", an example" } else { "" };
        let verb = match self.question.action {
            Action::Publish => "publishes to",
            Action::Receive => "is sent a message of",
            Action::Subscribe => "subscribes to",
        };
        let text = format!(
            "{user} (client id `{}`{example}) {verb} `{}`",
            shown(&answer.client.client_id),
            shown(&answer.topic)
        );
        printable_line(&text)
    }

    fn part(&self, answer: &Answer<'_>, walked: &Walk, part: &Part, is_all: bool) -> String {
        let title = format!("{}s", layer_words(part.layer));
        let count = part.steps.len();
        if count == 0 {
            return format!("{title}: none\n");
        }
        if !walked.is_asked(part.layer) && !is_all {
            return format!("{title}: {}, not asked\n", lines(count));
        }
        let deciding = walked.deciding().filter(|(layer, _)| *layer == part.layer).map(|(_, rule)| rule);
        let asked =
            part.steps.iter().take_while(|step| deciding.is_none_or(|rule| step.rule <= rule)).count();
        let is_asked = walked.is_asked(part.layer);
        let asked = if is_asked { asked } else { 0 };
        let misses = part.steps[..asked].iter().filter(|step| is_miss(step)).count();
        let folds = !is_all && misses > MOST_MISSES;
        let mut rows = Vec::new();
        for (number, step) in part.steps.iter().enumerate() {
            let is_behind = number >= asked;
            if (is_behind && !is_all) || (folds && is_miss(step)) {
                continue;
            }
            rows.extend(self.row(answer, step, is_behind, deciding == Some(step.rule)));
        }
        let mut out = format!("{title}\n") + &table(&rows, self.width, INDENT);
        if folds {
            out += &format!("  {} that do not fit (`--all` shows them)\n", lines(misses));
        }
        if !is_all && asked < count {
            out += &format!("  {} behind, not asked\n", lines(count - asked));
        }
        out
    }

    fn row(&self, answer: &Answer<'_>, step: &Step, is_behind: bool, decides: bool) -> Option<Vec<String>> {
        let line = Line::of(self.inquiry, answer.door.rights.acl()?, step.rule)?;
        let became = step.became.as_ref().map(|filter| format!("`{}` here: ", shown(filter)));
        let fit = match step.fit {
            Fit::Fits if decides => "fits and decides",
            Fit::Fits => "fits",
            Fit::OtherAction if self.question.action == Action::Publish => "fits, but grants receiving only",
            Fit::OtherAction => "fits, but grants publishing only",
            Fit::OtherTopic => "does not fit",
            Fit::NamedOnly => "only for clients with a user name",
            Fit::NameUnfit => "a name with `/`, or `$` at the front, fits nowhere",
        };
        let behind = if is_behind { ", not asked" } else { "" };
        let said = format!("{}{fit}{behind}", became.unwrap_or_default());
        Some(vec![line.place, line.text, printable_line(&said)])
    }

    fn remedies(&self, release: Release, answer: &Answer<'_>, action: Action, allowed: bool) -> String {
        let found = remedy(self.inquiry, release, answer, action);
        let goal = if allowed { "deny" } else { "allow" };
        if found.is_empty() {
            return String::new();
        }
        let mut out = format!("to {goal} it\n");
        for (number, way) in found.iter().take(MOST_WAYS).enumerate() {
            let or = if number > 0 { "or " } else { "" };
            out += &self.below(&format!("{or}{}", self.way(answer, way)));
        }
        out
    }

    fn way(&self, answer: &Answer<'_>, way: &Remedy) -> String {
        let Some(acl) = answer.door.rights.acl() else { return String::new() };
        let line = |rule: usize| Line::of(self.inquiry, acl, rule);
        let gone: Vec<String> = (way.iter())
            .filter_map(|edit| match edit {
                Edit::Remove(rule) => line(*rule).map(|line| line.home().to_owned()),
                _ => None,
            })
            .collect();
        let mut said = Vec::new();
        if !gone.is_empty() {
            said.push(format!("take out {}", gone.join(", ")));
        }
        for edit in way {
            match edit {
                Edit::Remove(_) => {}
                Edit::Widen(rule) => said.extend(
                    line(*rule).map(|line| format!("give `readwrite` in {} (`{}`)", line.home(), line.text)),
                ),
                Edit::Add { user, has_section, line } => {
                    said.push(self.addition(user.as_deref(), *has_section, line));
                }
            }
        }
        said.join(", and ")
    }

    fn addition(&self, user: Option<&[u8]>, has_section: bool, line: &[u8]) -> String {
        let text = shown(line);
        if self.inquiry.kind == Kind::Spec {
            let right = text.strip_prefix("topic ").unwrap_or(&text);
            let (word, filter) = right.split_once(' ').unwrap_or((right, ""));
            let of = user.map_or_else(|| "`anonymous`".to_owned(), |name| format!("`{}`", shown(name)));
            return format!("write `{{ {word}: {filter:?} }}` in the list of {of}");
        }
        match user {
            None => format!("write `{text}` above the first `user` line"),
            Some(name) if has_section => format!("write `{text}` below `user {}`", shown(name)),
            Some(name) => format!("write `user {}` and below it `{text}`", shown(name)),
        }
    }
}

/// How many lines that do not fit are shown before they are folded.
const MOST_MISSES: usize = 5;

const NAME_A_FILE: &str = "name an `acl_file`: then only what its lines grant is allowed";

/// How many ways to the opposite answer are told.
const MOST_WAYS: usize = 3;

/// Some listeners by their names.
fn listeners(names: &[String]) -> String {
    format!("{} {}", if names.len() == 1 { "listener" } else { "listeners" }, names.join(", "))
}

fn is_miss(step: &Step) -> bool {
    !matches!(step.fit, Fit::Fits | Fit::OtherAction)
}

fn lines(count: usize) -> String {
    format!("{count} line{}", if count == 1 { "" } else { "s" })
}
