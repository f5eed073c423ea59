//! How fast the built-in broker is, beside the `mosquitto` of this machine in the same run.
//!
//! `cargo bench --bench broker`; `-- NAME` runs only what has NAME in its name, `-- --short` a hundredth of everything, to see
//! that it works. `MOSKIT_BROKERS` names a folder with other brokers, of which the newest is measured, too. The clients are
//! this program: raw sockets, packets from `moskit::broker::wire`. Each broker is a process of its own.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod driver;
mod loads;
mod measure;
mod servers;
mod starts;

use measure::{Measure, Row, table};
use servers::{Server, mosquittos};

fn main() {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let is_short = words.iter().any(|word| word == "--short");
    let wanted: Vec<&String> = words.iter().filter(|word| !word.starts_with("--")).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str()));
    let (part, rounds, starts) = if is_short { (10, 1, 3) } else { (1000, 3, 31) };
    let folder = tempfile::tempdir().unwrap();
    servers::write_keys(folder.path());
    let others = mosquittos();
    if others.is_empty() {
        println!("no mosquitto is found on this machine: there is nothing to compare with");
    }
    let mut tables: Vec<Vec<Row>> = vec![Vec::new(); others.len().max(1)];
    for (name, load) in loads::LOADS {
        if !is_wanted(name) {
            continue;
        }
        for (place, rows) in tables.iter_mut().enumerate() {
            let other = others.get(place);
            // One after the other, so that they do not take time from each other; the best of the rounds of each.
            let mut best: [Option<Measure>; 2] = [None, None];
            for _ in 0..rounds {
                let ours = Server::moskit(folder.path(), other.map(|(_, release)| release.as_str()));
                best[0] = Measure::better(best[0], load(&ours, part));
                drop(ours);
                if let Some((program, _)) = other {
                    best[1] =
                        Measure::better(best[1], load(&Server::mosquitto(folder.path(), program), part));
                }
            }
            rows.push((name, best));
        }
    }
    for (place, rows) in tables.iter().enumerate() {
        let other = others.get(place).map_or("-", |(_, release)| release);
        println!("\n{}", table(rows, other));
        if let Some((_, [Some(ours), Some(theirs)])) = rows.iter().find(|(name, _)| *name == loads::IDLE) {
            let (ours, theirs) = (ours.share(), theirs.share());
            println!(
                "bytes for each idle client: {ours:.0}, {other} {theirs:.0}, ratio {:.2}",
                theirs / ours
            );
        }
    }
    if is_wanted("starts") {
        println!();
        print!("{}", starts::ready(folder.path(), &others, starts));
        print!("{}", starts::tests(starts));
    }
}
