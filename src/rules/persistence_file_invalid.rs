use super::Context;
use super::named_files::problems;
use crate::catalogue::options;
use crate::model::notes::FileProblem;

rule! {
    /// The file of the stored database is none.
    ///
    /// ## What it finds
    /// With `persistence true`, a file at the place of the database, `mosquitto.db` unless
    /// `persistence_file` says otherwise, that does not begin as a database does.
    ///
    /// ## Why it matters
    /// The broker does not start. A file that is missing, empty or closed to the broker is no obstacle.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 21883 127.0.0.1
    /// allow_anonymous true
    /// persistence true
    /// persistence_file notes.txt
    /// ```
    /// ```notes.txt bad
    /// what to ask the plumber
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 21883 127.0.0.1
    /// allow_anonymous true
    /// persistence true
    /// persistence_file mosquitto.db
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: unrecognised file format, exit 1
    /// - 2.0.21: does not start: unrecognised file format, exit 1
    /// - 2.1.2: does not start: unrecognised file format, exit 1
    "persistence-file-invalid", Error, check
}

fn check(cx: &mut Context<'_>) {
    for problem in problems(cx, &[options::PERSISTENCE_FILE]) {
        let FileProblem::NotDatabase = problem.problem else { continue };
        let path = problem.path.display();
        let finding = cx.finding_on(problem.note, format!("`{path}` is no stored database"));
        let finding = finding.note("the broker does not start with it");
        cx.report(finding.help("move the file away, or give the database another place"));
    }
}
