use super::Context;
use crate::catalogue::{Scope, options};
use crate::model::notes::NoteKind;

rule! {
    /// One listener, or one bridge, has options for certificates and for pre-shared keys.
    ///
    /// ## What it finds
    /// `certfile` or `cafile` below `psk_hint` in one listener, `psk_file` below `certfile`, and in a
    /// bridge `bridge_cafile`, `bridge_capath`, `bridge_certfile` or `bridge_keyfile` beside `bridge_psk`
    /// or `bridge_identity`: where the release refuses the order in which they stand.
    ///
    /// ## Why it matters
    /// The broker does not start. What it looks at is the order: with `psk_hint` below `certfile` it does
    /// start. `psk_file` below `certfile` is refused from 2.1 on.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 28883 127.0.0.1
    /// allow_anonymous true
    /// psk_hint plant
    /// certfile server.crt
    /// keyfile server.key
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// psk_file pskfile
    /// allow_anonymous true
    ///
    /// listener 28883 127.0.0.1
    /// psk_hint plant
    /// use_identity_as_username true
    ///
    /// listener 28884 127.0.0.1
    /// certfile server.crt
    /// keyfile server.key
    /// ```
    /// ```pskfile good
    /// pump:4f2e0d6a91c74b55a0f3d81be7c96a20
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: certificate and psk encryption in one listener, exit 3
    /// - 2.0.21: does not start: certificate and psk encryption in one listener, exit 3
    /// - 2.1.2: does not start: certificate and psk encryption in one listener, exit 3
    "psk-and-certificate", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::MixedEncryption { option, first } = note.kind else { continue };
        let block = if option.entry().scope == Scope::Bridge { "bridge" } else { "listener" };
        let earlier = cx.text(first);
        let message = format!("`{}` cannot stand below `{earlier}` in one {block}", option.name());
        let finding = cx.finding_on(note, message).related(first, format!("`{earlier}` stands here"));
        let finding =
            finding.note("one is for certificates, the other for pre-shared keys: the broker stops here");
        cx.report(match option {
            options::PSK_FILE => finding.help("write `psk_file` above the `certfile` of the listener"),
            _ if block == "bridge" => finding.help("keep the options of one kind and remove the others"),
            _ => finding.help("open a second listener, with a port of its own, for one of them"),
        });
    }
}
