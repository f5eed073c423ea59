//! The differential test of decisions: random ACL files, and who may do what, asked over the wire and of
//! [`moskit::access::decide`].
//!
//! Debian's broker, and those that `MOSKIT_BROKERS` names, are asked about fresh files in each run. Recorded in
//! `tests/fixtures/decisions/` are the answers of the three observed releases: `recorded.txt` to one run of the
//! generator, `kept.txt` to what once told us and a broker apart, or is worth a closer look. `UPDATE_EXPECT=1` asks the
//! brokers again; without a `recorded.txt` it makes new files.

pub(crate) mod ask;
mod generate;
pub(crate) mod scene;
pub(crate) mod stage;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::PathBuf;

use moskit::catalogue::Release;

use crate::real::{self, Broker};
use scene::{Scene, WAYS};
use stage::Program;

/// Files of a run.
const FILES: usize = 240;

/// Files of `recorded.txt`.
const RECORDED: usize = 264;

fn kept_in(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/decisions").join(name)
}

/// The recorded scenes of a file, asked about anew if that is wanted.
fn recorded(name: &str) -> Vec<Scene> {
    let path = kept_in(name);
    let mut scenes = scene::read_all(&fs::read_to_string(&path).unwrap_or_default());
    let observed = |broker: &&Broker| Release::known().contains(&broker.release);
    let brokers: Vec<Broker> = real::brokers().iter().filter(observed).cloned().collect();
    if std::env::var_os("UPDATE_EXPECT").is_some() && brokers.len() == Release::known().len() {
        if scenes.is_empty() {
            scenes = generate::scenes(crate::seeds::seed("recorded decisions"), RECORDED);
        }
        let askers = scenes.iter_mut().flat_map(|scene| &mut scene.doors).flat_map(|door| &mut door.askers);
        askers.flat_map(|asker| &mut asker.questions).for_each(|question| question.answers.clear());
        for broker in brokers {
            let answers = stage::answers(&Program::Real(broker), &scenes);
            scenes.iter_mut().zip(answers).for_each(|(scene, answers)| scene.keep(answers));
        }
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, scene::write_all(&scenes)).unwrap();
    }
    scenes
}

/// What came of a comparison.
#[derive(Default)]
struct Tally {
    questions: usize,
    files: usize,
    /// How often each way to ask was answered by each part of the procedure.
    layers: BTreeMap<String, usize>,
    wrong: Vec<String>,
}

impl Tally {
    /// Compares answers to the questions of a scene with what we say.
    fn add(&mut self, scene: &Scene, release: Release, answers: &[bool]) {
        let decisions = scene.decisions(release);
        assert_eq!(decisions.len(), answers.len());
        self.files += scene.doors.iter().filter(|door| door.acl.is_some()).count();
        for (((door, asker, question), decision), answer) in scene.each().zip(decisions).zip(answers) {
            self.questions += 1;
            *self.layers.entry(format!("{:?}/{:?}", question.way.action(), decision.layer)).or_default() += 1;
            let is_heard = scene::is_heard(release, scene.is_per_listener, question.way);
            if (decision.allowed && is_heard) != *answer {
                let said = if *answer { "allows" } else { "denies" };
                let file = if scene.is_per_listener { door } else { 0 };
                let door = &scene.doors[door];
                let mut text = format!("{release} {said} what gives {decision:?}: {:?} ", question.way);
                write!(text, "`{}` by {:?} as `{}`", question.topic, asker.user, asker.client_id).unwrap();
                let facts = (scene.is_per_listener, &door.mount, door.names_are_ids);
                writeln!(text, " {facts:?}\n{}", scene.doors[file].acl.as_deref().unwrap_or("no file"))
                    .unwrap();
                self.wrong.push(text);
            }
        }
    }

    fn check(&self, what: &str) {
        let wrong = &self.wrong;
        println!("{what}: {} questions about {} files, {} differ", self.questions, self.files, wrong.len());
        println!("{:?}", self.layers);
        let few: Vec<&str> = wrong.iter().take(20).map(String::as_str).collect();
        assert!(wrong.is_empty(), "{what}: {} of {} differ\n{}", wrong.len(), self.questions, few.join("\n"));
    }

