//! What is asked: brokers with listeners and ACL files, clients of them, and questions of each; and how they are
//! written down.

use std::fmt::Write as _;
use std::path::Path;

use moskit::access::{self, Action, Client, Decision};
use moskit::catalogue::{Quirk, Release, options};
use moskit::lang::{Environment, Reader, conf};
use moskit::model::Deployment;
use moskit::text::Files;

/// The one who may do everything: sends what others are to receive, and sees what they publish.
pub(super) const JUDGE: &str = "judge";

/// A topic of the broker itself, there from the start.
pub(super) const VERSION: &str = "$SYS/broker/version";

/// How a client asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Way {
    /// It publishes.
    Publish,
    /// It vanishes, and leaves a will.
    Will,
    /// It is subscribed when the message comes.
    Live,
    /// It subscribes to what is retained.
    Retained,
    /// It is away when the message comes, and returns to its session.
    Queued,
    /// It subscribes.
    Subscribe,
}

pub(crate) const WAYS: [(Way, &str); 6] = [
    (Way::Publish, "publish"),
    (Way::Will, "will"),
    (Way::Live, "live"),
    (Way::Retained, "retained"),
    (Way::Queued, "queued"),
    (Way::Subscribe, "subscribe"),
];

impl Way {
    pub(crate) fn action(self) -> Action {
        match self {
            Self::Publish | Self::Will => Action::Publish,
            Self::Live | Self::Retained | Self::Queued => Action::Receive,
            Self::Subscribe => Action::Subscribe,
        }
    }

    fn name(self) -> &'static str {
        WAYS.iter().find(|(way, _)| *way == self).unwrap().1
    }
}

/// A question and what the releases, in the order of [`Release::known`], answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    pub(crate) way: Way,
    /// As the client says it.
    pub(crate) topic: String,
    pub(crate) answers: Vec<bool>,
}

/// A client and its questions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asker {
    pub(super) user: Option<String>,
    pub(super) client_id: String,
    pub(super) questions: Vec<Question>,
}

/// A listener.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Door {
    pub(super) mount: Option<String>,
    /// Whether the user name is taken for the client id.
    pub(super) names_are_ids: bool,
    pub(super) acl: Option<String>,
    pub(super) askers: Vec<Asker>,
}

/// A broker. The judge has the last listener to itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Scene {
    /// Whether each listener has a file of its own; otherwise the first one's is that of all.
    pub(super) is_per_listener: bool,
    pub(super) doors: Vec<Door>,
}

impl Door {
    /// What the broker takes a topic for.
    pub(super) fn full(&self, topic: &str) -> String {
        format!("{}{topic}", self.mount.as_deref().unwrap_or_default())
    }
}

impl Scene {
    /// The files of the broker, the configuration first.
    pub(super) fn files(&self) -> Vec<(String, String)> {
        let mut conf = format!("per_listener_settings {}\n", self.is_per_listener);
        let mut files = Vec::new();
        if !self.is_per_listener {
            conf += "allow_anonymous true\n";
        }
        for (index, door) in self.doors.iter().chain([&Door::default()]).enumerate() {
            let acl = door.acl.as_ref().map(|text| (format!("acl{index}"), text.clone()));
            let option = acl.as_ref().map(|(name, _)| format!("acl_file {name}\n")).unwrap_or_default();
            match self.is_per_listener {
                true => {
                    writeln!(conf, "listener 0 s{index}\nallow_anonymous true").unwrap();
                    conf += &option;
                }
                false => {
                    conf += &option;
                    writeln!(conf, "listener 0 s{index}").unwrap();
                }
            }
            files.extend(acl);
            if let Some(mount) = &door.mount {
                writeln!(conf, "mount_point {mount}").unwrap();
            }
            if door.names_are_ids {
                conf += "use_username_as_clientid true\n";
            }
        }
        files.insert(0, ("mosquitto.conf".to_owned(), conf));
        files
    }

    /// Each question with its listener and client.
    pub(super) fn each(&self) -> impl Iterator<Item = (usize, &Asker, &Question)> {
        self.doors.iter().enumerate().flat_map(|(index, door)| {
            let of = move |asker| (index, asker);
            let pairs = door.askers.iter().map(of);
            pairs.flat_map(|(index, asker)| asker.questions.iter().map(move |one| (index, asker, one)))
        })
    }

    /// What we say to each question, in their order.
    pub(super) fn decisions(&self, release: Release) -> Vec<Decision> {
        let mut memory = moskit::text::Memory::new();
        for (name, text) in self.files() {
            memory.insert(name, text.into_bytes());
        }
        let deployment = lowered(&memory, "mosquitto.conf", release);
        let each = self.each().map(|(door, asker, question)| {
            let user = asker.user.as_deref();
            decided(&deployment, door, (user, &asker.client_id), question.way.action(), &question.topic)
        });
        each.collect()
    }

    /// Puts the answers of a release beside the questions.
    pub(super) fn keep(&mut self, answers: Vec<bool>) {
        let askers = self.doors.iter_mut().flat_map(|door| &mut door.askers);
        let questions = askers.flat_map(|asker| &mut asker.questions);
        for (question, answer) in questions.zip(answers) {
            question.answers.push(answer);
        }
    }
}

