//! Kinds of messages of brokers that load a configuration, known by parts of them.

use moskit::catalogue::Release;

/// A kind of message.
pub(super) struct Class {
    pub(super) name: &'static str,
    releases: &'static str,
    /// Ways to know it: for each, parts of a line in their order.
    ways: Vec<Vec<&'static str>>,
}

/// Every kind.
pub(super) fn all() -> Vec<Class> {
    let rows =
        include_str!("../../fixtures/verdicts/classes.tsv").lines().filter(|line| !line.starts_with('#'));
    let split = rows.map(|row| row.split('\t').collect::<Vec<_>>());
    let class = |fields: Vec<&'static str>| {
        let [name, releases, parts] = fields[..] else { panic!("three fields in {fields:?}") };
        Class { name, releases, ways: parts.split('|').map(|way| way.split('*').collect()).collect() }
    };
    split.map(class).collect()
}

impl Class {
    /// Whether a release prints such messages.
    pub(super) fn is_of(&self, release: Release) -> bool {
        let is_first = release >= Release::new(2, 1, 0);
        match self.releases {
            "all" => true,
            "2.0" => !is_first,
            "2.1" => is_first,
            other => {
                let first: moskit::catalogue::Target =
                    other.trim_end_matches('+').parse().expect("a release");
                release >= first.releases()[0]
            }
        }
    }

    fn is_in(&self, line: &str) -> bool {
        self.ways.iter().any(|parts| {
            let mut rest = Some(line);
            for part in parts {
                rest = rest.and_then(|text| text.split_once(part)).map(|(_, behind)| behind);
            }
            rest.is_some()
        })
    }
}

/// The kinds of messages in a log.
pub(super) fn of(lines: &[String]) -> Vec<String> {
    let is_idle = |line: &&String| !line.contains("mosquitto version") && !line.starts_with("Info: running");
    let told: Vec<_> = lines.iter().filter(is_idle).collect();
    let is_place = |line: &&&String| line.starts_with("Error found at");
    let mut names: Vec<String> = all()
        .into_iter()
        .filter(|class| match class.name {
            "without-words" => {
                told.iter().any(|line| is_place(&line)) && !told.iter().any(|line| line.starts_with("Error:"))
            }
            "silent" => {
                told.iter().all(|line| line.ends_with("available.") || line.starts_with("Config loaded"))
            }
            _ => told.iter().any(|line| class.is_in(line)),
        })
        .map(|class| class.name.to_owned())
        .collect();
    names.dedup();
    names
}
