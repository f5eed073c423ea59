//! The generator: a seed makes brokers with random ACL files, and questions that have to do with what is in them.

use proptest::prelude::Rng;
use proptest::test_runner::TestRng;

use super::scene::{Asker, Door, JUDGE, Question, Scene, VERSION, Way};

/// Listeners of a broker, each with an ACL file of its own.
const DOORS: usize = 20;
/// Listeners that share a file.
const MOUNTS: usize = 3;
const ASKERS: usize = 5;
const QUESTIONS: usize = 4;
/// Questions of one file.
pub(super) const OF_A_FILE: usize = ASKERS * QUESTIONS;

/// Names of users and clients: what brokers, and people, may take for something else.
const NAMES: &[&str] = &[
    "al",
    "bo",
    "a",
    "b",
    "x y",
    "über",
    "a/b",
    "a/b/c",
    "a/",
    "/",
    "//",
    "$x",
    "$SYS",
    "$",
    "$x/a",
    "%u",
    "%c",
    "al%c",
    "%",
    "w+",
    "+",
    "#",
    "h#t",
    "日本",
    "A",
    ":",
    "user",
    "deny",
    "$SYS/broker/connection/al",
    "$share",
    "a+/b",
    " a",
    "al bo/a",
    "an id of more than twenty-three bytes",
    "%%u",
    "%u%c",
    "a#b/+",
];

/// So many names at the front are plain.
const PLAIN: usize = 6;

/// Levels of filters and topics.
const LEVELS: &[&str] =
    &["a", "a", "b", "b", "c", "al", "", "x y", "ü", "A", "%u", "%c", "a%u", "%cb", "$x", "%u%c", "%%u"];

/// What filters and topics may begin with.
const FIRST: &[&str] = &["$x", "$x", "$SYS", "$SYSx", "$share", "$sharex", "$", "$al", "$CONTROL"];

const STATES: &[&str] = &["$SYS/broker/connection/al/state", "$SYS/broker/connection/a/b/state", VERSION];

struct Dice(TestRng);

impl Dice {
    fn below(&mut self, count: usize) -> usize {
        self.0.next_u32() as usize % count
    }

    fn percent(&mut self, percent: usize) -> bool {
        self.below(100) < percent
    }

    /// A name, most often a plain one.
    fn name(&mut self) -> &'static str {
        if self.percent(40) { self.pick(&NAMES[..PLAIN]) } else { self.pick(NAMES) }
    }

    fn pick<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

/// Brokers with at least so many files in all, each asked [`OF_A_FILE`] questions.
pub(super) fn scenes(seed: u64, files: usize) -> Vec<Scene> {
    let dice = &mut Dice(crate::seeds::chance(seed));
    let mut scenes = Vec::new();
    let mut made = 0;
    while made < files {
        // One file in ten is that of a whole broker.
        for _ in 0..2 {
            let mut doors: Vec<Door> = (0..DOORS).map(|_| door(dice)).collect();
            doors[0].acl = None;
            made += doors.len();
            scenes.push(Scene { is_per_listener: true, doors });
        }
        for _ in 0..4 {
            scenes.push(shared(dice));
            made += 1;
        }
    }
    scenes
}

fn mount(dice: &mut Dice) -> Option<String> {
    let all = ["m/", "m", "a/", "$m/", "a/b/", "m//", "%u/"];
    dice.percent(25).then(|| dice.pick(&all).to_owned())
}

fn door(dice: &mut Dice) -> Door {
    let (mount, names_are_ids) = (mount(dice), dice.percent(6));
    let file = File::random(dice);
    let askers =
        (0..ASKERS).map(|_| asker(dice, &file, mount.as_deref(), names_are_ids, QUESTIONS)).collect();
    Door { mount, names_are_ids, acl: Some(file.text), askers }
}

/// A broker whose listeners share a file, in which the judge has a section.
fn shared(dice: &mut Dice) -> Scene {
    let mut file = File::random(dice);
    let mut doors = Vec::new();
    for index in 0..MOUNTS {
        let (mount, names_are_ids) = (mount(dice), dice.percent(6));
        let askers = if index == 0 { ASKERS - 2 } else { 1 };
        let askers =
            (0..askers).map(|_| asker(dice, &file, mount.as_deref(), names_are_ids, QUESTIONS)).collect();
        doors.push(Door { mount, names_are_ids, acl: None, askers });
    }
    file.text += &format!("user {JUDGE}\ntopic readwrite #\n");
    let mut firsts: Vec<String> = Vec::new();
    for door in &doors {
        for question in door.askers.iter().flat_map(|asker| &asker.questions) {
            let full = door.full(&question.topic);
            let first = full.split('/').next().unwrap_or_default();
            if first.starts_with('$') && !firsts.iter().any(|known| known == first) {
                firsts.push(first.to_owned());
            }
        }
    }
    file.text.extend(firsts.iter().map(|first| format!("topic readwrite {first}/#\n")));
    doors[0].acl = Some(file.text);
    Scene { is_per_listener: false, doors }
}

