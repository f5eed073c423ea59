use super::Context;
use super::named_files::problems;
use crate::catalogue::options;
use crate::model::notes::{Effect, FileProblem};

rule! {
    /// The library of a plugin cannot be opened.
    ///
    /// ## What it finds
    /// `plugin`, `global_plugin` and, where a listener uses it, `plugin_load` with a path that leads to
    /// no file, to one that the account of the broker cannot read, or to one that is no library. A name
    /// without a `/` is looked up by the system, and not looked at here; neither is what the library holds.
    ///
    /// ## Why it matters
    /// The broker does not start. Its own check of the configuration (`--test-config`) does not notice.
    /// Where plugins lie depends on the system: `/usr/lib` in many images, `/usr/lib/x86_64-linux-gnu`
    /// and the like on Debian.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 21883 127.0.0.1
    /// plugin ./mosquitto_dynamic_security.so
    /// ```
    ///
    /// ## Instead
    /// A path at which the library lies, or no plugin:
    /// ```mosquitto.conf good
    /// listener 21883 127.0.0.1
    /// allow_anonymous true
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: unable to load the plugin, exit 13
    /// - 2.0.21: does not start: unable to load the plugin, exit 13
    /// - 2.1.2: does not start: unable to load the plugin, exit 13
    "plugin-path", Error, check
}

fn check(cx: &mut Context<'_>) {
    for problem in problems(cx, &[options::PLUGIN, options::GLOBAL_PLUGIN, options::PLUGIN_LOAD]) {
        let opened = match problem.problem {
            FileProblem::NotLibrary => {
                let message = format!("the plugin `{}` is no library", problem.path.display());
                Some(cx.finding_on(problem.note, message).note("the broker does not start without it"))
            }
            _ => problem.unopened(cx),
        };
        let Some(mut finding) = opened else { continue };
        if cx.text(problem.note.span).starts_with([' ', '\t']) {
            finding = finding.note("the blanks in front of the path are part of it");
        }
        if let (FileProblem::Open(_), Effect::Fatal) = (problem.problem, problem.note.effect) {
            finding = finding.help("install the plugin, or write the path at which its library lies");
        }
        cx.report(finding);
    }
}
