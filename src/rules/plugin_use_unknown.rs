use super::Context;
use crate::model::PluginKind;
use crate::model::notes::NoteKind;
use crate::report::nearest;

rule! {
    /// `plugin_use` names a plugin that is not loaded above it.
    ///
    /// ## What it finds
    /// `plugin_use` with a name that no `plugin_load` line above it gives.
    ///
    /// ## Why it matters
    /// The broker does not start. The name is the one that `plugin_load NAME PATH` gives, not the name of
    /// the file.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 21883 127.0.0.1
    /// allow_anonymous true
    /// plugin_use acl
    /// plugin_load acl /usr/lib/mosquitto_acl_file.so
    /// ```
    ///
    /// ## Instead
    /// The plugin is loaded first, then used:
    /// ```mosquitto.conf
    /// plugin_load acl /usr/lib/mosquitto_acl_file.so
    /// listener 21883 127.0.0.1
    /// plugin_use acl
    /// ```
    /// Without the plugin the line has to go:
    /// ```mosquitto.conf good
    /// listener 21883 127.0.0.1
    /// allow_anonymous true
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: it does not know the option, exit 3
    /// - 2.0.21: does not start: it does not know the option, exit 3
    /// - 2.1.2: does not start: the plugin was not loaded before, exit 3
    "plugin-use-unknown", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::UnknownPlugin = note.kind else { continue };
        let wanted = cx.text(note.span);
        let names = || {
            cx.deployment.plugins.iter().filter_map(|plugin| match &plugin.kind {
                PluginKind::Named(name) => Some(name),
                _ => None,
            })
        };
        let finding =
            cx.finding_on(note, format!("no `plugin_load` above gives a plugin the name `{wanted}`"));
        let finding = finding.note("the broker stops at this line");
        let later = names().find(|name| *name.value == *wanted);
        cx.report(match (later, nearest(&wanted, names().map(|name| &*name.value))) {
            (Some(later), _) => {
                let finding = finding.related(later.span, "it is given here, too late");
                finding.help("move the `plugin_load` line above the first `listener` line")
            }
            (None, Some(near)) => finding.help(format!("did you mean `{near}`?")),
            (None, None) => {
                finding.help(format!("write `plugin_load {wanted} PATH` above, or remove the line"))
            }
        });
    }
}