/// An ACL file, and what is in it.
#[derive(Default)]
struct File {
    text: String,
    /// Its sections.
    users: Vec<String>,
    /// Their names before the broker trims them.
    asked: Vec<String>,
    filters: Vec<String>,
    /// For whom each filter is: `None` for clients without a name.
    owners: Vec<Owner>,
}

#[derive(Clone, PartialEq, Eq)]
enum Owner {
    User(Option<String>),
    Everyone,
}

impl File {
    fn random(dice: &mut Dice) -> Self {
        let mut file = Self::default();
        match dice.below(25) {
            0 => return file,
            1 => file.text += "# nothing\n\n",
            _ => {}
        }
        let patterns = dice.below(5);
        let sections = dice.below(5);
        for section in 0..=sections {
            if section > 0 {
                let name = match file.users.last() {
                    // A section that goes on somewhere else.
                    Some(_) if dice.percent(15) => file.users[dice.below(file.users.len())].clone(),
                    _ => dice.name().to_owned(),
                };
                let gap = dice.pick(&["", "", "", " "]);
                file.text += &format!("user {gap}{name}{gap}\n");
                file.users.push(name.trim().to_owned());
                file.asked.push(name);
            }
            for _ in 0..dice.below(4) {
                file.line(dice, "topic");
            }
        }
        for _ in 0..patterns {
            file.line(dice, "pattern");
        }
        if dice.percent(30) {
            file.shuffle(dice);
        }
        file
    }

    /// Patterns may stand anywhere, and are for all.
    fn shuffle(&mut self, dice: &mut Dice) {
        let mut lines: Vec<String> = self.text.lines().map(str::to_owned).collect();
        for _ in 0..lines.len() {
            let (from, to) = (dice.below(lines.len()), dice.below(lines.len()));
            if lines[from].starts_with("pattern") {
                let line = lines.remove(from);
                lines.insert(to, line);
            }
        }
        self.text = lines.into_iter().map(|line| line + "\n").collect();
    }

    fn line(&mut self, dice: &mut Dice, keyword: &str) {
        let filter = match self.filters.last() {
            // The same again, with other rights.
            Some(_) if dice.percent(20) => self.filters[dice.below(self.filters.len())].clone(),
            _ => filter(dice, keyword == "pattern"),
        };
        let access = match dice.below(12) {
            0..3 => "read ",
            3..6 => "write ",
            6..8 => "readwrite ",
            8..11 => "deny ",
            // A filter with a space needs its word.
            _ if filter.contains(' ') => "readwrite ",
            _ => "",
        };
        if dice.percent(4) {
            self.text += "# a comment\n\n";
        }
        self.text += &format!("{keyword} {access}{filter}\n");
        self.filters.push(filter);
        self.owners.push(match keyword {
            "pattern" => Owner::Everyone,
            _ => Owner::User(self.users.last().cloned()),
        });
    }

    /// A filter, most often one that is for a user.
    fn filter_for(&self, dice: &mut Dice, user: Option<&str>) -> &str {
        let user = user.filter(|name| !name.is_empty());
        let is_for = |owner: &Owner| match owner {
            Owner::User(name) => name.as_deref() == user,
            Owner::Everyone => true,
        };
        let own: Vec<&String> = self
            .filters
            .iter()
            .zip(&self.owners)
            .filter(|(_, owner)| is_for(owner))
            .map(|(filter, _)| filter)
            .collect();
        if own.is_empty() || dice.percent(20) {
            return &self.filters[dice.below(self.filters.len())];
        }
        own[dice.below(own.len())]
    }
}

fn filter(dice: &mut Dice, is_pattern: bool) -> String {
    if dice.percent(4) {
        return dice
            .pick(&["#", "+", "/", "+/#", "read", "deny", "write", "/#", "+/+", "$SYS/#", "$x/#"])
            .to_owned();
    }
    if dice.percent(3) {
        let last = dice.pick(&["al", "+", "%c", "%u", "#"]);
        return if last == "#" {
            STATES[2].to_owned()
        } else {
            format!("$SYS/broker/connection/{last}/state")
        };
    }
    let count = 1 + dice.below(3).max(dice.below(3));
    let mut levels: Vec<&str> = Vec::new();
    for index in 0..count {
        let level = match dice.below(10) {
            0 | 1 => "+",
            2 | 3 if is_pattern => dice.pick(&["%u", "%c", "%u", "%c", "a%u", "%c%u", "%ub", "%c%c"]),
            4 if index == 0 && dice.percent(50) => dice.pick(FIRST),
            _ => dice.pick(LEVELS),
        };
        levels.push(level);
    }
    if dice.percent(25) {
        levels.push("#");
    }
    let filter = levels.join("/");
    // Lines are trimmed, and need something.
    if filter.is_empty() { "a".to_owned() } else { filter }
}

