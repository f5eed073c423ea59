use super::Context;
use super::acl_files::name_text;
use super::acl_inline_comment::comment_in;
use crate::report::nearest;

rule! {
    /// The ACL file has a section for a user who is not in the password file.
    ///
    /// ## What it finds
    /// Names of `user` lines that no line of the password file has. Nothing is said where names come from
    /// certificates, where a plugin has a say, or where the password file was not read.
    ///
    /// ## Why it matters
    /// Nobody can log in by that name, so the section is for nobody. Most often the name is spelled in two
    /// ways: they are compared letter by letter, capitals included.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 21883 127.0.0.1
    /// password_file passwd
    /// acl_file aclfile
    /// ```
    /// ```aclfile bad
    /// user Alice
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
    /// user alice
    /// topic readwrite plant/#
    /// ```
    /// ```passwd good
    /// alice:$7$101$CF5U3rmyJRs9i2s5$l5a7JYH2vEtj8tdIsj/UoT3HHYo5QwmAP9cWFuUktIEY6934mSGbFw7OvBZ0Zfof/RPVyww4G2/ToBrZ7wvz3g==
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: `alice` logs in and publishes nothing
    /// - 2.0.21: starts: `alice` logs in and publishes nothing
    /// - 2.1.2: starts: `alice` logs in and publishes nothing
    "acl-unknown-user", Warning, check
}

/// For how many names a similar one is looked for, as this compares each with the whole password file.
const COMPARED: usize = 20;

fn check(cx: &mut Context<'_>) {
    for file in cx.acl_files {
        let lists = file.passwords();
        if lists.is_empty() {
            continue;
        }
        let entries = || lists.iter().flat_map(|list| &list.entries);
        let mut is_known = vec![false; file.acl.users.len()];
        for user in entries().filter_map(|entry| file.acl.user(&entry.name)) {
            is_known[user as usize] = true;
        }
        let users = file.acl.users.iter().zip(is_known);
        let unknown = users.filter(|(user, is_known)| !is_known && comment_in(&user.name).is_none());
        for (count, (user, _)) in unknown.enumerate() {
            let name = String::from_utf8_lossy(&user.name);
            let near = (count < COMPARED).then(|| {
                let names = || entries().filter_map(|entry| str::from_utf8(&entry.name).ok());
                let same = names().find(|other| other.to_lowercase() == name.to_lowercase());
                same.or_else(|| nearest(&name, names()))
            });
            let message = format!("the password file has no user {}", name_text(&user.name));
            let mut finding = cx.finding(user.span, message);
            finding = finding.note("nobody can log in by that name, so the lines below are for nobody");
            let help = match near.flatten() {
                Some(near) => {
                    let place = entries().find(|entry| &*entry.name == near.as_bytes());
                    if let Some(entry) = place {
                        finding = finding.related(entry.name_span, "this user there is");
                    }
                    format!("did you mean `{near}`? names are compared letter by letter")
                }
                None => "add the user with `mosquitto_passwd`, or delete the section".to_owned(),
            };
            cx.report(finding.help(help));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::acl_files::finds_with;

    #[test]
    fn users_who_cannot_log_in() {
        let count = |conf, names, acl| finds_with("acl-unknown-user", conf, names, acl);
        let passwords = "password_file pw\n";
        let certificates = "password_file pw\ncertfile c\nkeyfile k\nuse_identity_as_username true\n";
        assert_eq!(count(passwords, "alice bob", "user alice\ntopic a\nuser carol\ntopic b\n"), 1);
        assert_eq!(count(passwords, "alice bob", "user alice\ntopic a\nuser bob\ntopic b\n"), 0);
        assert_eq!(count(passwords, "alice", "user alice # x\ntopic a\n"), 0);
        assert_eq!(count("allow_anonymous true\n", "alice", "user carol\ntopic a\n"), 0);
        assert_eq!(count("password_file pw\nplugin /x.so\n", "alice", "user carol\ntopic a\n"), 0);
        assert_eq!(count("password_file /nowhere/pw\n", "alice", "user carol\ntopic a\n"), 0);
        assert_eq!(count(certificates, "alice", "user carol\ntopic a\n"), 0);
    }
}
