//! `moskit compile` killed at any moment: what lies there afterwards is an old pack or a new one, whole.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use proptest::prelude::Rng as _;
use proptest::test_runner::TestRng;
use sha2::{Digest, Sha256};

use crate::fixtures::open_folder;
use crate::packs::tree;
use crate::program::{moskit, run};
use crate::seeds;

const CLIENTS: usize = 300;

/// A spec of so many clients with certificates that writing its pack takes a while.
fn spec(port: u16, clients: usize) -> String {
    let mut spec = format!(
        "moskit: 1\nmosquitto: '2.1'\npasswords: {{ iterations: 1 }}\nlisteners: {{ a: {{ port: {port}, tls: {{ certificate: broker }} }} }}\n\
         pki:\n  authorities: {{ ca: {{ common_name: CA }} }}\n  certificates: {{ broker: {{ authority: ca, names: [ localhost ] }} }}\nusers:\n"
    );
    for number in 0..clients {
        writeln!(spec, "  client-{number}: {{ certificate: true, password: {{ plain: x }} }}").unwrap();
    }
    spec
}

/// The files that a manifest tells of, by path, with their hashes; `None` where there is no pack.
fn whole_pack(out: &Path) -> Option<BTreeMap<String, String>> {
    if !out.exists() {
        return None;
    }
    let manifest: serde_json::Value =
        serde_json::from_slice(&fs::read(out.join("manifest.json")).unwrap()).unwrap();
    let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
    let files = manifest["files"].as_array().unwrap().iter();
    let told: BTreeMap<String, String> =
        files.map(|file| (text(&file["path"]), text(&file["sha256"]))).collect();
    let mut found = BTreeMap::new();
    for (path, entry) in tree(out) {
        if let Some(bytes) = entry.bytes.filter(|_| path != "manifest.json") {
            let hash: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
            found.insert(path, hash);
        }
    }
    assert_eq!(told, found, "the pack is not whole");
    Some(told)
}

/// What a killed run had come to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Moment {
    /// Nothing of it is there.
    Before,
    /// The new pack was being built.
    Building,
    /// The new pack is in place, the old one not yet away.
    Clearing,
    /// The new pack is in place.
    After,
}

#[test]
fn a_killed_run_leaves_a_whole_pack() {
    let mut chance = seeds::chance(seeds::seed("kills"));
    let folder = open_folder();
    let at = |name: &str| folder.path().join(name);
    let specs = [("one.yaml", spec(28883, CLIENTS)), ("other.yaml", spec(28884, CLIENTS - 1))];
    for (name, text) in &specs {
        fs::write(at(name), text).unwrap();
    }
    let compile = |name: &str| {
        let mut command = moskit(folder.path());
        command
            .args(["compile", name, "-o", "out", "--state", "state"])
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command
    };
    // Both once, so that the state holds all certificates and each run takes the same time.
    let mut packs = Vec::new();
    let mut longest = Duration::ZERO;
    for (name, _) in specs.iter().chain(&specs).chain(&specs) {
        let ran = run(&mut compile(name), Duration::from_secs(120)).exits(0);
        // The first two issue certificates.
        if packs.len() > 1 {
            longest = longest.max(ran.time);
        }
        packs.push(whole_pack(&at("out")).unwrap());
    }
    let [one, other] = [packs[0].clone(), packs[1].clone()];
    let kills: usize = std::env::var("MOSKIT_KILLS").map_or(24, |text| text.parse().unwrap());
    let mut tally: BTreeMap<Moment, usize> = BTreeMap::new();
    let mut seen_absent = 0;
    let mut writing = longest / 2;
    for number in 0..kills {
        let (name, new, old) =
            if number % 2 == 0 { ("one.yaml", &one, &other) } else { ("other.yaml", &other, &one) };
        // Every tenth run has nothing to replace.
        let is_first = number % 10 == 9;
        if is_first {
            fs::remove_dir_all(at("out")).unwrap();
        }
        let sibling = at(".out.moskit-new");
        let (moment, has_ended) = kill(&mut compile(name), &sibling, longest, writing, &mut chance);
        // How long the writing takes hangs on what else the machine does.
        writing = if has_ended { writing.mul_f64(0.7) } else { writing.mul_f64(1.05) };
        let (building, locked) = (at(".out.moskit-new").exists(), at(".out.moskit-lock").exists());
        let came = match whole_pack(&at("out")) {
            None => {
                assert!(is_first, "the pack is gone after {moment:?}");
                seen_absent += 1;
                if building { Moment::Building } else { Moment::Before }
            }
            Some(pack) if pack == *new && building => Moment::Clearing,
            Some(pack) if pack == *new => Moment::After,
            Some(pack) => {
                assert!(!is_first && pack == *old, "a pack of neither spec after {moment:?}");
                if building || locked { Moment::Building } else { Moment::Before }
            }
        };
        *tally.entry(came).or_default() += 1;
        run(&mut compile(name), Duration::from_secs(120)).exits(0);
        assert_eq!(whole_pack(&at("out")).as_ref(), Some(new), "the next run after {moment:?}");
        let left: Vec<_> = tree(folder.path()).into_keys().filter(|name| name.starts_with(".out")).collect();
        assert!(left.is_empty(), "{left:?} after {moment:?}");
    }
    println!("kills: {tally:?}, {seen_absent} without any pack, a run takes {longest:?}");
    let hit = |moment| tally.get(&moment).copied().unwrap_or(0);
    assert!(
        (hit(Moment::Building) + hit(Moment::Clearing)) * 5 >= kills,
        "few kills hit the writing: {tally:?}"
    );
}

/// Starts a run and kills it: one in four at any moment of a whole run, the others within `writing` from the moment on when
/// the new pack is begun. Tells the moment, and whether the run had ended before.
fn kill(
    command: &mut Command,
    new: &Path,
    longest: Duration,
    writing: Duration,
    chance: &mut TestRng,
) -> (Duration, bool) {
    let part = f64::from(chance.next_u32()) / f64::from(u32::MAX);
    let any_moment = chance.next_u32().is_multiple_of(4);
    let began = Instant::now();
    let mut child = command.spawn().unwrap();
    let mut moment = any_moment.then(|| longest.mul_f64(part));
    let has_ended = loop {
        if child.try_wait().unwrap().is_some() {
            break true;
        }
        if moment.is_none() && new.exists() {
            moment = Some(began.elapsed() + writing.mul_f64(part));
        }
        if moment.is_some_and(|moment| began.elapsed() >= moment) {
            break false;
        }
        std::thread::sleep(Duration::from_micros(200));
    };
    let _ = child.kill();
    child.wait().unwrap();
    (began.elapsed(), has_ended)
}
