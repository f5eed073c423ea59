use super::Context;
use super::named_files::problems;
use crate::catalogue::options;
use crate::model::notes::Effect;

rule! {
    /// The directory of `http_dir` does not exist.
    ///
    /// ## What it finds
    /// `http_dir` with a path that leads nowhere. Paths in folders that do not exist on this machine are
    /// counted as not looked at.
    ///
    /// ## Why it matters
    /// From 2.1 on the broker stops at the line, whatever the listener is for. Before, it stops when it
    /// opens a WebSocket listener; other listeners do nothing with the option.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 21883 127.0.0.1
    /// allow_anonymous true
    ///
    /// listener 21884 127.0.0.1
    /// protocol websockets
    /// http_dir www
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 21883 127.0.0.1
    /// allow_anonymous true
    ///
    /// listener 21884 127.0.0.1
    /// protocol websockets
    /// http_dir www
    /// ```
    /// ```www/index.html good
    /// <p>A broker</p>
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: unable to open the directory, exit 1
    /// - 2.0.21: does not start: unable to open the directory, exit 1
    /// - 2.1.2: does not start: an error in the line of `http_dir`, exit 3
    "http-dir-missing", Error, check
}

fn check(cx: &mut Context<'_>) {
    for problem in problems(cx, &[options::HTTP_DIR]) {
        let Some(finding) = problem.unopened(cx) else { continue };
        cx.report(match problem.note.effect {
            Effect::Fatal => finding.help("make the directory, or correct the path, or remove the line"),
            _ => finding,
        });
    }
}
