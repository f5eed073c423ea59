//! `mosquitto_pub`, `mosquitto_sub` and `mosquitto_rr`, as Debian has them.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::Duration;

use moskit::broker::wire::Version;

use super::ground::{Approach, LARGE};
use super::{Job, Refusal, Task};
use crate::exchanges::engines::Address;
use crate::program;

pub(super) const NAMES: [&str; 3] = ["mosquitto_pub", "mosquitto_sub", "mosquitto_rr"];

/// The most that a client may take for something.
const LONGEST: Duration = Duration::from_secs(10);

/// How `mosquitto_sub` tells of messages.
const FORMAT: &str = "came %t q%q r%r %C|%R|%D|%P|%p";

pub(super) fn are_there() -> bool {
    NAMES.iter().all(|name| Path::new("/usr/bin").join(name).exists())
}

pub(super) fn work(job: &Job<'_>) -> Result<(), String> {
    match job.task {
        Task::Converse { qos, place, has_large } => {
            converse(&job.approach, qos, &format!("table/{place}"), has_large)
        }
        Task::BeRefused(refusal) => be_refused(&job.approach, refusal),
    }
}

/// One of the programs, on its way to the broker. Its lines come out as it writes them.
fn command(approach: &Approach<'_>, name: &str) -> Command {
    let mut command = Command::new("stdbuf");
    command.args(["-oL", &format!("/usr/bin/{name}"), "--nodelay", "-V"]).current_dir(approach.folder);
    command.arg(match approach.version {
        Version::V31 => "mqttv31",
        Version::V311 => "mqttv311",
        Version::V5 => "mqttv5",
    });
    match approach.address {
        Address::Socket(path) => command.arg("--unix").arg(path),
        Address::Port(at) => command.args(["-h", &at.ip().to_string(), "-p", &at.port().to_string()]),
    };
    if approach.transport.has_tls {
        command.args(["--cafile", approach.trusts]);
    }
    if let Some(name) = approach.shows {
        command.args(["--cert", &format!("{name}.crt"), "--key", &format!("{name}.key")]);
    }
    if let Some((user, password)) = approach.login {
        command.args(["-u", user, "-P", password]);
    }
    command
}

/// A program that goes on, until it is dropped.
struct Running {
    child: Child,
    lines: Receiver<String>,
}

impl Running {
    fn start(mut command: Command) -> Self {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = mpsc::channel();
        std::thread::spawn(move || {
            output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line))
        });
        Self { child, lines }
    }

    /// Waits for a line that begins so, and gives the rest of it.
    fn line(&self, beginning: &str) -> Result<String, String> {
        loop {
            let line = self.lines.recv_timeout(LONGEST);
            let line = line.map_err(|error| format!("waiting for `{beginning}`: {error}"))?;
            if let Some(rest) = line.strip_prefix(beginning) {
                return Ok(rest.to_owned());
            }
        }
    }

    /// Waits for the next message.
    fn expect(&self, message: &str) -> Result<(), String> {
        let came = self.line("came ")?;
        let short = |text: &str| text.chars().take(200).collect::<String>();
        if came == message {
            Ok(())
        } else {
            Err(format!("`{}` came, not `{}`", short(&came), short(message)))
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Properties of a message, where there are any.
fn properties(version: Version, list: &[&str]) -> Vec<String> {
    let list = if version == Version::V5 { list } else { &[] };
    let words = list.iter().flat_map(|words| ["-D", "publish"].into_iter().chain(words.split(' ')));
    words.map(str::to_owned).collect()
}

/// What is only said in MQTT 5.
fn in_5(version: Version, text: &str) -> &str {
    if version == Version::V5 { text } else { "" }
}

fn converse(approach: &Approach<'_>, qos: u8, base: &str, has_large: bool) -> Result<(), String> {
    let version = approach.version;
    let quality = qos.to_string();
    let with = |name: &str, words: &[&str]| {
        let mut command = command(approach, name);
        command.args(["-q", &quality]).args(words);
        command
    };
    let publish = |words: &[&str], list: &[&str]| {
        let mut command = with("mosquitto_pub", words);
        let ran = program::run(command.args(properties(version, list)), LONGEST);
        if ran.code == Some(0) { Ok(()) } else { Err(format!("{words:?}: {ran:?}")) }
    };
    let reader = Running::start(with("mosquitto_sub", &["-d", "-F", FORMAT, "-t", &format!("{base}/#")]));
    reader.line("Subscribed (mid: 1): ")?;
    let kept = format!("{base}/kept");
    let list = ["content-type text", "user-property k v", "payload-format-indicator 1"];
    publish(&["-r", "-t", &kept, "-m", "hello"], &list)?;
    let properties_came = in_5(version, "text|||k:v").trim_end();
    let message = |topic: &str, retain: u8, list: &str, payload: &str| {
        let list = if list.is_empty() { "|||" } else { list };
        format!("{base}/{topic} q{qos} r{retain} {list}|{payload}")
    };
    reader.expect(&message("kept", 0, properties_came, "hello"))?;

    let will = format!("{base}/will");
    let words =
        ["-F", FORMAT, "-t", &kept, "--will-payload", "gone", "--will-qos", &quality, "--will-topic", &will];
    let mortal = Running::start(with("mosquitto_sub", &words));
    mortal.expect(&message("kept", 1, properties_came, "hello"))?;

    let (ask, answer) = (format!("{base}/ask"), format!("{base}/answer"));
    let mut asking = with("mosquitto_rr", &["-W", "10", "-t", &ask, "-e", &answer, "-m", "what"]);
    asking.args(properties(version, &["correlation-data 7"]));
    let mut asking = Running::start(asking);
    reader.expect(&message("ask", 0, &in_5(version, "|BASE/answer|7|").replace("BASE", base), "what"))?;
    publish(&["-t", &answer, "-m", "that"], &["correlation-data 7"])?;
    if asking.line("")? != "that" || !asking.child.wait().unwrap().success() {
        return Err("no answer for mosquitto_rr".to_owned());
    }
    reader.expect(&message("answer", 0, in_5(version, "||7|"), "that"))?;

    if has_large {
        publish(&["-t", &format!("{base}/large"), "-f", "large"], &[])?;
        let mut large = String::with_capacity(LARGE);
        File::open(approach.folder.join("large")).unwrap().read_to_string(&mut large).unwrap();
        reader.expect(&message("large", 0, "", &large))?;
    }
    drop(mortal);
    reader.expect(&message("will", 0, "", "gone"))
}

fn be_refused(approach: &Approach<'_>, refusal: &Refusal) -> Result<(), String> {
    let expected = refusal.statuses[usize::from(approach.version == Version::V5)];
    for name in NAMES {
        let mut command = command(approach, name);
        command.args(["-t", "refused/it"]);
        match name {
            "mosquitto_pub" => command.args(["-r", "-q", "1", "-m", "x"]),
            "mosquitto_rr" => command.args(["-W", "5", "-q", "1", "-m", "x", "-e", "refused/answer"]),
            _ => command.args(["-W", "5", "-E"]),
        };
        let ran = program::run(&mut command, LONGEST);
        let is_right = ran.code.is_some_and(|code| expected.contains(&code));
        if !is_right || !ran.err().contains(refusal.mosquitto) {
            return Err(format!("{name}: {expected:?} is expected: {:?} {}", ran.code, ran.err()));
        }
    }
    Ok(())
}
