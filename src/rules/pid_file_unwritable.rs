use super::Context;
use super::named_files::problems;
use crate::catalogue::options;
use crate::model::notes::{Effect, FileProblem};
use crate::report::Severity;

rule! {
    /// The pid file cannot be written.
    ///
    /// ## What it finds
    /// A `pid_file` in a folder that is missing, or in which the account that the broker runs as may not
    /// make files; or one that is there and belongs to somebody else.
    ///
    /// ## Why it matters
    /// The broker writes it after it has changed from root to its `user`, and does not start if it cannot.
    /// What lies in `/run` is made anew at each start of the machine, so that of a path there only a note
    /// is made.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 21883 127.0.0.1
    /// allow_anonymous true
    /// pid_file /mosquitto.pid
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 21883 127.0.0.1
    /// allow_anonymous true
    /// pid_file mosquitto.pid
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: unable to write the pid file, exit 1
    /// - 2.0.21: does not start: unable to write the pid file, exit 1
    /// - 2.1.2: does not start: unable to write the pid file, exit 14
    "pid-file-unwritable", Error, check
}

fn check(cx: &mut Context<'_>) {
    for problem in problems(cx, &[options::PID_FILE]) {
        let is_open = problem.note.effect == Effect::Unknown;
        let mut finding = match problem.problem {
            FileProblem::Unwritable { account, blocker, mode } => {
                let message = format!("the pid file `{}` cannot be written by `{account}`", problem.path.display());
                let finding = cx.finding_on(problem.note, message);
                let blocker = blocker.display();
                let start = if is_open { "unless it is made otherwise, the" } else { "the" };
                let finding =
                    finding.note(format!("`{blocker}` has mode {mode:04o}; {start} broker does not start"));
                finding.help(format!("`chown {account} {blocker}`, or write a path in a folder of `{account}`"))
            }
            _ => match problem.unopened(cx) {
                Some(finding) => finding.help("write a path in a folder that is there, or leave the option out"),
                None => continue,
            },
        };
        if is_open {
            finding.severity = Severity::Note;
        }
        cx.report(finding);
    }
}
