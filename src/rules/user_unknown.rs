use super::Context;
use crate::model::notes::NoteKind;

rule! {
    /// The account that the broker should run as does not exist here.
    ///
    /// ## What it finds
    /// A `user` that this machine has no account for, where root starts the broker. Where the broker runs on
    /// another machine, the account may well be there: this is a note, and the verdict stays open.
    ///
    /// ## Why it matters
    /// A broker that root starts changes to that account, and stops if there is none. Its own check of the
    /// configuration (`--test-config`) does not notice. Only the default, `mosquitto`, is replaced by
    /// `nobody` where it does not exist.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// user mqtt-broker
    /// listener 21883 127.0.0.1
    /// allow_anonymous true
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// user nobody
    /// listener 21883 127.0.0.1
    /// allow_anonymous true
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: depends on the machine: without the account it does not start, exit 1
    /// - 2.0.21: depends on the machine: without the account it does not start, exit 1
    /// - 2.1.2: depends on the machine: without the account it does not start, exit 3
    "user-unknown", Note, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::UnknownAccount = note.kind else { continue };
        let message = format!("this machine has no account `{}`", cx.text(note.span));
        let finding = cx.finding_on(note, message);
        let finding = finding.note("without it the broker does not start; the broker's machine may have it");
        cx.report(finding.help("make the account there, or take the line out for the account `mosquitto`"));
    }
}
