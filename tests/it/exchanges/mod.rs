//! Scripted exchanges of packets: `tests/exchanges/*.txt` say what is sent and what each release answers.
//!
//! `script` describes the notation. The answers are recorded from real brokers: `UPDATE_EXPECT=1` records those
//! of the brokers that are there. `MOSKIT_EXCHANGE=words` plays only exchanges whose name holds them.

pub(crate) mod engines;
mod notation;
mod packets;
mod placeholders;
mod play;
mod properties;
mod script;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;

use engines::Engine;
use script::{Exchange, File, RELEASES};

use crate::real;

/// How many exchanges are played at once: they mostly wait.
const WORKERS: usize = 10;

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/exchanges")
}

fn files() -> Vec<File> {
    let entries = std::fs::read_dir(folder()).unwrap().map(|entry| entry.unwrap().path());
    let mut paths: Vec<PathBuf> = entries.filter(|path| !path.ends_with("configurations.txt")).collect();
    paths.sort();
    paths.iter().map(|path| script::read(path)).collect()
}

/// Whether an exchange is asked for.
fn is_wanted(exchange: &Exchange) -> bool {
    std::env::var("MOSKIT_EXCHANGE").map_or(true, |words| exchange.name.contains(&words))
}

/// An exchange on a release, and what came after each step.
struct Played {
    file: usize,
    exchange: usize,
    answers: Result<Vec<Vec<String>>, String>,
}

/// Plays all exchanges of a release, several at once.
fn play_all(files: &[File], release: &str, engine: &Engine) -> Vec<Played> {
    let configurations = script::configurations(&folder().join("configurations.txt"));
    let mut wanted = Vec::new();
    for (file, exchanges) in files.iter().map(|file| &file.exchanges).enumerate() {
        let is_there = |exchange: &Exchange| is_wanted(exchange) && exchange.releases.contains(&release);
        wanted.extend((0..exchanges.len()).filter(|at| is_there(&exchanges[*at])).map(|at| (file, at)));
    }
    let next = AtomicUsize::new(0);
    let (sender, results) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..WORKERS {
            let (sender, next, wanted, configurations) = (sender.clone(), &next, &wanted, &configurations);
            scope.spawn(move || {
                while let Some(&(file, exchange)) = wanted.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let script = &files[file].exchanges[exchange];
                    let configuration = configurations
                        .get(&script.configuration)
                        .unwrap_or_else(|| panic!("no configuration `{}`", script.configuration));
                    let answers = engine.start(configuration).map(|broker| {
                        let shown = |answer: &String| placeholders::with_usual(answer, release);
                        let answers = play::play(script, &broker);
                        answers.iter().map(|answers| answers.iter().map(shown).collect()).collect()
                    });
                    sender.send(Played { file, exchange, answers }).unwrap();
                }
            });
        }
        drop(sender);
        let mut played: Vec<Played> = results.iter().collect();
        played.sort_by_key(|played| (played.file, played.exchange));
        played
    })
}

/// What differs from the record, readable.
fn differences(files: &[File], release: &'static str, played: &[Played]) -> Vec<String> {
    let mut found = Vec::new();
    for played in played {
        let file = &files[played.file];
        let exchange = &file.exchanges[played.exchange];
        let title = format!("{release}: {} ({})", exchange.name, file.path.display());
        match &played.answers {
            Err(error) => found.push(format!("{title}\n  {error}")),
            Ok(answers) => {
                for (step, came) in exchange.steps.iter().zip(answers) {
                    let expected = step.recorded.get(release).cloned().unwrap_or_default();
                    if expected != *came {
                        let lines = |answers: &[String]| match answers {
                            [] => "nothing".to_owned(),
                            _ => answers.join("\n            "),
                        };
                        let (expected, came) = (lines(&expected), lines(came));
                        found.push(format!(
                            "{title}\n  {}\n  recorded: {expected}\n  came:     {came}",
                            step.text
                        ));
                        break;
                    }
                }
            }
        }
    }
    found
}

