use super::Context;
use crate::model::notes::NoteKind;
use crate::report::Severity;
use crate::text::Span;

rule! {
    /// A bridge's `topic` line is dropped, because it resembles an earlier one.
    ///
    /// ## What it finds
    /// `topic` lines that the release takes for a repetition: pattern, direction, quality of service and
    /// both prefixes are those of an earlier line of the bridge. What one of the two lines does not have,
    /// or writes as `""`, counts as equal to anything. A plain repetition is a note.
    ///
    /// ## Why it matters
    /// From 2.1 on the broker skips the later line. It says so in its log, as information, and names the
    /// pattern only. What the line should pass on is not passed on.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 21883 127.0.0.1
    /// allow_anonymous true
    /// connection hub
    /// address 127.0.0.1:21884
    /// topic plant/# out 1
    /// topic plant/# out 1 north/ south/
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 21883 127.0.0.1
    /// allow_anonymous true
    /// connection hub
    /// address 127.0.0.1:21884
    /// topic plant/# out 1
    /// topic plant/# out 2 north/ south/
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: both lines count
    /// - 2.0.21: starts: both lines count
    /// - 2.1.2: starts: `north/plant/#` is not passed on
    "bridge-topic-dropped", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::BridgeTopicDropped { first } = note.kind else { continue };
        if words(cx, first) == words(cx, note.span) {
            let mut finding = cx.finding(note.span, "this `topic` line stands there twice");
            finding.severity = Severity::Note;
            let finding = finding.related(first, "the earlier line");
            cx.report(finding.note("the later one is skipped").help("remove one of them"));
            continue;
        }
        let finding = cx.finding(note.span, "this `topic` line is dropped: it resembles an earlier one");
        let finding = finding.related(first, "the earlier line");
        let finding = finding.note(
            "where pattern, direction and quality of service are the same, a prefix that one of them lacks \
             makes no difference",
        );
        cx.report(
            finding.help(
                "give the two lines different qualities of service, or put one into a bridge of its own",
            ),
        );
    }
}

/// The words of a `topic` line, with those that are taken where nothing is written.
fn words(cx: &Context<'_>, line: Span) -> Vec<String> {
    const DEFAULTS: [&str; 5] = ["\"\"", "out", "0", "\"\"", "\"\""];
    let text = cx.sources.text(line);
    let mut words: Vec<String> = text.split_whitespace().map(str::to_owned).collect();
    words.extend(DEFAULTS.iter().skip(words.len()).map(|word| (*word).to_owned()));
    words
}

#[cfg(test)]
mod tests {
    use super::super::finds;

    #[test]
    fn only_what_resembles() {
        let count = |lines| {
            let conf = format!("listener 1883\nconnection one\naddress a:1\n{lines}");
            finds("bridge-topic-dropped", &[("mosquitto.conf", &conf)])
        };
        assert_eq!(count("topic a\ntopic a out 0\n"), 1);
        assert_eq!(count("topic a out 1 x/ y/\ntopic a out 1 \"\" y/\n"), 1);
        assert_eq!(count("topic a out 1 x/ y/\ntopic a out 1 z/ y/\n"), 0);
        assert_eq!(count("topic a out 1\ntopic a in 1\ntopic a in 2\n"), 0);
    }
}
