use super::Context;
use super::acl_files::{AclFile, few, name_text};
use crate::model::acl::Subject;

rule! {
    /// A user can log in and may do nothing.
    ///
    /// ## What it finds
    /// Users of the password file that have no section in the ACL file, and sections without a line, where no
    /// pattern gives them anything either.
    ///
    /// ## Why it matters
    /// What no line grants is denied. The client connects, its subscriptions are answered with success, and
    /// no message passes in either direction. Lines above the first `user` line are no help: they are for
    /// clients without a user name.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 21883 127.0.0.1
    /// password_file passwd
    /// acl_file aclfile
    /// ```
    /// ```aclfile bad
    /// user alice
    /// topic readwrite plant/#
    /// ```
    /// ```passwd bad
    /// alice:$7$101$CF5U3rmyJRs9i2s5$l5a7JYH2vEtj8tdIsj/UoT3HHYo5QwmAP9cWFuUktIEY6934mSGbFw7OvBZ0Zfof/RPVyww4G2/ToBrZ7wvz3g==
    /// bob:$7$101$0RlCK0stB1zXnK7g$hh4WttRSQSpBkrTtHmHT03GKNmHhHvV+QJwAVzfYh0g0vxNqmqrVT7PVy1eADyZLpaTOoYqqhld9vrs/hfy7Tg==
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
    ///
    /// user bob
    /// topic read plant/#
    /// ```
    /// ```passwd good
    /// alice:$7$101$CF5U3rmyJRs9i2s5$l5a7JYH2vEtj8tdIsj/UoT3HHYo5QwmAP9cWFuUktIEY6934mSGbFw7OvBZ0Zfof/RPVyww4G2/ToBrZ7wvz3g==
    /// bob:$7$101$0RlCK0stB1zXnK7g$hh4WttRSQSpBkrTtHmHT03GKNmHhHvV+QJwAVzfYh0g0vxNqmqrVT7PVy1eADyZLpaTOoYqqhld9vrs/hfy7Tg==
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: `bob` logs in, and neither publishes nor receives
    /// - 2.0.21: starts: `bob` logs in, and neither publishes nor receives
    /// - 2.1.2: starts: `bob` logs in, and neither publishes nor receives
    "acl-user-without-rules", Warning, check
}

/// How many further users are shown.
const SHOWN: usize = 2;

const WHY: &str = "what no line grants is denied: the client connects, and no message passes";

fn check(cx: &mut Context<'_>) {
    for file in cx.acl_files {
        // Lines that could not be read may be those of the user.
        if file.has_plugin || file.acl.rules.is_empty() || cx.is_refused(file) {
            continue;
        }
        empty_sections(cx, file);
        without_section(cx, file);
    }
}

fn empty_sections(cx: &mut Context<'_>, file: &AclFile<'_>) {
    let mut is_filled = vec![false; file.acl.users.len()];
    for rule in &file.acl.rules {
        if let Subject::User(user) = rule.subject
            && let Some(is_filled) = is_filled.get_mut(user as usize)
        {
            *is_filled = true;
        }
    }
    let gets = Patterns::new(cx, file);
    for (user, is_filled) in file.acl.users.iter().zip(is_filled) {
        if is_filled || gets.anything(&user.name) {
            continue;
        }
        let message = format!("the section of {} has no line", name_text(&user.name));
        let finding = cx.finding(user.span, message).note(WHY);
        cx.report(finding.help("write what it is for, such as `topic read plant/#`, or delete the section"));
    }
}

fn without_section(cx: &mut Context<'_>, file: &AclFile<'_>) {
    let gets = Patterns::new(cx, file);
    for passwords in file.passwords() {
        let is_lost = |name: &[u8]| {
            // The rule on names with `/` says more of those that only `%u` leaves out.
            let is_told = name.contains(&b'/') && gets.plain;
            !name.is_empty() && !is_told && file.acl.user(name).is_none() && !gets.anything(name)
        };
        let lost: Vec<_> =
            passwords.entries.iter().filter(|entry| entry.is_usable && is_lost(&entry.name)).collect();
        let Some((first, others)) = lost.split_first() else { continue };
        let names: Vec<String> = lost.iter().map(|entry| name_text(&entry.name)).collect();
        let message = format!("{} may do nothing: the ACL file has no section by that name", few(&names));
        let mut finding = cx.finding(first.name_span, message).note(WHY);
        for other in others.iter().take(SHOWN) {
            finding = finding.related(other.name_span, "nor has it one for this user");
        }
        let name = cx.text(first.name_span);
        cx.report(finding.help(format!("add `user {name}` and what the user may do to the ACL file")));
    }
}

/// Whether patterns give anything to users, by the kinds of names that they tell apart.
struct Patterns {
    plain: bool,
    with_slash: bool,
}

impl Patterns {
    fn new(cx: &Context<'_>, file: &AclFile<'_>) -> Self {
        let grant = |name: &[u8]| file.patterns_grant(cx.release, Some(name));
        Self { plain: grant(b"a"), with_slash: grant(b"a/b") }
    }

    fn anything(&self, name: &[u8]) -> bool {
        if name.iter().any(|byte| matches!(byte, b'+' | b'#')) {
            return false;
        }
        if name.contains(&b'/') { self.with_slash } else { self.plain }
    }
}

#[cfg(test)]
mod tests {
    use super::super::acl_files::finds_with;

    #[test]
    fn users_who_may_do_nothing() {
        let count = |conf, names, acl| finds_with("acl-user-without-rules", conf, names, acl);
        let passwords = "password_file pw\n";
        let bridges = "user alice\ntopic a\npattern write $SYS/broker/connection/%c/state\n";
        assert_eq!(count(passwords, "alice bob carol", "user alice\ntopic a\n"), 1);
        assert_eq!(count(passwords, "alice bob", "user alice\ntopic a\npattern read x/%u\n"), 0);
        assert_eq!(count(passwords, "alice bob", bridges), 1);
        assert_eq!(count(passwords, "alice a/b", "user alice\ntopic a\npattern read x/%u\n"), 0);
        assert_eq!(count(passwords, "alice", "user bob\nuser alice\ntopic a\n"), 1);
        assert_eq!(count(passwords, "alice bob", "user alice\ntopic bad a\n"), 0);
        assert_eq!(count("allow_anonymous true\n", "bob", "user alice\ntopic a\n"), 0);
        assert_eq!(count("password_file pw\nplugin /x.so\n", "bob", "user alice\ntopic a\n"), 0);
    }
}
