use super::Context;
use crate::catalogue::options;
use crate::model::notes::NoteKind;

rule! {
    /// Of `bridge_psk` and `bridge_identity` only one is written.
    ///
    /// ## What it finds
    /// Bridges with a pre-shared key and no identity, or the reverse.
    ///
    /// ## Why it matters
    /// The remote broker finds the key by the identity. With one of them alone the broker does not start.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 21883 127.0.0.1
    /// allow_anonymous true
    /// connection hub
    /// address 127.0.0.1:28883
    /// topic plant/# out
    /// bridge_psk 4f2e0d6a91c74b55a0f3d81be7c96a20
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 21883 127.0.0.1
    /// allow_anonymous true
    /// connection hub
    /// address 127.0.0.1:28883
    /// topic plant/# out
    /// bridge_psk 4f2e0d6a91c74b55a0f3d81be7c96a20
    /// bridge_identity plant
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: missing bridge_identity, exit 3
    /// - 2.0.21: does not start: missing bridge_identity, exit 3
    /// - 2.1.2: does not start: missing bridge_identity, exit 3
    "bridge-psk-incomplete", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::TlsPair { present, missing } = note.kind else { continue };
        if ![options::BRIDGE_PSK, options::BRIDGE_IDENTITY].contains(&present) {
            continue;
        }
        let message = format!("`{}` stands without `{}`", present.name(), missing.name());
        let finding = cx.finding_on(note, message);
        let finding = finding.note("the broker reads the files to their end and then stops");
        cx.report(finding.help(match missing {
            options::BRIDGE_PSK => "write `bridge_psk` and the key, in hexadecimal, below `connection`",
            _ => "write `bridge_identity` and the name of the key below `connection`",
        }));
    }
}
