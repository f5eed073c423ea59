use super::Context;
use super::acl_files::{few, name_text, rule_holds};
use crate::catalogue::Quirk;
use crate::model::acl::{Access, AclRule, Subject};

rule! {
    /// A user name with `/` never matches `%u` in 2.1.
    ///
    /// ## What it finds
    /// Users of the password file whose name holds `/`, where the ACL file has patterns with `%u`.
    ///
    /// ## Why it matters
    /// In 2.0 such a name stands for several levels. From 2.1 on a pattern with `%u` gives such a user
    /// nothing: the client connects, and no message passes.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 21883 127.0.0.1
    /// password_file passwd
    /// acl_file aclfile
    /// ```
    /// ```aclfile bad
    /// pattern readwrite plant/%u/#
    /// ```
    /// ```passwd bad
    /// site/1:$7$101$49L7/djC9SynGm0Z$s1KtjFen5Gb/JNef6JLNdNbSKsPCj7Btx7HBDDm32sjXkypzcNI0qMaprYe2rmzBtMd5Y5IHEWO1CbcqzN1dpg==
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 21883 127.0.0.1
    /// password_file passwd
    /// acl_file aclfile
    /// ```
    /// ```aclfile good
    /// pattern readwrite plant/%u/#
    /// ```
    /// ```passwd good
    /// alice:$7$101$CF5U3rmyJRs9i2s5$l5a7JYH2vEtj8tdIsj/UoT3HHYo5QwmAP9cWFuUktIEY6934mSGbFw7OvBZ0Zfof/RPVyww4G2/ToBrZ7wvz3g==
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: `site/1` publishes to `plant/site/1/state`
    /// - 2.0.21: starts: `site/1` publishes to `plant/site/1/state`
    /// - 2.1.2: starts: `site/1` publishes nothing
    "acl-substitution-value-with-slash", Warning, check
}

fn check(cx: &mut Context<'_>) {
    if !cx.release.has(Quirk::WholeLevelSubstitution) {
        return;
    }
    for file in cx.acl_files {
        let is_by_name = |rule: &&AclRule| {
            rule.subject == Subject::Everyone
                && rule.access != Access::Deny
                && rule_holds(file.acl, rule, b"%u")
        };
        let Some(pattern) = file.acl.rules.iter().find(is_by_name) else { continue };
        for passwords in file.passwords() {
            let hit: Vec<_> = passwords.entries.iter().filter(|entry| entry.name.contains(&b'/')).collect();
            let Some(first) = hit.first() else { continue };
            let names: Vec<String> = hit.iter().map(|entry| name_text(&entry.name)).collect();
            let message =
                format!("`%u` never stands for {}, as a name with `/` is no single level", few(&names));
            let finding = cx.finding(first.name_span, message);
            let finding = finding.related(file.acl.filter_span(pattern), "gives such users nothing");
            let finding =
                finding.note("2.0 lets such a name stand for several levels; from 2.1 on it matches nothing");
            cx.report(finding.help("take names without `/`, or give these users sections of their own"));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::acl_files::finds_with;

    #[test]
    fn names_of_several_levels() {
        let count = |conf, names, acl| finds_with("acl-substitution-value-with-slash", conf, names, acl);
        let passwords = "password_file pw\n";
        assert_eq!(count(passwords, "a/b alice", "pattern read x/%u\n"), 1);
        assert_eq!(count(passwords, "a/b", "pattern read x/%c\n"), 0);
        assert_eq!(count(passwords, "alice", "pattern read x/%u\n"), 0);
    }
}
