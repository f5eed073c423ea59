use super::Context;
use crate::model::notes::NoteKind;

rule! {
    /// A tab stands where only a space separates.
    ///
    /// ## What it finds
    /// Option lines of mosquitto.conf that begin with a tab, or in which a tab stands between the option and
    /// its value.
    ///
    /// ## Why it matters
    /// The broker cuts lines at spaces only. With a tab, the whole line up to the next space is taken for the
    /// name of an option, which no release knows.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener	1883
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 1883 127.0.0.1
    /// allow_anonymous true
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: unknown option, exit 3
    /// - 2.0.21: does not start: unknown option, exit 3
    /// - 2.1.2: does not start: unknown option, exit 3
    "tab-separator", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::UnknownOption = note.kind else { continue };
        let name = cx.sources.text(note.span);
        let Some(tab) = name.find('\t') else { continue };
        let place = note.span.part(tab, tab + 1);
        let message = match name.trim_start_matches('\t').split('\t').next() {
            Some(option) if tab > 0 => format!("a tab follows `{option}`, and only a space separates"),
            _ => "the line begins with a tab, and only spaces may stand before an option".to_owned(),
        };
        let mut finding = cx.finding(place, message);
        finding = finding.label("tab");
        finding =
            finding.note("the broker takes everything up to the next space for the option's name and stops");
        cx.report(finding.help("put a space in its place"));
    }
}
