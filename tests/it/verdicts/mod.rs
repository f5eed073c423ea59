//! The differential test of verdicts: generated configurations, with the files that they name, on moskit and on real
//! brokers. Recorded verdicts stand in `tests/fixtures/verdicts/`.

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

use moskit::text::Files;
use moskit::text::disk::Disk;
use std::collections::BTreeMap;

use crate::real;
use compare::{Judged, Tally};

#[test]
#[ignore]
fn explore() {
    let count: usize = std::env::var("MOSKIT_CASES").map_or(1000, |text| text.parse().unwrap());
    let wanted = std::env::var("RELEASE").unwrap_or("2.0.11".into());
    let seed = crate::seeds::seed("explore");
    let cases = generate::cases(seed, count);
    let filter = std::env::var("ABOUT").unwrap_or_default();
    let cases: Vec<_> = cases.into_iter().filter(|case| case.about[0].contains(&filter)).collect();
    let account = Disk::new("/").account("mosquitto").unwrap();
    let broker = real::brokers().iter().find(|broker| broker.release.to_string() == wanted).unwrap();
    let began = std::time::Instant::now();
    let answers = run::ask(broker, &cases, &account, |case, folder| {
        compare::judge(case, &Disk::new(folder), broker.release)
    });
    println!("{} cases in {:?}", cases.len(), began.elapsed());
    let mut tally = Tally::default();
    let mut messages: BTreeMap<String, usize> = BTreeMap::new();
    for (case, (verdict, judged)) in cases.iter().zip(&answers) {
        tally.add(case, verdict, judged);
        if verdict.classes.is_empty() && !verdict.message.contains("running") {
            *messages.entry(verdict.message.clone()).or_default() += 1;
        }
    }
    for (message, count) in messages {
        println!("M {count} {message}");
    }
    println!("{}", tally.report());
    let _: Option<Judged> = None;
}