fn asker(dice: &mut Dice, file: &File, mount: Option<&str>, names_are_ids: bool, questions: usize) -> Asker {
    let user = match dice.below(20) {
        0..5 => None,
        5 => Some(String::new()),
        6..17 if !file.asked.is_empty() => Some(file.asked[dice.below(file.asked.len())].clone()),
        _ => Some(dice.name().to_owned()),
    };
    let user = match user {
        None if names_are_ids => Some("al".to_owned()),
        Some(name) if names_are_ids && name.is_empty() => Some("a/b".to_owned()),
        other => other,
    };
    let client_id = dice.name().to_owned();
    let names =
        (user.as_deref(), if names_are_ids { user.clone().unwrap_or_default() } else { client_id.clone() });
    let questions = (0..questions).map(|_| question(dice, file, mount, (names.0, &names.1))).collect();
    Asker { user, client_id, questions }
}

fn question(dice: &mut Dice, file: &File, mount: Option<&str>, names: (Option<&str>, &str)) -> Question {
    let topic = loop {
        let topic = topic(dice, file, names);
        // What begins with the mount point is what the file speaks of.
        let told = mount.and_then(|mount| topic.strip_prefix(mount)).map(str::to_owned);
        let topic = told.unwrap_or(topic);
        let is_plain = !topic.is_empty() && !topic.contains(['+', '#']);
        if is_plain {
            break topic;
        }
    };
    let full = format!("{}{topic}", mount.unwrap_or_default());
    let mut way = match dice.below(20) {
        0..8 => Way::Publish,
        8..10 => Way::Will,
        10..14 => Way::Live,
        14..16 => Way::Retained,
        16..18 => Way::Queued,
        _ => Way::Subscribe,
    };
    let is_unsendable =
        full.starts_with("$share") || full.starts_with("$CONTROL") || topic.starts_with("$CONTROL");
    if is_unsendable && way != Way::Subscribe || topic.starts_with("$share") {
        way = Way::Publish;
    } else if full.starts_with("$SYS") && way.action() == moskit::access::Action::Receive {
        // The judge may publish there as little as everybody else.
        return Question { way: Way::Retained, topic: VERSION.to_owned(), answers: Vec::new() };
    }
    let topic = if way == Way::Subscribe { subscribed(dice, file, topic) } else { topic };
    Question { way, topic, answers: Vec::new() }
}

/// A filter to subscribe to.
fn subscribed(dice: &mut Dice, file: &File, topic: String) -> String {
    match dice.below(6) {
        0 => {
            let valid: Vec<&String> =
                file.filters.iter().filter(|filter| !filter.starts_with("$share")).collect();
            if valid.is_empty() { topic } else { valid[dice.below(valid.len())].clone() }
        }
        1 => "#".to_owned(),
        2 => format!("$share/g/{topic}"),
        3 => "$SYS/#".to_owned(),
        4 => format!("{topic}/#"),
        _ => topic,
    }
}

/// A topic that a filter of the file matches, or nearly matches, for the client that asks; or any other.
fn topic(dice: &mut Dice, file: &File, (user, client_id): (Option<&str>, &str)) -> String {
    if dice.percent(2) {
        return dice.pick(STATES).to_owned();
    }
    if file.filters.is_empty() || dice.percent(12) {
        return random_topic(dice);
    }
    let filter = file.filter_for(dice, user);
    let mut levels: Vec<String> = Vec::new();
    for level in filter.split('/') {
        match level {
            "+" => levels.push(dice.pick(LEVELS).to_owned()),
            "#" => levels.extend((0..dice.below(3)).map(|_| dice.pick(LEVELS).to_owned())),
            other => levels.push(other.to_owned()),
        }
    }
    let mut topic = levels.join("/");
    if dice.percent(85) {
        let (user, id) = match dice.below(10) {
            // Somebody else's.
            0 => (Some(dice.pick(NAMES)), dice.pick(NAMES)),
            _ => (user, client_id),
        };
        let order = if dice.percent(50) { ["%u", "%c"] } else { ["%c", "%u"] };
        for placeholder in order {
            let name = if placeholder == "%u" { user.unwrap_or("%u") } else { id };
            topic = topic.replace(placeholder, name);
        }
    }
    match dice.below(20) {
        0 => topic.push_str("/a"),
        1 => topic.push('/'),
        2 => topic = format!("/{topic}"),
        3 => topic = topic.rsplit_once('/').map(|(front, _)| front.to_owned()).unwrap_or(topic),
        _ => {}
    }
    topic
}

fn random_topic(dice: &mut Dice) -> String {
    let count = 1 + dice.below(3);
    let mut levels: Vec<&str> = (0..count).map(|_| dice.pick(LEVELS)).collect();
    if dice.percent(15) {
        levels[0] = dice.pick(FIRST);
    }
    levels.join("/")
}
