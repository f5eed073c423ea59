use super::Context;
use crate::model::notes::NoteKind;

rule! {
    /// An option of a plugin stands above the plugin.
    ///
    /// ## What it finds
    /// `plugin_opt_…`, `auth_opt_…` and `auth_plugin_deny_special_chars` with no plugin above them in the
    /// same file.
    ///
    /// ## Why it matters
    /// The broker does not start. A file that is included starts without a plugin, so the options of a plugin
    /// cannot stand in another file than the plugin.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 1883 127.0.0.1
    /// plugin_opt_config_file dynamic-security.json
    /// plugin /usr/lib/mosquitto_dynamic_security.so
    /// ```
    ///
    /// ## Instead
    /// The plugin comes first, then its options:
    /// ```mosquitto.conf
    /// plugin /usr/lib/mosquitto_dynamic_security.so
    /// plugin_opt_config_file dynamic-security.json
    /// ```
    /// Without the plugin its options have to go, too:
    /// ```mosquitto.conf good
    /// listener 1883 127.0.0.1
    /// allow_anonymous true
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: an option without a plugin, exit 3
    /// - 2.0.21: does not start: an option without a plugin, exit 3
    /// - 2.1.2: does not start: an option without a plugin, exit 3
    "plugin-option-before-plugin", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::NeedsPlugin { .. } = note.kind else { continue };
        let message = format!("`{}` needs a plugin above it", cx.text(note.span));
        let finding = cx.finding_on(note, message).note("the broker stops at this line");
        let plugins = &cx.deployment.plugins;
        let below = plugins
            .iter()
            .find(|plugin| plugin.span.source == note.span.source && plugin.span.start > note.span.start);
        cx.report(match below {
            Some(plugin) => {
                let finding = finding.related(plugin.span, "probably meant for this plugin");
                finding.help("move it below the plugin")
            }
            None if !plugins.is_empty() => {
                let finding = finding.note("each file starts without a plugin");
                finding.help("write it below its plugin, in the same file")
            }
            None => finding.help("write a `plugin` line with the path of the plugin above it, or remove it"),
        });
    }
}
