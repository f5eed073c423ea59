use super::Context;
use crate::model::acl::Subject;
use crate::text::Span;

rule! {
    /// Clients without a user name are let in and may do nothing.
    ///
    /// ## What it finds
    /// Listeners that admit clients without a user name, with an ACL file that grants them nothing: no
    /// `topic` line above the first `user` line, no pattern that is for them.
    ///
    /// ## Why it matters
    /// Such a client connects and its subscriptions are answered with success, but no message passes. This
    /// looks like a fault of the network.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 21883 127.0.0.1
    /// allow_anonymous true
    /// password_file passwd
    /// acl_file aclfile
    /// ```
    /// ```aclfile bad
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
    /// allow_anonymous true
    /// password_file passwd
    /// acl_file aclfile
    /// ```
    /// ```aclfile good
    /// topic read plant/state
    ///
    /// user alice
    /// topic readwrite plant/#
    /// ```
    /// ```passwd good
    /// alice:$7$101$CF5U3rmyJRs9i2s5$l5a7JYH2vEtj8tdIsj/UoT3HHYo5QwmAP9cWFuUktIEY6934mSGbFw7OvBZ0Zfof/RPVyww4G2/ToBrZ7wvz3g==
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: a client without a user name connects, and neither publishes nor receives
    /// - 2.0.21: starts: a client without a user name connects, and neither publishes nor receives
    /// - 2.1.2: starts: a client without a user name connects, and neither publishes nor receives
    "acl-anonymous-denied", Note, check
}

fn check(cx: &mut Context<'_>) {
    for file in cx.acl_files {
        if file.has_plugin
            || file.acl.rules.is_empty()
            || cx.is_refused(file)
            || file.section_grants(Subject::Anonymous)
            || file.patterns_grant(cx.release, None)
        {
            continue;
        }
        for listener in file.listeners.iter().filter(|listener| !listener.names_from_certificate()) {
            let (true, written) = cx.deployment.anonymous(listener) else { continue };
            let Some(span) = written.or_else(|| file.named_at().next()) else { continue };
            let finding = cx.finding(span, "clients without a user name are let in and may do nothing");
            let finding = finding.related(Span::new(file.acl.source(), 0, 0), "grants them nothing");
            let finding = finding.note("they connect and subscribe with success, and no message passes");
            cx.report(
                finding
                    .help("write `topic` lines for them above the first `user` line, or do not let them in"),
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::acl_files::finds_with;

    #[test]
    fn admitted_for_nothing() {
        let count = |conf, names, acl| finds_with("acl-anonymous-denied", conf, names, acl);
        let passwords = "password_file pw\n";
        let both = "password_file pw\nallow_anonymous true\n";
        assert_eq!(count(both, "alice", "user alice\ntopic a\n"), 1);
        assert_eq!(count(both, "alice", "pattern read x/%u\n"), 1);
        assert_eq!(count(both, "alice", "pattern read x/%c\n"), 0);
        assert_eq!(count(both, "alice", "topic deny x\nuser alice\ntopic a\n"), 1);
        assert_eq!(count(passwords, "alice", "user alice\ntopic a\n"), 0);
    }
}
