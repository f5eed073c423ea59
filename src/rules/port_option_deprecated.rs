use super::Context;
use super::placement;
use crate::catalogue::options;
use crate::model::ListenerKind;
use crate::report::Severity;

rule! {
    /// `port` and `bind_address` are deprecated.
    ///
    /// ## What it finds
    /// `port` and `bind_address`, which set up the default listener. It is a note, and a warning where
    /// `bind_address` stands beside `listener` lines and without `port`.
    ///
    /// ## Why it matters
    /// Later releases will not know these options. And `bind_address` does not restrict a listener: it opens
    /// one more, on port 1883 of its address.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// port 1883
    /// bind_address 127.0.0.1
    /// allow_anonymous true
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 1883 127.0.0.1
    /// allow_anonymous true
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: with a line in the log
    /// - 2.0.21: starts: with a line in the log
    /// - 2.1.2: starts: with several lines in the log
    "port-option-deprecated", Note, check
}

fn check(cx: &mut Context<'_>) {
    let listeners = &cx.deployment.listeners;
    for default in listeners.iter().filter(|listener| listener.kind == ListenerKind::Default) {
        let port = default.settings.get(options::PORT);
        let mut instead = format!("write `listener {}` in its place", default.port);
        if let Some(host) = &default.host {
            instead = format!("write `listener {} {}` in its place", default.port, host.value);
            let other = placement::listener_lines(cx.deployment).next().filter(|_| port.is_none());
            cx.report(match other {
                Some(line) => {
                    let message = "`bind_address` opens another listener, on port 1883";
                    let mut finding = cx.finding(host.span, message);
                    finding.severity = Severity::Warning;
                    let finding = finding.related(line, "not restricted by it");
                    let finding =
                        finding.note("it is the address of the default listener, and of no other one");
                    finding.help("write the address on the `listener` line that is meant, behind its port")
                }
                None => {
                    let finding = cx.finding(host.span, "`bind_address` is deprecated");
                    finding.note("a later release will not know it").help(instead.clone())
                }
            });
        }
        for line in default.settings.all(options::PORT) {
            let finding = cx.finding(line.name_span, "`port` is deprecated");
            cx.report(finding.note("a later release will not know it").help(instead.clone()));
        }
    }
}
