use std::collections::{BTreeMap, BTreeSet};

use super::{Context, logins};
use crate::access::{self, Who};
use crate::catalogue::Release;
use crate::model::acl::{Acl, Sections, Subject};
use crate::model::{FileState, Listener};
use crate::text::Span;

rule! {
    /// Anybody who reaches a listener gets in without a name and may use every topic.
    ///
    /// ## What it finds
    /// Listeners that other machines can reach, that let clients in without a name, and on which no ACL file
    /// holds such clients back. It is quiet for listeners on loopback addresses and unix sockets, where a
    /// certificate or a key is asked for first, and where a plugin may decide.
    ///
    /// ## Why it matters
    /// Whoever is in the same network, or in the internet where the port is forwarded, can listen to all
    /// messages and send any. Without a password file even names mean nothing: every name and password is
    /// taken.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 21883
    /// allow_anonymous true
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 21883
    /// password_file passwd
    /// ```
    /// ```passwd good
    /// alice:$7$101$rb1W5LuhgzH7Guhw$g9rcXwsjG31XGtGNjloZDbAFirNEO6HOmpxKv8SB9rgYy/BcqeuEMvhA6GjSVD3AN+Gn7lJIftpk50fHExhowA==
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: clients without a name, and with any name and password, are let in on every interface
    /// - 2.0.21: starts: clients without a name, and with any name and password, are let in on every interface
    /// - 2.1.2: starts: clients without a name, and with any name and password, are let in on every interface
    "anonymous-on-public-listener", Warning, check
}

fn check(cx: &mut Context<'_>) {
    if logins::may_ask_plugin(cx.deployment) {
        return;
    }
    // One line lets clients in on many listeners: it is one finding.
    let mut open: BTreeMap<(Span, bool, bool), Vec<&Listener>> = BTreeMap::new();
    for listener in logins::client_listeners(cx.deployment) {
        let (is_anonymous, line) = cx.deployment.anonymous(listener);
        if !is_anonymous || listener.is_local() || !logins::is_open_to_all(listener) {
            continue;
        }
        let security = cx.deployment.security_of(listener);
        let has_passwords = security.passwords.is_named();
        let has_acl = match &security.acl {
            FileState::Unnamed => false,
            FileState::Unknown | FileState::Failed => continue,
            FileState::Loaded(acl) if is_confined(acl, cx.release, has_passwords) => continue,
            FileState::Loaded(_) => true,
        };
        open.entry((line.unwrap_or(listener.span), has_acl, has_passwords)).or_default().push(listener);
    }
    for ((span, has_acl, has_passwords), listeners) in open {
        let titles: Vec<String> = listeners.iter().map(|listener| listener.title()).collect();
        let titles = logins::enumerate(&titles);
        let mut finding = cx.finding(span, format!("anybody who reaches {titles} gets in without a name"));
        for listener in listeners.iter().filter(|listener| listener.span != span) {
            finding = finding.related(listener.span, "other machines can reach it");
        }
        finding = finding.note(match (has_acl, has_passwords) {
            (true, _) => "the ACL file gives such clients every topic to read or to write",
            (false, true) => "no ACL file holds them back, so they may read and write every topic",
            (false, false) => {
                "every name and password is taken, too, and no ACL file holds clients back from any topic"
            }
        });
        let help = if has_passwords {
            "take `allow_anonymous true` out, or bind the listener to `127.0.0.1`"
        } else {
            "name a `password_file` in place of `allow_anonymous true`, or bind the listener to `127.0.0.1`"
        };
        cx.report(finding.help(help));
    }
}

/// Whether clients without a name, and where no password is asked for clients of any name, are kept from some topics.
fn is_confined(acl: &Acl, release: Release, has_passwords: bool) -> bool {
    // Without a filter that begins with a wildcard nobody has every topic.
    let wide = acl.rules.iter().filter(|rule| matches!(acl.filter(rule).first(), Some(b'#' | b'+')));
    let users: BTreeSet<u32> = wide
        .filter_map(|rule| match rule.subject {
            Subject::User(user) => Some(user),
            _ => None,
        })
        .collect();
    let named = users.into_iter().map(Who::User).chain([Who::AnyName]).filter(|_| !has_passwords);
    let sections = Sections::of(acl);
    std::iter::once(Who::Anonymous).chain(named).all(|who| {
        let reach = access::confinement(acl, &sections, release, who);
        !reach.reads_all && !reach.writes_all
    })
}

#[cfg(test)]
mod tests {
    use super::super::finds;

    #[test]
    fn only_open_ones() {
        let count =
            |conf, acl| finds("anonymous-on-public-listener", &[("mosquitto.conf", conf), ("acl", acl)]);
        let open = "listener 1883\nallow_anonymous true\n";
        let with_acl = "listener 1883\nallow_anonymous true\nacl_file acl\n";
        assert_eq!(count(open, ""), 1);
        assert_eq!(count("listener 1883\nlistener 1884\nallow_anonymous true\n", ""), 1);
        assert_eq!(count("listener 1883 127.0.0.1\nallow_anonymous true\n", ""), 0);
        assert_eq!(count("listener 0 /run/mq\nallow_anonymous true\n", ""), 0);
        assert_eq!(count("allow_anonymous true\n", ""), 0);
        assert_eq!(count("listener 1883\nallow_anonymous true\nplugin /x.so\n", ""), 0);
        assert_eq!(count(with_acl, "topic read #\n"), 1);
        // A client that picks its id has every topic with it.
        assert_eq!(count(with_acl, "topic read a/#\npattern write %c/#\n"), 1);
        assert_eq!(count(with_acl, "topic read a/#\npattern write c/%c/#\n"), 0);
        assert_eq!(count(with_acl, "pattern readwrite #\n"), 1);
        assert_eq!(count(with_acl, "topic a/#\nuser bob\ntopic #\n"), 1);
        assert_eq!(count(with_acl, "topic deny #\n"), 0);
        assert_eq!(count("listener 1883\nallow_anonymous true\nacl_file /nowhere/acl\n", ""), 0);
    }
}
