use super::Context;
use crate::text::Span;

rule! {
    /// An ACL file without any rule denies everything.
    ///
    /// ## What it finds
    /// ACL files that are empty, or hold nothing but comments and `user` lines.
    ///
    /// ## Why it matters
    /// What no line grants is denied, so no message passes for anybody. Clients connect and subscribe with
    /// success all the same. Without the option `acl_file` everything would be allowed.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 21883 127.0.0.1
    /// allow_anonymous true
    /// acl_file aclfile
    /// ```
    /// ```aclfile bad
    /// # nothing yet
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 21883 127.0.0.1
    /// allow_anonymous true
    /// acl_file aclfile
    /// ```
    /// ```aclfile good
    /// topic readwrite plant/#
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: no client publishes or receives anything
    /// - 2.0.21: starts: no client publishes or receives anything
    /// - 2.1.2: starts: no client publishes or receives anything
    "acl-empty-denies-all", Warning, check
}

fn check(cx: &mut Context<'_>) {
    for file in cx.acl_files {
        if file.has_plugin || !file.acl.rules.is_empty() || cx.is_refused(file) {
            continue;
        }
        let span = file.named_at().next().unwrap_or(Span::new(file.acl.source(), 0, 0));
        let finding = cx.finding(span, "the ACL file has no rule, so everything is denied");
        let finding = finding.note("clients connect and subscribe with success, and no message passes");
        cx.report(finding.help("write what clients may do, or take `acl_file` out to allow everything"));
    }
}

#[cfg(test)]
mod tests {
    use super::super::acl_files::finds_with;

    #[test]
    fn files_without_rules() {
        let count = |conf, names, acl| finds_with("acl-empty-denies-all", conf, names, acl);
        let passwords = "password_file pw\n";
        assert_eq!(count(passwords, "alice", ""), 1);
        assert_eq!(count(passwords, "alice", "user alice\n"), 1);
        assert_eq!(count(passwords, "alice", "topic x a\n"), 0);
        assert_eq!(count("password_file pw\nplugin /x.so\n", "alice", ""), 0);
    }
}
