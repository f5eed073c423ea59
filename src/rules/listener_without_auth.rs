use super::{Context, logins};
use crate::catalogue::options;
use crate::model::ListenerKind;
use crate::text::Span;

rule! {
    /// Nobody can log in on a listener: nothing is there that could tell who a client is.
    ///
    /// ## What it finds
    /// Listeners without password file and plugin, which take no names from certificates and do not let
    /// clients in without a name, whether `allow_anonymous false` is written or not. It is quiet where an
    /// included folder cannot be looked at, since the lines may stand there.
    ///
    /// ## Why it matters
    /// The broker starts without a word and then refuses every client, with or without name and password. An
    /// `acl_file` does not help: it says what clients may do, not who they are. Up to 1.6 such a listener let
    /// everybody in, so old configurations end like this.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 21883
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
    /// - 2.0.11: starts: every client is refused as not authorised
    /// - 2.0.21: starts: every client is refused as not authorised
    /// - 2.1.2: starts: every client is refused as not authorised
    "listener-without-auth", Error, check
}

fn check(cx: &mut Context<'_>) {
    let elsewhere = cx.deployment.is_per_listener()
        && cx
            .deployment
            .listeners
            .iter()
            .any(|other| other.security.as_ref().is_some_and(|security| security.passwords.is_named()));
    if logins::may_ask_plugin(cx.deployment) || logins::may_have_missed_lines(cx) {
        return;
    }
    for listener in logins::client_listeners(cx.deployment) {
        let (is_anonymous, denied) = cx.deployment.anonymous(listener);
        let has_passwords = cx.deployment.security_of(listener).passwords.is_named();
        let has_names = listener.names_from_certificate();
        // Where a certificate is asked for, client-cert-without-identity says what is missing.
        if is_anonymous || has_passwords || has_names || logins::requires_certificate(listener) {
            continue;
        }
        let is_line = listener.kind != ListenerKind::LocalOnly;
        let span = if is_line { listener.span } else { denied.unwrap_or(listener.span) };
        let mut finding = cx.finding(span, format!("nobody can log in on {}", listener.title()));
        if let Some(denied) = denied.filter(|denied| *denied != span) {
            finding = finding.related(denied, "clients without a name are not let in");
        }
        finding = finding.note(why(cx, listener.settings.text(options::PSK_HINT).map(|hint| hint.span)));
        cx.report(finding.help(if elsewhere {
            "with `per_listener_settings true` each listener needs its own `password_file`: name it here, too"
        } else {
            "name a `password_file`, take names from certificates with `use_identity_as_username`, or say \
             `allow_anonymous true`"
        }));
    }
}

fn why(cx: &Context<'_>, hint: Option<Span>) -> String {
    match hint {
        Some(hint) => format!(
            "a client with a key (hint `{}`) has no name: `use_identity_as_username true` gives it one",
            cx.text(hint)
        ),
        None => {
            "there is no password file, plugin or certificate identity, so every client is refused as not \
                 authorised"
                .to_owned()
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::finds;

    #[test]
    fn every_way_in_counts() {
        let count = |conf| finds("listener-without-auth", &[("mosquitto.conf", conf)]);
        assert_eq!(count("listener 1883\nallow_anonymous false\n"), 1);
        assert_eq!(count("allow_anonymous false\n"), 1);
        assert_eq!(count("listener 1883\nlistener_allow_anonymous true\n"), 0);
        assert_eq!(count("listener 1883\npassword_file /nowhere/passwd\n"), 0);
        assert_eq!(count("listener 1883\nplugin /usr/lib/x.so\n"), 0);
        assert_eq!(
            count("listener 1883\npsk_hint h\npsk_file /nowhere/k\nuse_identity_as_username true\n"),
            0
        );
        assert_eq!(count("listener 1883\npsk_hint h\npsk_file /nowhere/k\n"), 1);
        assert_eq!(count("listener 0 /run/mq\n"), 1);
        assert_eq!(count("listener 1883\ninclude_dir /nowhere/conf.d\n"), 0);
    }
}
