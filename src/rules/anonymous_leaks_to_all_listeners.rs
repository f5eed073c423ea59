use super::{Context, logins};
use crate::catalogue::options;
use crate::model::{Listener, ListenerKind, Sourced};
use crate::report::{Diagnostic, Severity};
use crate::text::Span;

rule! {
    /// `allow_anonymous` below one listener decides for every listener.
    ///
    /// ## What it finds
    /// `allow_anonymous` lines below a `listener` line, without `per_listener_settings true`, where there are
    /// other listeners that the line decides for: they have no such line, or one that says the opposite. A
    /// lone `allow_anonymous false` is not reported, since it changes nothing, and a lone `allow_anonymous
    /// true` is a mere note where the listeners differ in nothing else.
    ///
    /// ## Why it matters
    /// Without `per_listener_settings true` there is one value for the whole broker, and the last line
    /// counts. A line that opens a listener on loopback for local programs opens the public ones, too.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 21884
    /// password_file passwd
    /// allow_anonymous false
    ///
    /// listener 21883 127.0.0.1
    /// allow_anonymous true
    /// ```
    /// ```passwd bad
    /// alice:$7$101$rb1W5LuhgzH7Guhw$g9rcXwsjG31XGtGNjloZDbAFirNEO6HOmpxKv8SB9rgYy/BcqeuEMvhA6GjSVD3AN+Gn7lJIftpk50fHExhowA==
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// per_listener_settings true
    ///
    /// listener 21884
    /// password_file passwd
    /// allow_anonymous false
    ///
    /// listener 21883 127.0.0.1
    /// allow_anonymous true
    /// ```
    /// ```passwd good
    /// alice:$7$101$rb1W5LuhgzH7Guhw$g9rcXwsjG31XGtGNjloZDbAFirNEO6HOmpxKv8SB9rgYy/BcqeuEMvhA6GjSVD3AN+Gn7lJIftpk50fHExhowA==
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: clients without a name get in on both listeners
    /// - 2.0.21: starts: clients without a name get in on both listeners
    /// - 2.1.2: starts: clients without a name get in on both listeners
    "anonymous-leaks-to-all-listeners", Warning, check
}

/// A line and the listener that it stands below, in its file.
struct Line<'a> {
    flag: Sourced<bool>,
    name: Span,
    below: Option<&'a Listener>,
}

fn check(cx: &mut Context<'_>) {
    let deployment = cx.deployment;
    if deployment.is_per_listener() || deployment.listeners.len() < 2 {
        return;
    }
    let mut lines = lines(cx);
    let Some(last) = lines.pop() else { return };
    let undone: Vec<&Line<'_>> = lines.iter().filter(|line| line.flag.value != last.flag.value).collect();
    let is_below = last.below.is_some() || undone.iter().any(|line| line.below.is_some());
    let has_own = |listener: &Listener| {
        let own_line = lines.iter().chain([&last]).filter_map(|line| line.below);
        listener.settings.flag(options::LISTENER_ALLOW_ANONYMOUS).is_some()
            || own_line.into_iter().any(|own| own.span == listener.span)
    };
    let silent: Vec<&Listener> =
        logins::client_listeners(deployment).filter(|listener| !has_own(listener)).collect();
    let finding = match () {
        () if is_below && !undone.is_empty() => undone_lines(cx, &last, &undone),
        () if last.flag.value && last.below.is_some() && !silent.is_empty() => {
            let titles: Vec<String> = silent.iter().map(|listener| listener.title()).collect();
            let titles = logins::enumerate(&titles);
            let mut finding =
                cx.finding(last.name, format!("this line also lets clients without a name in on {titles}"));
            if !is_riskier(cx, &last, &silent) {
                finding.severity = Severity::Note;
            }
            for listener in silent {
                finding = finding.related(listener.span, "it has no line of its own");
            }
            finding
        }
        () => return,
    };
    let finding = finding.note("without `per_listener_settings true` the last line holds for every listener");
    cx.report(finding.help(
        "put `per_listener_settings true` at the top and give each listener its own `password_file`, \
         `acl_file` \
         and `allow_anonymous`; from 2.1 on, `listener_allow_anonymous` does it alone",
    ));
}

/// Whether the line opens more than the listener that it stands below: passwords are optional now, a local
/// listener lets in other machines, or a plain one clients with TLS.
fn is_riskier(cx: &Context<'_>, line: &Line<'_>, others: &[&Listener]) -> bool {
    let Some(own) = line.below else { return false };
    cx.deployment.security.passwords.is_named()
        || others
            .iter()
            .any(|other| (own.is_local() && !other.is_local()) || (!own.has_tls() && other.has_tls()))
}

fn undone_lines(cx: &Context<'_>, last: &Line<'_>, undone: &[&Line<'_>]) -> Diagnostic {
    let (value, other) = (last.flag.value, !last.flag.value);
    let message = format!("`allow_anonymous {value}` undoes the `allow_anonymous {other}` of another line");
    let mut finding = cx.finding(last.name, message);
    finding.severity = Severity::Error;
    for line in undone {
        finding = finding.related(line.name, "this line has no effect");
    }
    finding
}

/// The lines that say whether clients without a name are let in, in the order in which they are read.
fn lines<'a>(cx: &Context<'a>) -> Vec<Line<'a>> {
    let listeners = &cx.deployment.listeners;
    let settings = cx.deployment.security.settings.all(options::ALLOW_ANONYMOUS);
    let lines = settings.filter_map(|setting| {
        let crate::model::Value::Bool(value) = setting.value.value else { return None };
        let flag = Sourced { value, span: setting.value.span };
        let name = setting.name_span;
        let is_above = |listener: &&Listener| {
            listener.kind == ListenerKind::Explicit
                && listener.span.source == name.source
                && listener.span.start < name.start
        };
        Some(Line {
            flag,
            name,
            below: listeners.iter().filter(is_above).max_by_key(|above| above.span.start),
        })
    });
    lines.collect()
}

#[cfg(test)]
mod tests {
    use super::super::finds;

    #[test]
    fn only_surprises() {
        let count = |conf| finds("anonymous-leaks-to-all-listeners", &[("mosquitto.conf", conf)]);
        assert_eq!(count("listener 1\nlistener 2\nallow_anonymous true\n"), 1);
        assert_eq!(count("listener 1\nallow_anonymous true\nlistener 2\nallow_anonymous true\n"), 0);
        assert_eq!(count("listener 1\nallow_anonymous true\nlistener 2\nallow_anonymous false\n"), 1);
        assert_eq!(count("listener 1\nlistener 2\nallow_anonymous false\n"), 0);
        assert_eq!(count("allow_anonymous true\nlistener 1\nlistener 2\n"), 0);
        assert_eq!(count("listener 1\nallow_anonymous true\n"), 0);
        assert_eq!(count("per_listener_settings true\nlistener 1\nlistener 2\nallow_anonymous true\n"), 0);
        assert_eq!(
            count("listener 1\nlistener_allow_anonymous false\nlistener 2\nallow_anonymous true\n"),
            0
        );
    }
}
