use super::Context;
use super::acl_files::{AclFile, is_for_bridges, name_text};
use crate::access::{self, Action, Client, decide};
use crate::catalogue::{Quirk, options};
use crate::model::Listener;
use crate::report::Severity;

rule! {
    /// A pattern trusts the client id, which every client chooses for itself.
    ///
    /// ## What it finds
    /// Patterns that grant topics by `%c` alone, where `use_username_as_clientid` does not tie the id to the
    /// user name. For an ACL file that is looked at by itself it is a note. The pattern for bridges,
    /// `$SYS/broker/connection/%c/state`, is left out.
    ///
    /// ## Why it matters
    /// Nobody checks the client id: whoever can log in takes the id of another client and has its topics.
    /// With 2.0 an id may even hold `/` and begin with `$`, so that a pattern that begins with `%c` gives far
    /// more than it seems to.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 21883 127.0.0.1
    /// password_file passwd
    /// acl_file aclfile
    /// ```
    /// ```aclfile bad
    /// pattern readwrite devices/%c/#
    /// ```
    /// ```passwd bad
    /// alice:$7$101$CF5U3rmyJRs9i2s5$l5a7JYH2vEtj8tdIsj/UoT3HHYo5QwmAP9cWFuUktIEY6934mSGbFw7OvBZ0Zfof/RPVyww4G2/ToBrZ7wvz3g==
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 21883 127.0.0.1
    /// password_file passwd
    /// acl_file aclfile
    /// ```
    /// ```aclfile good
    /// pattern readwrite devices/%u/#
    /// ```
    /// ```passwd good
    /// alice:$7$101$CF5U3rmyJRs9i2s5$l5a7JYH2vEtj8tdIsj/UoT3HHYo5QwmAP9cWFuUktIEY6934mSGbFw7OvBZ0Zfof/RPVyww4G2/ToBrZ7wvz3g==
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: `alice` connects with the id `door-7` and publishes to `devices/door-7/state`
    /// - 2.0.21: starts: `alice` connects with the id `door-7` and publishes to `devices/door-7/state`
    /// - 2.1.2: starts: `alice` connects with the id `door-7` and publishes to `devices/door-7/state`
    "acl-clientid-is-not-identity", Warning, check
}

/// For how many patterns of a file it is shown what an id of several levels does, as each takes a walk
/// through the file.
const WITNESSED: usize = 10;

fn check(cx: &mut Context<'_>) {
    for file in cx.acl_files {
        let is_free = |listener: &&&Listener| !listener.settings.is_on(options::USE_USERNAME_AS_CLIENTID);
        let free = file.listeners.iter().find(is_free);
        if free.is_none() && !file.listeners.is_empty() {
            continue;
        }
        let mut witnessed = 0;
        for index in access::claims(file.acl, cx.release) {
            if is_for_bridges(file.acl, &file.acl.rules[index]) {
                continue;
            }
            let message =
                "`%c` is whatever the client says, so that anybody who logs in may have these topics";
            let mut finding = cx.finding(cx.placeholder(file, index), message);
            if let Some(listener) = free {
                finding = finding.related(listener.span, "clients choose their id freely here");
            } else {
                finding.severity = Severity::Note;
            }
            let finding =
                finding.note("the broker does not check client ids: one client can take the id of another");
            cx.report(finding.help("write `%u`, or set `use_username_as_clientid true` for the listener"));
            if witnessed < WITNESSED && spanning(cx, file, index, free.is_none()) {
                witnessed += 1;
            }
        }
    }
}

/// Reports what an id of several levels does with a pattern that begins with `%c`, if it does anything.
fn spanning(cx: &mut Context<'_>, file: &AclFile<'_>, index: usize, is_alone: bool) -> bool {
    let filter = file.acl.filter(&file.acl.rules[index]);
    if cx.release.has(Quirk::WholeLevelSubstitution) || !filter.starts_with(b"%c") {
        return false;
    }
    for id in [&b"$CONTROL"[..], b"$SYS", b"other/plant"] {
        let Some(topic) = topic_of(filter, id) else { continue };
        let client = Client { user: None, client_id: id };
        let may = |action| decide(cx.release, Some(file.acl), client, action, &topic).allowed;
        let verb = match (may(Action::Publish), may(Action::Receive)) {
            (true, _) => "publishes to",
            (false, true) => "reads",
            (false, false) => continue,
        };
        let message = format!(
            "the pattern reaches beyond one level: the id {} {verb} {}",
            name_text(id),
            name_text(&topic)
        );
        let mut finding = cx.finding(cx.placeholder(file, index), message);
        if is_alone {
            finding.severity = Severity::Note;
        }
        let finding =
            finding.note("in 2.0 a client id may hold `/` and begin with `$`; 2.1 lets neither match");
        cx.report(
            finding.help("put a level of text in front of `%c`, and use `%u` where users log in by name"),
        );
        return true;
    }
    false
}

/// A topic that a pattern is for when the id is this one.
fn topic_of(pattern: &[u8], id: &[u8]) -> Option<Vec<u8>> {
    let pattern = str::from_utf8(pattern).ok()?.replace("%c", str::from_utf8(id).ok()?);
    let levels: Vec<&str> =
        pattern.split('/').map(|level| if matches!(level, "+" | "#") { "x" } else { level }).collect();
    Some(levels.join("/").into_bytes())
}

impl Context<'_> {
    /// Where `%c` stands in a pattern.
    fn placeholder(&self, file: &AclFile<'_>, index: usize) -> crate::text::Span {
        let span = file.span(index);
        let at = file.acl.filter(&file.acl.rules[index]).windows(2).position(|pair| pair == b"%c");
        at.map_or(span, |at| span.part(at, at + 2))
    }
}

#[cfg(test)]
mod tests {
    use super::super::finds;

    #[test]
    fn patterns_that_trust_the_id() {
        let cases = [
            ("pattern read d/%c/#\n", 1),
            ("pattern read d/%c/%u\n", 0),
            ("pattern deny d/%c\n", 0),
            ("pattern write $SYS/broker/connection/%c/state\n", 0),
            ("topic read d/%c\n", 0),
        ];
        for (acl, expected) in cases {
            assert_eq!(finds("acl-clientid-is-not-identity", &[("aclfile", acl)]), expected, "{acl:?}");
        }
    }
}
