use super::Context;
use crate::catalogue::options;
use crate::model::notes::NoteKind;

rule! {
    /// Two bridges have the same client id on this broker.
    ///
    /// ## What it finds
    /// A second bridge with the `local_clientid` of an earlier one. A bridge without it takes `local.`
    /// and its `remote_clientid`, so two bridges with the same `remote_clientid` collide, too, even where
    /// they lead to different brokers.
    ///
    /// ## Why it matters
    /// A bridge is a client of both brokers, and of two clients with one id only one can be connected.
    /// The broker does not start.
    ///
    /// ## Example
    /// ```mosquitto.conf bad
    /// listener 21883 127.0.0.1
    /// allow_anonymous true
    /// connection north
    /// address 127.0.0.1:21884
    /// topic north/# out
    /// remote_clientid plant
    /// connection south
    /// address 127.0.0.1:21885
    /// topic south/# out
    /// remote_clientid plant
    /// ```
    ///
    /// ## Instead
    /// ```mosquitto.conf good
    /// listener 21883 127.0.0.1
    /// allow_anonymous true
    /// connection north
    /// address 127.0.0.1:21884
    /// topic north/# out
    /// remote_clientid plant
    /// local_clientid to-north
    /// connection south
    /// address 127.0.0.1:21885
    /// topic south/# out
    /// remote_clientid plant
    /// local_clientid to-south
    /// ```
    ///
    /// ## Releases
    /// - 2.0.11: does not start: the local client id is not unique, exit 3
    /// - 2.0.21: does not start: the local client id is not unique, exit 3
    /// - 2.1.2: does not start: the local client id is not unique, exit 3
    "bridge-clientid-not-unique", Error, check
}

fn check(cx: &mut Context<'_>) {
    for note in cx.notes {
        let NoteKind::BridgeClientIdTaken { first } = note.kind else { continue };
        let named = cx.deployment.bridges.iter().find_map(|bridge| {
            let (id, place) = bridge.local_clientid()?;
            (place == note.span).then_some((bridge, id))
        });
        let Some((bridge, id)) = named else { continue };
        let message = format!("another bridge has the client id `{id}` on this broker");
        let mut finding = cx.finding_on(note, message).related(first, "the id of the other bridge");
        if bridge.settings.text(options::LOCAL_CLIENTID).is_none() {
            finding = finding.note("without `local_clientid` it is `local.` and the `remote_clientid`");
        }
        finding = finding.note("the broker reads the files to their end and then stops");
        cx.report(finding.help("write a `local_clientid` of its own below each `connection`"));
    }
}
