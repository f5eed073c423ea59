//! The compiled program: started with a limit on memory and time, and looked at as a user would.

use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// More than this is not printed, whatever comes in.
pub(crate) const MOST_OUTPUT: usize = 4 << 20;

/// Bytes of address space.
const MEMORY: u64 = 2 << 30;

/// What became of a run.
#[derive(Debug)]
pub(crate) struct Ran {
    /// The exit code; `None` after a signal.
    pub(crate) code: Option<i32>,
    pub(crate) signal: Option<i32>,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) time: Duration,
}

impl Ran {
    pub(crate) fn out(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    pub(crate) fn err(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// Both streams.
    pub(crate) fn all(&self) -> String {
        self.out() + &self.err()
    }

    /// Fails unless the exit code is the one that is meant.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{:?}\n{}\n{}", self.signal, self.out(), self.err());
        self
    }
}

/// The program in a folder, ready for more arguments.
pub(crate) fn moskit(folder: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_moskit"));
    command.current_dir(folder).env_remove("NO_COLOR").env("RUST_BACKTRACE", "0");
    command
}

/// The program with a limit on its memory, and perhaps as another user.
pub(crate) fn limited<S: AsRef<OsStr>>(folder: &Path, user: Option<u32>, arguments: &[S]) -> Command {
    let mut command = Command::new("prlimit");
    command.arg(format!("--as={MEMORY}"));
    if let Some(user) = user {
        command.args(["setpriv", &format!("--reuid={user}"), "--clear-groups"]);
    }
    command.arg(env!("CARGO_BIN_EXE_moskit")).args(arguments).current_dir(folder).env("RUST_BACKTRACE", "0");
    command
}

/// Runs a command to its end, or until it has had its time.
pub(crate) fn run(command: &mut Command, longest: Duration) -> Ran {
    let began = Instant::now();
    let mut child =
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (mut out, mut err) = (child.stdout.take().unwrap(), child.stderr.take().unwrap());
    std::thread::scope(|scope| {
        let reading = |stream: &mut dyn Read| {
            let mut bytes = Vec::new();
            stream.take(64 << 20).read_to_end(&mut bytes).unwrap();
            bytes
        };
        let stdout = scope.spawn(move || reading(&mut out));
        let stderr = scope.spawn(move || reading(&mut err));
        let status = loop {
            if let Some(status) = child.try_wait().unwrap() {
                break status;
            }
            if began.elapsed() > longest {
                child.kill().unwrap();
            }
            std::thread::sleep(Duration::from_millis(2));
        };
        let time = began.elapsed();
        let (stdout, stderr) = (stdout.join().unwrap(), stderr.join().unwrap());
        Ran { code: status.code(), signal: status.signal(), stdout, stderr, time }
    })
}
