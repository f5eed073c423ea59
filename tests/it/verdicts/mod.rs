//! The differential test of verdicts: generated configurations, with the files that they name, on moskit and on
//! real brokers.
//!
//! `tests/fixtures/verdicts/` holds what the three observed releases did with such cases: `recorded.txt` those of one
//! run of the generator, `kept.txt` those that once told moskit and a broker apart. `UPDATE_EXPECT=1` asks the brokers
//! that `MOSKIT_BROKERS` names again; without a `recorded.txt` it makes new cases. Debian's broker is asked about fresh
//! cases in each run.

mod case;
mod classes;
mod compare;
mod draft;
mod generate;
mod mixtures;
mod places;
mod pool;
mod run;
mod scenes;
mod secrets;
mod values;
mod view;

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use moskit::catalogue::{OptionId, Release};
use moskit::text::Files;
use moskit::text::disk::Disk;

use crate::real::{self, Broker};
use case::{Case, Recorded};
use compare::Tally;
use view::View;

/// Cases of a run besides those of single options and messages.
const OTHERS: usize = 500;

/// The seed of the live cases that are the same in every run.
const SAME: u64 = 7;

/// The account that brokers change to. Only root can start them as in these cases.
fn account() -> Option<moskit::text::Account> {
    let is_root = rustix::process::geteuid().is_root();
    Disk::new("/").account("mosquitto").filter(|_| is_root)
}

fn kept_in(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/verdicts").join(name)
}

/// Asks brokers about cases, and moskit about the files that they find.
fn ask_all(cases: &[Case], brokers: &[Broker]) -> Vec<Recorded> {
    let account = account().expect("root, and an account of the broker's name");
    let mut recorded: Vec<Recorded> =
        cases.iter().map(|case| Recorded { case: case.clone(), verdicts: Vec::new() }).collect();
    for broker in brokers {
        let answers = run::ask(broker, cases, &account, |_, _| ());
        for (recorded, (verdict, ())) in recorded.iter_mut().zip(answers) {
            recorded.verdicts.push((broker.release.to_string(), verdict));
        }
    }
    recorded
}

/// The recorded cases of a file, asked about anew if that is wanted.
fn recorded(name: &str) -> Vec<Recorded> {
    let path = kept_in(name);
    let text = fs::read_to_string(&path).unwrap_or_default();
    let mut known = Recorded::read_all(&text);
    let observed = |broker: &&Broker| Release::known().contains(&broker.release);
    let brokers: Vec<Broker> = real::brokers().iter().filter(observed).cloned().collect();
    if std::env::var_os("UPDATE_EXPECT").is_some() && brokers.len() == Release::known().len() {
        let mut cases: Vec<Case> = known.into_iter().map(|recorded| recorded.case).collect();
        if cases.is_empty() {
            cases = generate::cases(crate::seeds::seed("recorded verdicts"), OTHERS);
        }
        known = ask_all(&cases, &brokers);
        fs::write(&path, Recorded::write_all(&known)).unwrap();
    }
    known
}

/// Compares what was recorded with what moskit says of the files in memory, per release.
fn tallies(cases: &[Recorded]) -> Vec<(Release, Tally)> {
    let releases = Release::known();
    let mut tallies: Vec<_> = releases.iter().map(|release| (*release, Tally::default())).collect();
    for Recorded { case, verdicts } in cases {
        let judged = compare::judge(case, &View::new(case), releases);
        for ((release, tally), judged) in tallies.iter_mut().zip(&judged) {
            let name = release.to_string();
            if let Some((_, verdict)) = verdicts.iter().find(|(known, _)| *known == name) {
                tally.add(case, verdict, judged);
            }
        }
    }
    tallies
}

#[test]
fn recorded_verdicts_are_moskits() {
    let cases = recorded("recorded.txt");
    for (release, tally) in tallies(&cases) {
        assert!(tally.cases >= 2000, "only {} cases are recorded of {release}", tally.cases);
        tally.check(&format!("recorded verdicts of {release}"));
        let rare = tally.rare(release, 5);
        assert!(rare.is_empty(), "{release}: too rare in the recorded cases: {rare:?}");
    }
}

#[test]
fn what_once_differed_agrees() {
    let cases = recorded("kept.txt");
    assert!(!cases.is_empty());
    for (release, tally) in tallies(&cases) {
        assert!(tally.wrong.is_empty(), "{release}:\n{}", tally.report());
    }
}

/// Compares what a broker does with what moskit says of the same folders.
fn compared(broker: &Broker, cases: &[Case], account: &moskit::text::Account) -> Tally {
    let releases = [broker.release];
    let answers = run::ask(broker, cases, account, |case, folder| {
        compare::judge(case, &Disk::new(folder), &releases).remove(0)
    });
    let mut tally = Tally::default();
    for (case, (verdict, judged)) in cases.iter().zip(&answers) {
        tally.add(case, verdict, judged);
    }
    tally
}

/// How often each option is there in each quality and at each place.
fn counts(cases: &[Case]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for about in cases.iter().flat_map(|case| &case.about) {
        *counts.entry(about.clone()).or_default() += 1;
    }
    counts
}

#[test]
fn each_option_stands_at_each_place() {
    let text = fs::read_to_string(kept_in("recorded.txt")).unwrap();
    let recorded = Recorded::read_all(&text).into_iter().map(|recorded| recorded.case).collect();
    for cases in [generate::cases(crate::seeds::seed("places of options"), 0), recorded] {
        let counts = counts(&cases);
        for option in OptionId::all() {
            let about =
                |quality, place| format!("option/{}/{quality:?}/{place:?}", option.name()).to_lowercase();
            let qualities = values::QUALITIES.map(|quality| about(quality, places::Place::Right));
            let places = places::PLACES.map(|place| about(values::Quality::Good, place));
            for about in qualities.iter().chain(&places) {
                assert!(counts.contains_key(about), "no case is about {about}");
            }
        }
        for scene in scenes::written() {
            let count = counts.get(&scene.about[0]).copied().unwrap_or(0);
            assert!(count >= 5, "{}: {count} cases", scene.about[0]);
        }
    }
}

/// Many more cases than a run of all tests has time for: `MOSKIT_CASES` of those that are not about single options.
#[test]
#[ignore = "takes as long as it is told to"]
fn many_fresh_cases_agree_with_real_brokers() {
    let count =
        std::env::var("MOSKIT_CASES").map_or(5000, |text| text.parse().expect("MOSKIT_CASES is a number"));
    let account = account().expect("root, and an account of the broker's name");
    let cases = generate::others(crate::seeds::seed("many fresh configurations"), count);
    let mut reports = String::new();
    for broker in real::brokers() {
        let tally = compared(broker, &cases, &account);
        reports += &format!("{}: {}", broker.release, tally.report());
    }
    println!("{reports}");
}

#[test]
fn fresh_cases_agree_with_real_brokers() {
    let Some(account) = account() else {
        return eprintln!("not run: fresh configurations on real brokers: they are started by root");
    };
    real::say_missing("fresh configurations on real brokers");
    // Those that are the same in every run are of one seed; all others are new.
    let mut cases = generate::cases(crate::seeds::seed("fresh configurations"), OTHERS);
    cases.extend(generate::others(SAME, OTHERS));
    for broker in real::brokers() {
        let tally = compared(broker, &cases, &account);
        assert!(tally.cases >= 1500);
        tally.check(&format!("fresh configurations on {}", broker.release));
        let rare = tally.rare(broker.release, 5);
        assert!(rare.is_empty(), "{}: too rare: {rare:?}", broker.release);
    }
}
