use super::Context;
use crate::model::notes::NoteKind;

rule! {
    /// `per_listener_settings` stands below a security option.
    ///
    /// ## What it finds
    /// `per_listener_settings true` below one of the options that it changes the meaning of:
    /// `allow_anonymous`, `password_file`, `acl_file`, `psk_file`, `plugin` and their like, in whatever file.
    ///
    /// ## Why it matters
    /// The option decides, for each security option below it, whether that belongs to the listener above or
    /// to the whole broker. The broker refuses to load a file in which it comes too late.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// allow_anonymous false
    /// per_listener_settings true
    /// listener 1883 127.0.0.1
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// per_listener_settings true
    /// listener 1883 127.0.0.1
    /// allow_anonymous true
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: it must come before security settings, exit 3
    /// - 2.0.21: does not start: it must come before security settings, exit 3
    /// - 2.1.2: does not start: it must come before security settings, exit 3
    "per-listener-settings-late", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::PerListenerLate { first } = note.kind else { continue };
        let option = cx.text(first);
        let message = format!("`per_listener_settings` stands below the security option `{option}`");
        let finding = cx.finding_on(note, message).related(first, "the first security option");
        let finding = finding.note("the broker stops here: what was read above would have to be read again");
        cx.report(finding.help("move the line to the top of the main file"));
    }
}
