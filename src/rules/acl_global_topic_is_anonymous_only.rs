use std::collections::HashSet;

use super::Context;
use crate::access::DeadKind;
use crate::model::Listener;
use crate::model::acl::Subject;
use crate::report::Severity;

rule! {
    /// `topic` lines above the first `user` line are not for everybody.
    ///
    /// ## What it finds
    /// `topic` lines that stand above every `user` line, where no listener lets clients in without a user
    /// name; an ACL file that is looked at by itself, as a note.
    ///
    /// ## Why it matters
    /// These lines hold only for clients without a user name. A client that logs in by name never gets what
    /// they grant.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 21883 127.0.0.1
    /// password_file passwd
    /// acl_file aclfile
    /// ```
    /// ```aclfile bad
    /// topic read public/#
    ///
    /// user alice
    /// topic readwrite plant/#
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
    /// pattern read public/#
    ///
    /// user alice
    /// topic readwrite plant/#
    /// ```
    /// ```passwd good
    /// alice:$7$101$CF5U3rmyJRs9i2s5$l5a7JYH2vEtj8tdIsj/UoT3HHYo5QwmAP9cWFuUktIEY6934mSGbFw7OvBZ0Zfof/RPVyww4G2/ToBrZ7wvz3g==
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: `alice` does not receive `public/news`, and nobody else can log in
    /// - 2.0.21: starts: `alice` does not receive `public/news`, and nobody else can log in
    /// - 2.1.2: starts: `alice` does not receive `public/news`, and nobody else can log in
    "acl-global-topic-is-anonymous-only", Warning, check
}

/// How many further lines are shown.
const SHOWN: usize = 2;

fn check(cx: &mut Context<'_>) {
    for file in cx.acl_files {
        let admitted = |listener: &Listener| cx.deployment.anonymous(listener).0;
        if file.has_plugin || file.listeners.iter().any(|listener| admitted(listener)) {
            continue;
        }
        // What patterns give, too, is for everybody.
        let dead = file.dead(cx.release).iter().filter(|dead| dead.kind == DeadKind::GivenByPatterns);
        let given: HashSet<usize> = dead.map(|dead| dead.rule).collect();
        let rules = file.acl.rules.iter().enumerate();
        let rules =
            rules.filter(|(index, rule)| rule.subject == Subject::Anonymous && !given.contains(index));
        let spans: Vec<_> = rules.map(|(_, rule)| file.acl.filter_span(rule)).collect();
        let Some((first, others)) = spans.split_first() else { continue };
        let lines = match others.len() {
            0 => "this line holds".to_owned(),
            1 => "this line and another one above the first `user` line hold".to_owned(),
            more => format!("this line and {more} more above the first `user` line hold"),
        };
        let is_alone = file.listeners.is_empty();
        let message = if is_alone {
            format!("{lines} only for clients without a user name")
        } else {
            format!("{lines} only for clients without a user name, and no listener admits any")
        };
        let mut finding = cx.finding(*first, message);
        finding.severity = if is_alone { Severity::Note } else { Severity::Warning };
        for other in others.iter().take(SHOWN) {
            finding = finding.related(*other, "");
        }
        let finding = finding.note("a client that logs in by name gets nothing from here");
        cx.report(finding.help("write `pattern` in place of `topic` to give it to every client"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::acl_files::finds_with;

    #[test]
    fn lines_for_nobody() {
        let count = |conf, names, acl| finds_with("acl-global-topic-is-anonymous-only", conf, names, acl);
        let passwords = "password_file pw\n";
        let both = "password_file pw\nallow_anonymous true\n";
        assert_eq!(count(passwords, "alice", "topic read x\nuser alice\ntopic a\n"), 1);
        assert_eq!(count(both, "alice", "topic read x\nuser alice\ntopic a\n"), 0);
        assert_eq!(count(passwords, "alice", "topic read x\npattern read #\n"), 0);
        assert_eq!(count(passwords, "alice", "user alice\ntopic a\n"), 0);
        assert_eq!(count("password_file pw\nplugin /x.so\n", "alice", "topic read x\n"), 0);
    }
}
