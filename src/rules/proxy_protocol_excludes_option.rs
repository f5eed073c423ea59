use super::Context;
use crate::catalogue::options;
use crate::model::notes::NoteKind;

rule! {
    /// An option cannot be used with version 2 of the PROXY protocol.
    ///
    /// ## What it finds
    /// `certfile`, `keyfile` and `use_subject_as_username` on a listener with `enable_proxy_protocol 2`.
    ///
    /// ## Why it matters
    /// The broker does not start. With version 2 the proxy ends TLS and tells the broker about the
    /// client's certificate; what it tells includes the common name and not the whole subject.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 28883 127.0.0.1
    /// allow_anonymous true
    /// enable_proxy_protocol 2
    /// certfile server.crt
    /// keyfile server.key
    /// ```
    ///
    /// ## Instead
    /// Behind a proxy that ends TLS, the listener has no certificate:
    /// ```mosquitto.conf
    /// listener 28883 127.0.0.1
    /// allow_anonymous true
    /// enable_proxy_protocol 2
    /// ```
    /// Without such a proxy it needs no PROXY protocol:
    /// ```mosquitto.conf good
    /// listener 28883 127.0.0.1
    /// allow_anonymous true
    /// certfile server.crt
    /// keyfile server.key
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: it does not know the option, exit 3
    /// - 2.0.21: does not start: it does not know the option, exit 3
    /// - 2.1.2: does not start: certfile and keyfile cannot be used with it, exit 3
    "proxy-protocol-excludes-option", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::ProxyExcludes { option, proxy } = note.kind else { continue };
        let message = format!("`{}` cannot be used with version 2 of the PROXY protocol", option.name());
        let finding = cx.finding_on(note, message).related(proxy, "version 2 is chosen here");
        cx.report(match option {
            options::USE_SUBJECT_AS_USERNAME => {
                let finding =
                    finding.note("the proxy passes on the common name only, and the broker does not start");
                finding.help("write `use_identity_as_username true` to take the common name")
            }
            _ => {
                let finding = finding.note("the proxy ends TLS in that case, and the broker does not start");
                finding.help("remove `certfile` and `keyfile`, or write `enable_proxy_protocol 1`")
            }
        });
    }
}
