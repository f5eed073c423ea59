//! The `moskit` command: arguments in, exit code out.

use std::process::ExitCode;

fn main() -> ExitCode {
    moskit::cli::main()
}