/// Whether something comes of what is allowed: what waits for a client may be lost for another reason than its rights.
pub(crate) fn is_heard(release: Release, is_per_listener: bool, way: Way) -> bool {
    way != Way::Queued || !is_per_listener || !release.has(Quirk::QueuesLostPerListener)
}

/// What a release makes of a configuration.
pub(crate) fn lowered(files: &dyn Files, main: &str, release: Release) -> Deployment {
    let environment = Environment { now: crate::fixtures::now(), started_by: "root".to_owned() };
    let mut reader = Reader::new(files, environment);
    let tree = reader.conf(Path::new(main)).unwrap();
    conf::lower(&mut reader, &tree, release).deployment
}

/// What a deployment says to a client of a listener that was let in.
pub(crate) fn decided(
    deployment: &Deployment,
    listener: usize,
    (user, client_id): (Option<&str>, &str),
    action: Action,
    topic: &str,
) -> Decision {
    let listener = &deployment.listeners[listener];
    let acl = &deployment.security_of(listener).acl;
    let acl = acl.loaded().or_else(|| {
        assert!(!acl.is_named(), "an ACL file was not read");
        None
    });
    let mount = listener.settings.text(options::MOUNT_POINT).map_or("", |mount| mount.value);
    let is_name = listener.settings.is_on(options::USE_USERNAME_AS_CLIENTID);
    let client_id = user.filter(|_| is_name).unwrap_or(client_id);
    let client = Client { user: user.map(str::as_bytes), client_id: client_id.as_bytes() };
    let topic = format!("{mount}{topic}");
    access::decide(deployment.release, acl.map(|acl| &**acl), client, action, topic.as_bytes())
}

/// The scenes as they are kept in a file.
///
/// A line `broker` and what holds for it; for each listener a line `listener`, the lines of its ACL file behind `|`
/// (`-` stands for no file), then for each client its id and perhaps its user name behind tabs, and the questions with
/// the answers of the releases: `+` for allowed, `-` for denied.
pub(super) fn write_all(scenes: &[Scene]) -> String {
    let mut out = String::new();
    for scene in scenes {
        out += if scene.is_per_listener { "broker per listener\n" } else { "broker\n" };
        for door in &scene.doors {
            out += "listener";
            if door.names_are_ids {
                out += "\tnames are ids";
            }
            if let Some(mount) = &door.mount {
                write!(out, "\tmount\t{mount}").unwrap();
            }
            out.push('\n');
            match &door.acl {
                Some(text) => text.lines().for_each(|line| writeln!(out, "|{line}").unwrap()),
                None => out += "-\n",
            }
            for asker in &door.askers {
                write!(out, "client\t{}", asker.client_id).unwrap();
                if let Some(user) = &asker.user {
                    write!(out, "\t{user}").unwrap();
                }
                out.push('\n');
                for question in &asker.questions {
                    let answers: String =
                        question.answers.iter().map(|is_yes| if *is_yes { '+' } else { '-' }).collect();
                    writeln!(out, "{answers}\t{}\t{}", question.way.name(), question.topic).unwrap();
                }
            }
        }
    }
    out
}

/// Reads what [`write_all`] writes.
pub(super) fn read_all(text: &str) -> Vec<Scene> {
    let mut scenes: Vec<Scene> = Vec::new();
    for line in text.lines() {
        if let Some(kind) = line.strip_prefix("broker") {
            scenes.push(Scene { is_per_listener: kind == " per listener", doors: Vec::new() });
            continue;
        }
        let doors = &mut scenes.last_mut().expect("a broker comes first").doors;
        if line.starts_with("listener") {
            let mount = line.split_once("\tmount\t").map(|(_, mount)| mount.to_owned());
            let names_are_ids = line.starts_with("listener\tnames are ids");
            doors.push(Door { mount, names_are_ids, acl: Some(String::new()), askers: Vec::new() });
            continue;
        }
        let door = doors.last_mut().expect("a listener comes first");
        if line == "-" {
            door.acl = None;
        } else if let Some(line) = line.strip_prefix('|') {
            *door.acl.as_mut().expect("a file") += &format!("{line}\n");
        } else if let Some(names) = line.strip_prefix("client\t") {
            let mut names = names.split('\t').map(str::to_owned);
            let client_id = names.next().expect("a client id");
            door.askers.push(Asker { client_id, user: names.next(), questions: Vec::new() });
        } else {
            let fields: Vec<&str> = line.split('\t').collect();
            let [answers, way, topic] = fields[..] else { panic!("`{line}` in recorded decisions") };
            let way = WAYS.iter().find(|(_, name)| *name == way).expect("a way to ask").0;
            let answers = answers.chars().map(|letter| letter == '+').collect();
            let question = Question { way, topic: topic.to_owned(), answers };
            door.askers.last_mut().expect("a client comes first").questions.push(question);
        }
    }
    scenes
}