/// The codes that some exchange brings a broker to answer, by packet.
const CODES: [(&str, &[u8]); 6] = [
    ("CONNACK", &[0, 1, 2, 5, 128, 129, 130, 132, 133, 135, 137, 140, 149, 154, 155]),
    ("PUBACK", &[16, 135, 149]),
    ("PUBREC", &[135, 149, 151]),
    ("SUBACK", &[0, 1, 2]),
    ("UNSUBACK", &[0, 17]),
    ("DISCONNECT", &[129, 130, 142, 148, 149, 154, 155]),
];

/// Whether an answer is such a packet with such a code.
fn has_code(answer: &str, name: &str, code: u8) -> bool {
    let Some(words) = answer.split_once("< ").and_then(|(_, packet)| packet.strip_prefix(name)) else {
        return false;
    };
    let begins_with_id = !matches!(name, "CONNACK" | "DISCONNECT");
    words.split_whitespace().skip(usize::from(begins_with_id)).any(|word| word == code.to_string())
}

#[test]
fn exchanges_cover_the_protocol() {
    let files = files();
    let exchanges: Vec<&Exchange> = files.iter().flat_map(|file| &file.exchanges).collect();
    assert!(exchanges.len() >= 250, "{}", exchanges.len());
    let mut names: Vec<&str> = exchanges.iter().map(|exchange| exchange.name.as_str()).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count, "two exchanges have the same name");
    let mut sent = String::new();
    let mut answered: Vec<&str> = Vec::new();
    for exchange in &exchanges {
        for release in &exchange.releases {
            let is_recorded = exchange
                .steps
                .iter()
                .any(|step| step.recorded.get(release).is_some_and(|answers| !answers.is_empty()));
            assert!(is_recorded, "{release} is not recorded: {}", exchange.name);
        }
        for step in &exchange.steps {
            sent += &format!("{}\n", step.text);
            answered.extend(step.recorded.values().flatten().map(String::as_str));
        }
    }
    for name in packets::NAMES.iter().skip(1) {
        assert!(sent.contains(&format!(" > {name}")), "nobody sends {name}");
    }
    for name in properties::names() {
        assert!(sent.contains(&format!("{name}=")), "nobody sends {name}");
    }
    for (name, codes) in CODES {
        for code in codes {
            let is_answered = answered.iter().any(|answer| has_code(answer, name, *code));
            assert!(is_answered, "nobody gets {name} with {code}");
        }
    }
}

#[test]
fn real_brokers_answer_as_recorded() {
    real::say_missing("exchanges on real brokers");
    let mut files = files();
    let mut wrong = Vec::new();
    for broker in real::brokers() {
        let name = broker.release.to_string();
        let Some(release) = RELEASES.into_iter().find(|known| *known == name) else { continue };
        let played = play_all(&files, release, &Engine::Real(broker.program.clone()));
        if std::env::var_os("UPDATE_EXPECT").is_none() {
            wrong.extend(differences(&files, release, &played));
            continue;
        }
        for played in played {
            let exchange = &mut files[played.file].exchanges[played.exchange];
            let answers = played.answers.unwrap_or_else(|error| panic!("{}: {error}", exchange.name));
            for (step, came) in exchange.steps.iter_mut().zip(answers) {
                step.recorded.insert(release, came);
            }
        }
    }
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        for file in &files {
            std::fs::write(&file.path, file.text()).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{} exchanges differ\n\n{}", wrong.len(), wrong.join("\n\n"));
}

#[test]
fn moskit_answers_as_recorded() {
    let asked =
        std::process::Command::new(env!("CARGO_BIN_EXE_moskit")).args(["broker", "--help"]).output().unwrap();
    assert!(asked.status.success(), "there is no `moskit broker`");
    let files = files();
    let mut wrong = Vec::new();
    for release in RELEASES {
        let played = play_all(&files, release, &Engine::Moskit(release));
        wrong.extend(differences(&files, release, &played));
    }
    assert!(wrong.is_empty(), "{} exchanges differ\n\n{}", wrong.len(), wrong.join("\n\n"));
}
