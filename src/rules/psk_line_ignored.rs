use super::Context;
use crate::catalogue::Quirk;
use crate::model::notes::{KeyNote, NoteKind};

rule! {
    /// A line of the file of pre-shared keys gives no client a key.
    ///
    /// ## What it finds
    /// Lines of a `psk_file` without a colon, without an identity or without a key; identities that stand
    /// there twice; fields of more than 65535 bytes; what a NUL byte hides.
    ///
    /// ## Why it matters
    /// The broker passes over the line, and a client that was meant to use the key cannot connect. Of two
    /// lines for one identity, 2.0 takes the last and 2.1 the first.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 28883 127.0.0.1
    /// psk_hint plant
    /// psk_file keys
    /// use_identity_as_username true
    /// ```
    /// ```keys bad
    /// pump 4f2e0d6a91c74b55
    /// valve:a1b2c3d4e5f60718
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
    /// valve:a1b2c3d4e5f60718
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: starts: `valve` can connect, `pump` cannot
    /// - 2.0.21: starts: `valve` can connect, `pump` cannot
    /// - 2.1.2: starts: `valve` can connect, `pump` cannot
    "psk-line-ignored", Warning, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::Key(kind) = &note.kind else { continue };
        let what = match kind {
            KeyNote::NotHex => continue,
            KeyNote::NoColon => "the line has no colon, so it is skipped",
            KeyNote::NoIdentity => "the key belongs to no identity",
            KeyNote::NoKey => "the identity has no key",
            KeyNote::TooLong => "the identity or its key has more than 65535 bytes",
            KeyNote::HiddenByNul => "a NUL byte hides what stands behind it",
            KeyNote::Duplicate { first } => {
                let counts = if cx.release.has(Quirk::FirstPskIdentityWins) { "first" } else { "last" };
                let finding = cx.finding_on(note, "the identity has a key already");
                let finding = finding.related(*first, "the other one is here");
                let finding = finding.note(format!("of two lines for one identity the {counts} counts"));
                cx.report(finding.help("keep one of the two lines"));
                continue;
            }
        };
        let finding = cx.finding_on(note, what).note("no client can connect with it");
        cx.report(finding.help("write `IDENTITY:KEY`, the key in hexadecimal, or put `#` in front"));
    }
}
