use super::Context;
use crate::model::notes::NoteKind;

rule! {
    /// A listener has a port below 1024.
    ///
    /// ## What it finds
    /// Ports from 1 to 1023, where the broker does not stay root.
    ///
    /// ## Why it matters
    /// On most machines only privileged processes open such ports, and a broker that root starts gives up
    /// its privileges first. Containers often lift the limit, and a service manager can hand out the
    /// privilege: neither can be seen in the configuration.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 883 127.0.0.1
    /// allow_anonymous true
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 21883 127.0.0.1
    /// allow_anonymous true
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: depends on the machine: mostly it does not start, permission denied, exit 1
    /// - 2.0.21: depends on the machine: mostly it does not start, permission denied, exit 1
    /// - 2.1.2: depends on the machine: mostly it does not start, permission denied, exit 1
    "listener-privileged-port", Note, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::PrivilegedPort = note.kind else { continue };
        let line = cx.sources.text(note.span);
        // The line is `listener PORT …` or `port PORT`; a default listener may stand at neither.
        let word = line.find(' ').map(|blank| {
            let start = line.len() - line[blank..].trim_start_matches(' ').len();
            let end = line[start..].find(' ').map_or(line.len(), |length| start + length);
            (start, end)
        });
        let mut finding = cx.finding_on(note, "ports below 1024 are for privileged processes");
        if let Some((start, end)) = word {
            finding.primary.span = note.span.part(start, end);
        }
        finding =
            finding.note("whether the broker may open it cannot be told here; mostly it does not start");
        cx.report(finding.help(
            "take a port from 1024 on, or start the broker as its own account with the capability \
             `CAP_NET_BIND_SERVICE`",
        ));
    }
}
