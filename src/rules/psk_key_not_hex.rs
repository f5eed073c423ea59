use super::Context;
use crate::model::notes::{KeyNote, NoteKind};

rule! {
    /// A pre-shared key is not written in hexadecimal.
    ///
    /// ## What it finds
    /// Lines of a `psk_file` whose key has other characters than the digits `0` to `9` and the letters `a`
    /// to `f`, such as a `0x` in front, blanks, or a key in plain text.
    ///
    /// ## Why it matters
    /// The broker does not start, even where no listener uses keys.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 28883 127.0.0.1
    /// psk_hint plant
    /// psk_file keys
    /// use_identity_as_username true
    /// ```
    /// ```keys bad
    /// pump:0x4f2e0d6a91c74b55
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 28883 127.0.0.1
    /// psk_hint plant
    /// psk_file keys
    /// use_identity_as_username true
    /// ```
    /// ```keys good
    /// pump:4f2e0d6a91c74b55
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: non-hexadecimal characters, exit 3
    /// - 2.0.21: does not start: non-hexadecimal characters, exit 3
    /// - 2.1.2: does not start: non-hexadecimal characters, exit 3
    "psk-key-not-hex", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::Key(KeyNote::NotHex) = note.kind else { continue };
        let finding = cx.finding_on(note, "the key is not written in hexadecimal digits");
        let finding = finding.note("the broker does not start with such a key");
        cx.report(finding.help("write `IDENTITY:KEY` with a key of digits and of letters from `a` to `f`"));
    }
}
