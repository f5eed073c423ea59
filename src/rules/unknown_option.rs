use super::Context;
use crate::catalogue::OptionId;
use crate::model::notes::NoteKind;
use crate::report::nearest;

rule! {
    /// No release knows an option of that name.
    ///
    /// ## What it finds
    /// Lines of mosquitto.conf whose first word is not the name of an option: misspelt, in capitals, with `=`
    /// or `:` behind it, or an option of another program.
    ///
    /// ## Why it matters
    /// The broker stops at the first such line. Names are compared letter by letter, capitals included.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listner 1883
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
    "unknown-option", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::UnknownOption = note.kind else { continue };
        let raw = cx.sources.text(note.span);
        let name = cx.text(note.span);
        // Other rules say more of these.
        if raw.contains('\t') || raw.starts_with(['#', '\u{feff}']) {
            continue;
        }
        let known = OptionId::all().filter(|option| option.is_known(cx.release));
        let names = known
            .flat_map(|option| std::iter::once(option.name()).chain(option.entry().aliases.iter().copied()));
        let bare = raw.split(['=', ':']).next().unwrap_or_default();
        let mut finding = cx.finding(note.span, format!("unknown option `{name}`"));
        finding = finding.note("the broker stops at the first option that it does not know");
        if bare.len() < raw.len() && OptionId::named(bare).is_some() {
            finding =
                finding.help(format!("write `{bare}`, a space, and the value: `=` and `:` do not separate"));
        } else if !cx.has_many()
            && let Some(near) = nearest(bare, names)
        {
            finding = finding.help(format!("did you mean `{near}`?"));
        }
        cx.report(finding);
    }
}
