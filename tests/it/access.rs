//! What `moskit access` answers: case by case in `tests/access/`, its JSON against the schema, and what it says of batches.

use std::collections::BTreeMap;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use moskit::ask;
use serde_json::Value as Json;

use crate::real::{self, Broker};
use crate::show::scene;
use crate::spec::{folder, is_updating};

/// Runs a line of shell in a folder, with `moskit` on the path: what it prints, and its exit code.
fn shell(folder: &Path, line: &str) -> (String, i32) {
    let programs = Path::new(env!("CARGO_BIN_EXE_moskit")).parent().unwrap().display().to_string();
    let path = format!("{programs}:{}", std::env::var("PATH").unwrap());
    let output = Command::new("sh")
        .args(["-c", &format!("({line}) 2>&1")])
        .current_dir(folder)
        .env_clear()
        .envs([("PATH", path.as_str()), ("COLUMNS", "80")])
        .output()
        .unwrap();
    (String::from_utf8(output.stdout).unwrap(), output.status.code().unwrap())
}

/// A block between fences: where its text begins and ends in the page.
struct Block<'p> {
    info: &'p str,
    text: &'p str,
}

/// A section of a page: its title, and its blocks.
struct Section<'p> {
    title: &'p str,
    blocks: Vec<Block<'p>>,
}

fn sections(page: &str) -> Vec<Section<'_>> {
    let section = |text| -> Section<'_> {
        let (title, rest) = str::split_once(text, '\n').unwrap();
        let blocks = rest.split("```").skip(1).step_by(2).map(|block| {
            let (info, text) = block.split_once('\n').unwrap();
            Block { info, text }
        });
        Section { title, blocks: blocks.collect() }
    };
    page.split("\n## ").skip(1).map(section).collect()
}

fn commands(text: &str) -> impl Iterator<Item = &str> {
    text.lines().filter_map(|line| line.strip_prefix("$ "))
}

fn pages() -> Vec<PathBuf> {
    let mut pages: Vec<PathBuf> =
        fs::read_dir(folder("tests/access")).unwrap().map(|entry| entry.unwrap().path()).collect();
    pages.sort();
    pages
}

/// The folder of a section.
fn folder_of(section: &Section<'_>) -> tempfile::TempDir {
    let files = section.blocks.iter().filter(|block| block.info != "console");
    scene(&files.map(|block| (block.info, block.text)).collect::<Vec<_>>())
}

/// What is printed for the commands of a block.
fn printed(folder: &Path, block: &Block<'_>, title: &str) -> String {
    let mut out = String::new();
    for command in commands(block.text) {
        let (text, status) = shell(folder, command);
        assert_eq!(shell(folder, command), (text.clone(), status), "{title}: twice the same");
        // What goes to stderr has one line for each thing that is wrong.
        let (report, _) = shell(folder, &format!("({command}) 2>/dev/null"));
        let lines = report.lines().filter(|line| !line.starts_with('{'));
        let longest = lines.map(|line| line.chars().count()).max();
        assert!(longest <= Some(80), "{title}: {text}");
        let end = if text.is_empty() || text.ends_with('\n') { "" } else { "\n" };
        out += &format!("$ {command}\n{text}{end}exit {status}\n");
    }
    out
}

