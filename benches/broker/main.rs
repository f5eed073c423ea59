//! How fast the built-in broker is, beside the `mosquitto` of this machine in the same run.
//!
//! `cargo bench --bench broker`; `-- NAME` runs only what has NAME in its name. `MOSKIT_BROKERS` names a folder with other
//! brokers, of which the newest is taken. The clients are this program: raw sockets, packets from `moskit::broker::wire`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::print_stdout)]

mod driver;
mod loads;
mod servers;

use driver::{Measure, table};
use servers::{Server, mosquitto};

fn main() {
    let wanted: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with("--")).collect();
    let is_wanted = |name: &str| wanted.is_empty() || wanted.iter().any(|word| name.contains(word.as_str()));
    let folder = tempfile::tempdir().unwrap();
    servers::write_configuration(folder.path());
    let other = mosquitto();
    match &other {
        Some((program, release)) => println!("beside {} of release {release}\n", program.display()),
        None => println!("no mosquitto is found on this machine: there is nothing to compare with\n"),
    }
    let mut rows = Vec::new();
    for (name, load) in loads::LOADS {
        if !is_wanted(name) {
            continue;
        }
        // One after the other, so that they do not take time from each other; the best of three rounds each.
        let mut best: [Option<Measure>; 2] = [None, None];
        for _ in 0..loads::ROUNDS {
            let release = other.as_ref().map(|(_, release)| release.as_str());
            let ours = Server::moskit(folder.path(), release);
            best[0] = Measure::better(best[0], load(&ours));
            drop(ours);
            if let Some((program, _)) = &other {
                let theirs = Server::mosquitto(folder.path(), program);
                best[1] = Measure::better(best[1], load(&theirs));
            }
        }
        rows.push((*name, best));
        println!("{name}: done");
    }
    println!("\n{}", table(&rows));
}