    /// What was not asked often enough to mean something.
    fn rare(&self, least: usize) -> Vec<&'static str> {
        const ANSWERS: [&str; 17] = [
            "Publish/Broker",
            "Publish/NoFile",
            "Publish/OwnDeny",
            "Publish/OwnGrant",
            "Publish/UnsafeName",
            "Publish/PatternDeny",
            "Publish/PatternGrant",
            "Publish/Default",
            "Receive/NoFile",
            "Receive/OwnDeny",
            "Receive/OwnGrant",
            "Receive/UnsafeName",
            "Receive/PatternDeny",
            "Receive/PatternGrant",
            "Receive/Default",
            "Subscribe/NoFile",
            "Subscribe/Subscription",
        ];
        let count = |answer: &&str| self.layers.get(*answer).copied().unwrap_or(0);
        ANSWERS.into_iter().filter(|answer| count(answer) < least).collect()
    }
}

/// What programs answer to fresh scenes.
fn compared(program: &Program, scenes: &[Scene]) -> Tally {
    let mut tally = Tally::default();
    for (scene, answers) in scenes.iter().zip(stage::answers(program, scenes)) {
        tally.add(scene, program.release(), &answers);
    }
    tally
}

#[test]
fn fresh_files_mean_what_brokers_do() {
    real::say_missing("fresh ACL files on real brokers");
    let scenes = generate::scenes(crate::seeds::seed("fresh ACL files"), FILES);
    for broker in real::brokers() {
        let tally = compared(&Program::Real(broker.clone()), &scenes);
        tally.check(&format!("fresh ACL files on {}", broker.release));
        assert!(tally.files >= 200 && tally.questions >= 200 * generate::OF_A_FILE);
        assert_eq!(tally.rare(3), Vec::<&str>::new());
    }
}

#[test]
fn recorded_decisions_are_moskits() {
    for (name, least) in [("recorded.txt", 5000), ("kept.txt", 10)] {
        let scenes = recorded(name);
        for (index, release) in Release::known().iter().enumerate() {
            let mut tally = Tally::default();
            for scene in &scenes {
                let answers: Vec<bool> = scene.each().map(|(.., question)| question.answers[index]).collect();
                tally.add(scene, *release, &answers);
            }
            tally.check(&format!("{name} of {release}"));
            assert!(tally.questions >= least, "only {} questions are recorded", tally.questions);
        }
    }
}

#[test]
fn the_built_in_broker_decides_the_same() {
    let kept = recorded("kept.txt");
    let fresh = generate::scenes(crate::seeds::seed("ACL files on the built-in broker"), 40);
    for release in Release::known() {
        let program = Program::Moskit(*release);
        compared(&program, &kept).check(&format!("kept ACL files on moskit as {release}"));
        compared(&program, &fresh).check(&format!("fresh ACL files on moskit as {release}"));
    }
}

/// Many more questions than a run of all tests has time for: `MOSKIT_CASES` of each release and of ours as each.
#[test]
#[ignore = "takes as long as it is told to"]
fn many_files_mean_what_brokers_do() {
    let count =
        std::env::var("MOSKIT_CASES").map_or(10_000, |text| text.parse().expect("MOSKIT_CASES is a number"));
    let scenes = generate::scenes(crate::seeds::seed("many ACL files"), count / generate::OF_A_FILE + 1);
    let real = real::brokers().iter().cloned().map(Program::Real);
    let programs: Vec<Program> =
        real.chain(Release::known().iter().map(|release| Program::Moskit(*release))).collect();
    let all = programs.iter().map(|program| (program, compared(program, &scenes)));
    for (program, tally) in all.collect::<Vec<_>>() {
        tally.check(&format!("{program:?}"));
    }
}

#[test]
fn what_is_written_down_is_read_again() {
    let mut scenes = generate::scenes(crate::seeds::seed("decisions written down"), 40);
    for scene in &mut scenes {
        let count = scene.each().count();
        (0..3).for_each(|turn| scene.keep((0..count).map(|index| index % 3 == turn).collect()));
    }
    let ways: std::collections::BTreeSet<_> =
        scenes.iter().flat_map(Scene::each).map(|(.., question)| question.way).collect();
    assert_eq!(ways.len(), WAYS.len());
    assert_eq!(scene::read_all(&scene::write_all(&scenes)), scenes);
}
