use std::collections::HashMap;

use super::{Context, logins};
use crate::catalogue::options;
use crate::model::{Deployment, Listener};

rule! {
    /// The users of a TLS listener can send their passwords in clear text on another one.
    ///
    /// ## What it finds
    /// Listeners without TLS that other machines can reach, beside a TLS listener whose users log in with the
    /// same password file or plugin.
    ///
    /// ## Why it matters
    /// Nothing makes a client take the TLS listener. On the other one names, passwords and messages can be
    /// read by anybody on the way.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// password_file passwd
    ///
    /// listener 21883
    ///
    /// listener 28883
    /// certfile server.crt
    /// keyfile server.key
    /// ```
    /// ```passwd bad
    /// alice:$7$101$rb1W5LuhgzH7Guhw$g9rcXwsjG31XGtGNjloZDbAFirNEO6HOmpxKv8SB9rgYy/BcqeuEMvhA6GjSVD3AN+Gn7lJIftpk50fHExhowA==
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// password_file passwd
    ///
    /// listener 21883 127.0.0.1
    ///
    /// listener 28883
    /// certfile server.crt
    /// keyfile server.key
    /// ```
    /// ```passwd good
    /// alice:$7$101$rb1W5LuhgzH7Guhw$g9rcXwsjG31XGtGNjloZDbAFirNEO6HOmpxKv8SB9rgYy/BcqeuEMvhA6GjSVD3AN+Gn7lJIftpk50fHExhowA==
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: `alice` logs in on both listeners, on one of them in clear text
    /// - 2.0.21: starts: `alice` logs in on both listeners, on one of them in clear text
    /// - 2.1.2: starts: `alice` logs in on both listeners, on one of them in clear text
    "plaintext-beside-tls", Warning, check
}

fn check(cx: &mut Context<'_>) {
    let deployment = cx.deployment;
    let mut tls = Twins::default();
    for listener in logins::client_listeners(deployment) {
        if listener.has_tls() && !listener.names_from_certificate() {
            tls.add(listener, deployment);
        }
    }
    for plain in logins::client_listeners(deployment) {
        let behind_proxy = plain.settings.get(options::ENABLE_PROXY_PROTOCOL).is_some();
        // A TLS port without TLS, or half a pair, is the worse problem of that listener.
        let is_reported = logins::has_tls_port(plain);
        if logins::is_meant_for_tls(plain) || plain.is_local() || behind_proxy || is_reported {
            continue;
        }
        let Some(twin) = tls.of(plain, deployment) else { continue };
        let message = format!("users can log in on {} in clear text", plain.title());
        let finding = cx.finding(plain.span, message).related(twin.span, "the same users have TLS here");
        let finding = finding.note("names, passwords and messages can be read and changed on the way");
        cx.report(finding.help("bind it to `127.0.0.1`, take it out, or give it `certfile` and `keyfile`"));
    }
}

/// The first TLS listener for the users of each password file, and for those of a plugin.
#[derive(Default)]
struct Twins<'a> {
    by_file: HashMap<&'a str, &'a Listener>,
    of_plugin: Option<&'a Listener>,
}

impl<'a> Twins<'a> {
    fn add(&mut self, listener: &'a Listener, deployment: &'a Deployment) {
        let security = deployment.security_of(listener);
        if let Some(file) = security.settings.text(options::PASSWORD_FILE) {
            self.by_file.entry(file.value).or_insert(listener);
        }
        if security.has_plugin {
            self.of_plugin.get_or_insert(listener);
        }
    }

    fn of(&self, listener: &Listener, deployment: &Deployment) -> Option<&'a Listener> {
        let security = deployment.security_of(listener);
        let file = security.settings.text(options::PASSWORD_FILE);
        let by_file = file.and_then(|file| self.by_file.get(file.value).copied());
        by_file.or(self.of_plugin.filter(|_| security.has_plugin))
    }
}

#[cfg(test)]
mod tests {
    use super::super::finds;

    #[test]
    fn only_with_the_same_users() {
        let count = |conf: &str| finds("plaintext-beside-tls", &[("mosquitto.conf", conf)]);
        let tls = "listener 8883\ncertfile /x/c\nkeyfile /x/k\n";
        let plain = "password_file /x/p\nlistener 1883\n";
        assert_eq!(count(&format!("{plain}{tls}")), 1);
        assert_eq!(count(&format!("allow_anonymous true\nlistener 1883\n{tls}")), 0);
        assert_eq!(
            count(&format!("{plain}{tls}require_certificate true\nuse_identity_as_username true\n")),
            0
        );
        let own = "per_listener_settings true\nlistener 1883\npassword_file /x/p\n";
        assert_eq!(count(&format!("{own}{tls}password_file /x/q\n")), 0);
        assert_eq!(count(&format!("{own}{tls}password_file /x/p\n")), 1);
        assert_eq!(count("password_file /x/p\nlistener 1883\n"), 0);
    }
}
