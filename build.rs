//! Turns the tables of `grammar/*.yaml` into Rust.

#[path = "src/catalogue/facts.rs"]
#[allow(unreachable_pub, reason = "the library publishes these types")]
mod facts;
#[path = "build/options.rs"]
mod options;
#[path = "build/releases.rs"]
mod releases;
#[path = "build/rows.rs"]
mod rows;

use std::path::Path;
use std::process::ExitCode;
use std::{env, fs};

fn main() -> ExitCode {
    let made = make("grammar/options.yaml", "options.rs", options::rust)
        .and_then(|()| make("grammar/options.yaml", "option_names.rs", options::constants))
        .and_then(|()| make("grammar/releases.yaml", "releases.rs", releases::rust));
    let instruction = match &made {
        Ok(()) => "rerun-if-changed=build".to_owned(),
        Err(message) => format!("error={message}"),
    };
    say(&instruction);
    if made.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Writes what `rust` makes of a file into cargo's folder for generated code.
fn make(from: &str, to: &str, rust: fn(&str) -> Result<String, String>) -> Result<(), String> {
    say(&format!("rerun-if-changed={from}"));
    let text = fs::read_to_string(from).map_err(|error| format!("{from}: {error}"))?;
    let code = rust(&text).map_err(|message| format!("{from}: {message}"))?;
    let folder = env::var("OUT_DIR").map_err(|error| format!("OUT_DIR: {error}"))?;
    fs::write(Path::new(&folder).join(to), code).map_err(|error| format!("{to}: {error}"))
}

#[allow(clippy::print_stdout, reason = "cargo reads its instructions there")]
fn say(instruction: &str) {
    println!("cargo::{instruction}");
}
