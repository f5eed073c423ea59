use std::collections::BTreeMap;

use super::{Context, logins};
use crate::catalogue::options;
use crate::model::Listener;
use crate::text::Span;

rule! {
    /// A password file is there, and yet clients may leave their name out.
    ///
    /// ## What it finds
    /// `allow_anonymous true` (or `listener_allow_anonymous true`) where a `password_file` holds for the same
    /// listener, on listeners that other machines can reach. An ACL file makes no difference: the password is
    /// optional all the same. It is quiet where a certificate or a key is asked for first.
    ///
    /// ## Why it matters
    /// A wrong password is refused, and so is an unknown name. A client that sends no name at all is let in.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 21883
    /// allow_anonymous true
    /// password_file passwd
    /// ```
    /// ```passwd bad
    /// alice:$7$101$rb1W5LuhgzH7Guhw$g9rcXwsjG31XGtGNjloZDbAFirNEO6HOmpxKv8SB9rgYy/BcqeuEMvhA6GjSVD3AN+Gn7lJIftpk50fHExhowA==
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 21883
    /// allow_anonymous false
    /// password_file passwd
    /// ```
    /// ```passwd good
    /// alice:$7$101$rb1W5LuhgzH7Guhw$g9rcXwsjG31XGtGNjloZDbAFirNEO6HOmpxKv8SB9rgYy/BcqeuEMvhA6GjSVD3AN+Gn7lJIftpk50fHExhowA==
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: a client without a name gets in, `alice` with a wrong password does not
    /// - 2.0.21: starts: a client without a name gets in, `alice` with a wrong password does not
    /// - 2.1.2: starts: a client without a name gets in, `alice` with a wrong password does not
    "anonymous-with-password-file", Warning, check
}

fn check(cx: &mut Context<'_>) {
    if logins::may_ask_plugin(cx.deployment) {
        return;
    }
    let mut optional: BTreeMap<(Span, bool, Span), Vec<&Listener>> = BTreeMap::new();
    for listener in logins::client_listeners(cx.deployment) {
        let (is_anonymous, line) = cx.deployment.anonymous(listener);
        let passwords = cx.deployment.security_of(listener).settings.text(options::PASSWORD_FILE);
        if let (true, Some(passwords)) = (is_anonymous, passwords)
            && !listener.is_local()
            && logins::is_open_to_all(listener)
        {
            let key = (line.unwrap_or(listener.span), line.is_some(), passwords.span);
            optional.entry(key).or_default().push(listener);
        }
    }
    for ((line, is_written, passwords), listeners) in optional {
        let titles: Vec<String> = listeners.iter().map(|listener| listener.title()).collect();
        let message = format!("passwords are optional on {}", logins::enumerate(&titles));
        let mut finding = cx.finding(line, message).related(passwords, "the password file");
        finding =
            finding.note("a client that sends no name is let in; only wrong names and passwords are refused");
        let help = if is_written {
            "set `allow_anonymous false`, unless clients without a name are meant to come in"
        } else {
            logins::WITHOUT_LINE
        };
        cx.report(finding.help(help));
    }
}
