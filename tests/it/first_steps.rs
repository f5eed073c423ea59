//! The first-steps examples do over real MQTT what they say: compiled, booted on each broker of this machine,
//! and tried by `tests/scenario/first_steps.py`.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use moskit::catalogue::Quirk;
use moskit::credentials::{Authority, OperatingSystem};

use crate::fixtures;
use crate::real::{self, Broker};

/// The most that all checks on one broker may take.
const LONGEST: Duration = Duration::from_secs(120);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn moskit(words: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_moskit")).current_dir(root()).args(words).output().unwrap();
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "moskit {}\n{text}", words.join(" "));
    text
}

/// Compiles an example into `pack`, with what is kept in `state`.
fn compile(example: &str, folder: &Path) {
    let path = |name: &str| folder.join(name).to_str().unwrap().to_owned();
    let spec = format!("examples/first-steps/{example}.yaml");
    moskit(&[
        "compile",
        &spec,
        "-o",
        &path("pack"),
        "--install-prefix",
        &path("pack"),
        "--state",
        &path("state"),
    ]);
}

/// An authority that the pack does not know, and a client of it that calls itself `Master`.
fn strangers(folder: &Path) -> PathBuf {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs().try_into().unwrap();
    let authority = Authority::make("Strangers", now, 86_400, &OperatingSystem).unwrap();
    let client = authority.issue_client("Master", now, 86_400, &OperatingSystem).unwrap();
    let folder = folder.join("strangers");
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("ca.crt"), authority.certificate()).unwrap();
    fs::write(folder.join("client.crt"), &client.certificate).unwrap();
    fs::write(folder.join("client.key"), client.key.expose()).unwrap();
    folder
}

/// A Python that has paho-mqtt: the one of the path, or Debian's.
pub(crate) fn python() -> Option<PathBuf> {
    let programs = ["python3", "/usr/bin/python3"];
    let has_paho = |program: &&str| {
        let mut command = Command::new(program);
        let tried = command.args(["-c", "import paho.mqtt.client"]).stderr(Stdio::null()).status();
        tried.is_ok_and(|status| status.success())
    };
    programs.into_iter().find(has_paho).map(PathBuf::from)
}

/// `mosquitto_pub` or `mosquitto_sub`: the one that came with the broker, or Debian's.
fn tool(broker: &Broker, name: &str) -> Option<PathBuf> {
    let file_name = broker.program.file_name()?.to_str()?;
    let own = broker.program.with_file_name(file_name.replacen("mosquitto", name, 1));
    [own, PathBuf::from("/usr/bin").join(name)].into_iter().find(|path| path.exists())
}

/// What the driver printed, and whether it was content.
fn drive(python: &Path, broker: &Broker, variant: &str, folder: &Path) -> (bool, String) {
    let said = folder.join("said");
    let out = File::create(&said).unwrap();
    let (mut command, _alone) = real::in_own_network(python);
    // -B: the checkout stays clean.
    command.arg("-B").arg(root().join("tests/scenario/first_steps.py")).arg(variant);
    command.arg("--broker").arg(&broker.program);
    command.arg("--pack").arg(folder.join("pack")).arg("--state").arg(folder.join("state"));
    command.arg("--strangers").arg(strangers(folder));
    if !broker.release.has(Quirk::WebsocketsIgnoreMaxConnections) {
        command.arg("--websocket-limit");
    }
    match (tool(broker, "mosquitto_pub"), tool(broker, "mosquitto_sub")) {
        (Some(publish), Some(subscribe)) => drop(command.arg("--tools").arg(publish).arg(subscribe)),
        _ => eprintln!("not run: {}: mosquitto_pub and mosquitto_sub are not installed", broker.release),
    }
    // A group of its own, so that driver and broker can be ended together.
    command.process_group(0).stdin(Stdio::null()).stdout(out.try_clone().unwrap()).stderr(out);
    let mut child = command.spawn().unwrap();
    let began = Instant::now();
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break Some(status);
        }
        if began.elapsed() > LONGEST {
            let group = rustix::process::Pid::from_child(&child);
            let _ = rustix::process::kill_process_group(group, rustix::process::Signal::KILL);
            let _ = child.wait();
            break None;
        }
        std::thread::sleep(Duration::from_millis(20));
    };
    let text = fs::read_to_string(&said).unwrap();
    match status {
        Some(status) => (status.success(), text),
        None => (false, format!("{text}\nended after {LONGEST:?}")),
    }
}

/// Compiles an example, lets `change` change the pack, and gives what each broker's checks came to.
fn try_on(
    brokers: &[Broker],
    example: &str,
    variant: &str,
    change: impl Fn(&Path),
) -> Vec<(String, bool, String)> {
    let what = format!("examples/first-steps/{example}.yaml over MQTT");
    real::say_missing(&what);
    let Some(python) = python() else {
        assert!(!real::is_required(), "python3-paho-mqtt is not installed, and MOSKIT_REQUIRE_BROKER is set");
        eprintln!("not run: {what}: python3-paho-mqtt is not installed");
        return Vec::new();
    };
    let attempt = |broker: &Broker| {
        let folder = fixtures::open_folder();
        compile(example, folder.path());
        change(&folder.path().join("pack"));
        let (is_content, text) = drive(&python, broker, variant, folder.path());
        (broker.release.to_string(), is_content, text)
    };
    brokers.iter().map(attempt).collect()
}

fn checks_pass(example: &str, variant: &str, least: usize) {
    for (release, is_content, text) in try_on(real::brokers(), example, variant, |_| ()) {
        let bad: Vec<_> = text.lines().filter(|line| !line.starts_with("ok ")).collect();
        println!("{release} {variant}: {}", bad.first().unwrap_or(&"nothing was said"));
        assert!(is_content && bad.len() == 1, "{release} {variant}:\n{}", bad.join("\n"));
        let passed = text.lines().count() - 1;
        assert!(passed >= least, "{release} {variant}: only {passed} checks:\n{text}");
    }
}

#[test]
fn the_first_steps_do_what_they_say() {
    checks_pass("deployment", "plain", 200);
}

#[test]
fn the_first_steps_with_certificates_do_what_they_say() {
    checks_pass("mutual", "mutual", 140);
}

#[test]
fn a_right_that_is_lost_is_noticed() {
    let lose = |pack: &Path| {
        let path = pack.join("aclfile");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains("\ntopic read free/+/+\n"), "{text}");
        fs::write(&path, text.replacen("\ntopic read free/+/+\n", "\n", 1)).unwrap();
    };
    let newest = real::brokers().last().map_or(&[][..], std::slice::from_ref);
    for (release, is_content, text) in try_on(newest, "deployment", "plain", lose) {
        assert!(!is_content, "{release}:\n{text}");
        for listener in ["mqtt", "mqtt-tls", "websockets", "websockets-tls"] {
            let expected = format!("not ok {listener}: anonymous reads free/a/b");
            assert!(text.lines().any(|line| line == expected), "{release}: no `{expected}`:\n{text}");
        }
    }
}

#[test]
fn the_examples_compile_without_findings() {
    for example in ["deployment", "mutual"] {
        let folder = fixtures::open_folder();
        compile(example, folder.path());
        let report = moskit(&["lint", folder.path().join("pack").to_str().unwrap()]);
        assert!(report.contains("0 errors, 0 warnings, 0 notes"), "{example}:\n{report}");
    }
}
