use super::Context;
use crate::model::notes::NoteKind;

rule! {
    /// A plugin is loaded with `plugin_load`, and no listener uses it.
    ///
    /// ## What it finds
    /// `plugin_load` lines whose name stands in no `plugin_use` line of a listener.
    ///
    /// ## Why it matters
    /// The broker ends at its start, and its log does not say why. `plugin_load` gives a plugin a name
    /// for single listeners; `global_plugin` is the option for a plugin of all of them.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// plugin_load acl /usr/lib/mosquitto_acl_file.so
    /// listener 21883 127.0.0.1
    /// allow_anonymous true
    /// ```
    ///
    /// ## Instead
    /// The listener names the plugin:
    /// ```mosquitto.conf
    /// plugin_load acl /usr/lib/mosquitto_acl_file.so
    /// listener 21883 127.0.0.1
    /// plugin_use acl
    /// ```
    /// Or there is none:
    /// ```mosquitto.conf good
    /// listener 21883 127.0.0.1
    /// allow_anonymous true
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: it does not know the option, exit 3
    /// - 2.0.21: does not start: it does not know the option, exit 3
    /// - 2.1.2: does not start: it says nothing, exit 3
    "plugin-load-unused", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::PluginUnused = note.kind else { continue };
        let name = cx.text(note.span);
        let finding = cx.finding_on(note, format!("no listener uses the plugin `{name}`"));
        let finding = finding.note("the broker ends at its start, and does not say why");
        cx.report(finding.help(format!(
            "write `plugin_use {name}` below a `listener` line, or `global_plugin` in place of this line"
        )));
    }
}
