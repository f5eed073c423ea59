use std::path::Path;

use super::Context;
use crate::model::ListenerKind;
use crate::model::notes::{Effect, Phase};

rule! {
    /// There is no `listener` line, so only this machine is served.
    ///
    /// ## What it finds
    /// Configurations without a `listener`, `port` or `bind_address` line. Not files in a directory such as
    /// `conf.d`, which are parts of a configuration.
    ///
    /// ## Why it matters
    /// Since 2.0 the broker then opens port 1883 on the loopback addresses only. In a container that serves
    /// nobody. Clients are let in without a user name unless `allow_anonymous false` forbids it, even where
    /// there is a password file.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// max_queued_messages 100
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 1883 127.0.0.1
    /// allow_anonymous true
    /// max_queued_messages 100
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: listens on 127.0.0.1 and ::1 only
    /// - 2.0.21: starts: listens on 127.0.0.1 and ::1 only
    /// - 2.1.2: starts: listens on 127.0.0.1 and ::1 only
    "no-listener-local-only", Note, check
}

fn check(cx: &mut Context<'_>) {
    // Then nobody knows which lines would follow.
    if cx.notes.iter().any(|note| note.phase == Phase::Read && note.effect == Effect::Fatal) {
        return;
    }
    let name = cx.sources.get(cx.deployment.source).name();
    let folder = Path::new(name).parent().and_then(|folder| folder.file_name());
    let is_part = folder.is_some_and(|folder| folder.to_string_lossy().ends_with(".d"));
    for listener in &cx.deployment.listeners {
        if listener.kind == ListenerKind::LocalOnly && !is_part {
            let finding = cx.finding(listener.span, "no `listener` line: only this machine is served");
            let finding = finding.note("the broker opens port 1883 on 127.0.0.1 and ::1");
            cx.report(finding.help("write `listener 1883` to serve other machines as well"));
        }
    }
}