#[test]
fn what_is_answered() {
    let mut wrong = Vec::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        let mut updated = text.clone();
        for section in sections(&text) {
            let folder = folder_of(&section);
            for block in section.blocks.iter().filter(|block| block.info == "console") {
                let found = printed(folder.path(), block, section.title);
                if is_updating() {
                    let from = updated.find(&format!("\n## {}\n", section.title)).unwrap();
                    let at = from + updated[from..].find(block.text).unwrap();
                    updated.replace_range(at..at + block.text.len(), &found);
                } else if found != block.text {
                    wrong.push(format!("{}: {}\n{found}", page.display(), section.title));
                }
            }
        }
        if updated != text {
            fs::write(&page, updated).unwrap();
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_schema_describes_what_is_answered() {
    let validator = jsonschema::draft202012::new(&ask::schema()).unwrap();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for page in pages() {
        let text = fs::read_to_string(&page).unwrap();
        for section in sections(&text) {
            let folder = folder_of(&section);
            for block in section.blocks.iter().filter(|block| block.info == "console") {
                for command in commands(block.text).filter(|command| command.starts_with("moskit access")) {
                    if ["--batch", "--format", "|"].iter().any(|part| command.contains(part)) {
                        continue;
                    }
                    let (_, status) = shell(folder.path(), command);
                    let (shown, other) =
                        shell(folder.path(), &format!("{command} --format json 2>/dev/null"));
                    assert_eq!(status, other, "{command}: the same exit code");
                    if shown.is_empty() && status == 2 {
                        continue;
                    }
                    let shown: Json =
                        serde_json::from_str(&shown).unwrap_or_else(|error| panic!("{error}: {shown}"));
                    let faults: Vec<_> = validator
                        .iter_errors(&shown)
                        .map(|fault| format!("{}: {fault}", fault.instance_path()))
                        .collect();
                    assert_eq!(faults, Vec::<String>::new(), "{command}\n{shown:#}");
                    *kinds.entry(shown["command"].as_str().unwrap().to_owned()).or_default() += 1;
                }
            }
        }
    }
    let asked: Vec<&str> = kinds.keys().map(String::as_str).collect();
    assert_eq!(asked, ["can", "compare", "effective", "explain", "who"]);
}

#[test]
fn the_schema_is_fresh() {
    let path = folder("schemas/access.schema.json");
    let fresh = serde_json::to_string_pretty(&ask::schema()).unwrap() + "\n";
    if is_updating() {
        fs::write(&path, &fresh).unwrap();
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert!(stored == fresh, "schemas/access.schema.json is stale: run the tests with UPDATE_EXPECT=1");
    assert!(jsonschema::meta::is_valid(&ask::schema()));
}

#[test]
fn large_batches_are_answered_as_they_come() {
    let rules: String = (0..2000).map(|user| format!("user u{user}\ntopic read a/{user}/#\n")).collect();
    let folder = scene(&[("aclfile", &rules)]);
    let mut child = Command::new(env!("CARGO_BIN_EXE_moskit"))
        .args(["access", "can", "--acl", "aclfile", "--batch", "-"])
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut questions = child.stdin.take().unwrap();
    let asker = std::thread::spawn(move || {
        for number in 0..20_000 {
            let (user, topic) = (number % 2000, number % 1999);
            let line = format!(
                "{{\"user\":\"u{user}\",\"client_id\":\"c\",\"action\":\"receive\",\"topic\":\"a/{topic}/x\"}}\n"
            );
            questions.write_all(line.as_bytes()).unwrap();
        }
    });
    let output = child.wait_with_output().unwrap();
    asker.join().unwrap();
    assert!(output.status.success());
    let text = String::from_utf8(output.stdout).unwrap();
    assert_eq!(text.lines().count(), 20_000);
    for (number, line) in text.lines().enumerate() {
        let answer: Json = serde_json::from_str(line).unwrap();
        let is_own = number % 2000 == number % 1999;
        assert_eq!(answer["user"], format!("u{}", number % 2000));
        assert_eq!(answer["allowed"], is_own, "{line}");
        assert_eq!(answer["line"].as_u64(), is_own.then(|| (number as u64 % 2000) * 2 + 2), "{line}");
    }
}

/// Configurations whose first listener is on port 1883, with their ACL file.
const CONFIGURATIONS: [&str; 9] = [
    "listener 1883\nallow_anonymous true\nacl_file acl\n",
    "listener 1883\npassword_file passwd\nacl_file acl\n",
    "listener 1883\npassword_file passwd\nallow_anonymous true\nacl_file acl\nuse_username_as_clientid true\n",
    "listener 1883\nallow_anonymous true\nacl_file acl\nuse_username_as_clientid true\n",
    "listener 1883\nallow_anonymous true\nacl_file acl\nmount_point own/\n",
    "clientid_prefixes own\nlistener 1883\nallow_anonymous true\nacl_file acl\n",
    "per_listener_settings true\nlistener 1883\nallow_anonymous true\nlistener 1884\nacl_file acl\n",
    "per_listener_settings true\nlistener 1884\nallow_anonymous true\nlistener 1883\nallow_anonymous true\nacl_file acl\n",
    "allow_anonymous true\nport 1883\nacl_file acl\nauto_id_prefix own-\n",
];

const RIGHTS: &str = "topic write free\ntopic write own/free\nuser alice\ntopic write own/alice\ntopic deny own/alice/no\n\
    user bob\ntopic write bob\npattern write own/%c/#\npattern write %u/only\npattern deny own/deny\n";

/// Users and client ids that connect.
const CLIENTS: [(Option<&str>, &str); 7] = [
    (None, "c1"),
    (None, "own-x"),
    (Some("alice"), "c2"),
    (Some("alice"), "own"),
    (Some("bob"), "deny"),
    (Some("bob"), "bob+"),
    (Some("new"), "own/new"),
];

const TOPICS: [&str; 9] =
    ["free", "own/alice", "alice", "own/c1/x", "own/deny", "own/own/new", "new/only", "bob/only", "bob"];

/// Whether each client gets in, and what it may publish to there, by trying.
fn tried(broker: &Broker, folder: &Path) -> Option<Vec<String>> {
    let mut script = "\"$0\" -c mosquitto.conf >log 2>&1 & broker=$!\n\
        for i in $(seq 100); do\n\
        sleep 0.1; grep -q ' running$' log && break; kill -0 $broker || exit 0; done\nsleep 0.05\n"
        .to_owned();
    for (number, (user, client_id)) in CLIENTS.iter().enumerate() {
        let login = user.map(|user| format!("-u {user} -P secret")).unwrap_or_default();
        for (place, topic) in TOPICS.iter().enumerate() {
            script += &format!(
                "timeout 20 mosquitto_pub -V mqttv5 -h 127.0.0.1 -p 1883 -q 1 -i '{client_id}' {login} -t '{topic}' -m x \
                 >out 2>&1; echo \"{number} {place} $? $(tr '\\n' ' ' <out)\" >>found\n"
            );
        }
    }
    script += "kill -9 $broker\necho done";
    let (mut command, _alone) = real::in_own_network(Path::new("sh"));
    let output = command.args(["-c", &script]).arg(&broker.program).current_dir(folder).output().unwrap();
    if !String::from_utf8_lossy(&output.stdout).contains("done") {
        return None;
    }
    let found = fs::read_to_string(folder.join("found")).unwrap();
    Some(
        found
            .lines()
            .map(|line| {
                let (place, rest) = line.split_at(line.match_indices(' ').nth(1).unwrap().0);
                let told = match rest.trim_start().split_once(' ') {
                    Some(("0", "")) => "allowed",
                    Some((_, text)) if text.contains("Publish") && text.contains("Not authorized") => {
                        "denied"
                    }
                    _ => "no entry",
                };
                format!("{place} {told}")
            })
            .collect(),
    )
}

/// The same, as it is answered.
fn answered(folder: &Path, release: &str) -> Vec<String> {
    let mut answers = Vec::new();
    for (number, (user, client_id)) in CLIENTS.iter().enumerate() {
        for (place, topic) in TOPICS.iter().enumerate() {
            let user = user.map(|user| format!("--user {user}")).unwrap_or_default();
            let (text, _) = shell(
                folder,
                &format!(
                    "moskit access can {user} --client-id '{client_id}' publish '{topic}' --listener 1883 \
                     --target {release} --format json"
                ),
            );
            let shown: Json = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
            let listener = &shown["releases"][0]["listeners"][0];
            let told = match (&listener["login"]["possible"], &listener["allowed"]) {
                (Json::Bool(false), _) => "no entry",
                (Json::Bool(true), Json::Bool(true)) => "allowed",
                (Json::Bool(true), Json::Bool(false)) => "denied",
                _ => "open",
            };
            answers.push(format!("{number} {place} {told}"));
        }
    }
    answers
}

#[test]
fn clients_may_on_real_brokers_what_is_answered() {
    real::say_missing("what clients may do, and whether they get in");
    let mut wrong = Vec::new();
    for broker in real::brokers() {
        for conf in CONFIGURATIONS {
            let scene = || scene(&[("mosquitto.conf", conf), ("acl", RIGHTS)]);
            let expected = answered(scene().path(), &broker.release.to_string());
            let tried = || tried(broker, scene().path());
            // On a machine with much to do a client may give up once.
            let found = Some(tried()).filter(|found| found.as_ref() == Some(&expected)).unwrap_or_else(tried);
            let Some(found) = found else {
                wrong.push(format!("{} does not start with\n{conf}", broker.release));
                continue;
            };
            for (found, expected) in found.iter().zip(&expected).filter(|(found, expected)| found != expected)
            {
                wrong.push(format!("{} with\n{conf}said {expected}\nis   {found}\n", broker.release));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
