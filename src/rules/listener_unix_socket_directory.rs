use super::Context;
use super::named_files::{Problem, problems};
use crate::catalogue::options;
use crate::model::notes::{Effect, FileProblem};
use crate::report::{Diagnostic, Severity};
use crate::text::{FileError, FileKind};

rule! {
    /// The unix socket of a listener cannot be made where it should lie.
    ///
    /// ## What it finds
    /// `listener 0 PATH` where the directory of the path does not exist, where the account of the broker
    /// may make no files in it, or where the path is that of a directory.
    ///
    /// ## Why it matters
    /// A broker that root starts changes to its `user` (`mosquitto` by default) first and makes its
    /// sockets then. It stops. Its own check of the configuration (`--test-config`) does not notice.
    ///
    /// ## Example
    /// The directory `run` belongs to root and has the mode 0755.
    ///
    /// ```mosquitto.conf bad
    /// user nobody
    /// listener 0 run/mosquitto.sock
    /// allow_anonymous true
    /// ```
    /// ```run/notes.txt bad
    /// made by root
    /// ```
    ///
    /// ## Instead
    /// In a directory that everybody may write to, or that belongs to `nobody`:
    /// ```mosquitto.conf good
    /// user nobody
    /// listener 0 mosquitto.sock
    /// allow_anonymous true
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: error binding the unix socket, permission denied, exit 1
    /// - 2.0.21: does not start: error binding the unix socket, permission denied, exit 1
    /// - 2.1.2: does not start: error binding the unix socket, permission denied, exit 1
    "listener-unix-socket-directory", Error, check
}

fn check(cx: &mut Context<'_>) {
    for problem in problems(cx, &[options::LISTENER]) {
        if let Some(finding) = finding(cx, &problem) {
            cx.report(finding);
        }
    }
}

fn finding(cx: &Context<'_>, problem: &Problem<'_>) -> Option<Diagnostic> {
    let path = problem.path.display();
    let message = match problem.problem {
        FileProblem::Open(FileError::Kind(FileKind::Directory)) => {
            format!("`{path}` is a directory, not a socket")
        }
        FileProblem::Open(FileError::Denied) => {
            format!("the directory of `{path}` may not be looked at from here")
        }
        FileProblem::Open(FileError::Missing) => {
            format!("the directory of the socket `{path}` does not exist")
        }
        FileProblem::Open(_) => format!("the socket `{path}` lies in no directory"),
        FileProblem::Unwritable { account, .. } => format!("`{account}` cannot make the socket `{path}`"),
        _ => return None,
    };
    let mut finding = cx.finding_on(problem.note, message);
    if problem.note.effect == Effect::Unknown {
        finding.severity = Severity::Note;
        finding = finding.note("whether the broker can make its socket there cannot be told");
        return Some(finding.help("run this as an account that may look at the directory"));
    }
    if let FileProblem::Unwritable { account, blocker, mode } = problem.problem {
        let blocker = blocker.display();
        finding = finding.note(format!(
            "the directory `{blocker}` has mode {mode:04o}; the broker opens it as that account, and ends"
        ));
        return Some(
            finding.help(format!("put the socket into a directory of its own that belongs to `{account}`")),
        );
    }
    finding = finding.note("the broker cannot open the listener and ends");
    Some(finding.help(match problem.problem {
        FileProblem::Open(FileError::Kind(FileKind::Directory)) => "add the name of the socket to the path",
        _ => "make the directory, with the broker's account as its owner, or correct the path",
    }))
}
