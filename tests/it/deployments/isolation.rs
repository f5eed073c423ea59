//! Whether the vehicles of the fleet are kept apart: proved where they are, and where they are not, with a certificate
//! that breaks it.

use moskit::access::{Action, ClientIds, Intrusion, Logins, Names, Policy, Realm, Search, decide, isolated};
use moskit::catalogue::Release;
use moskit::text::disk::Disk;

use super::answers::{Answer, Row};
use super::material::Material;
use super::{done, folder};
use crate::decisions::scene::{Way, lowered};
use crate::decisions::stage::Program;
use crate::real;

/// What belongs to a vehicle.
const OWN: &[u8] = b"devices/%u/#";

/// The fleet without the dispatcher, who may look at everybody.
fn vehicles() -> Material {
    let material = Material::new(&folder("fleet"), &[]);
    let path = material.folder().join("fleet.acl");
    let text = std::fs::read_to_string(&path).unwrap();
    let patterns: String =
        text.lines().filter(|line| line.starts_with("pattern")).map(|line| format!("{line}\n")).collect();
    std::fs::write(path, patterns).unwrap();
    material
}

/// A vehicle that reaches what belongs to another, whatever names the authority writes into certificates.
fn intrusion(material: &Material, release: Release) -> Search<Intrusion> {
    let deployment = lowered(&Disk::new(material.folder()), "mosquitto.conf", release);
    let acl = deployment.security_of(&deployment.listeners[0]).acl.loaded().unwrap().clone();
    let policy = Policy::new(release, Some(&acl));
    let logins = Logins { names: Names::Any, anonymous: false, client_ids: ClientIds::Chosen };
    let found = isolated(&Realm { meaning: &policy, logins }, &Names::Any, &[OWN]);
    if let Search::Found(intrusion) = &found {
        let Intrusion { witness, action, decision, of } = intrusion;
        assert_eq!(decide(release, Some(&acl), witness.client(), *action, &witness.topic), *decision);
        assert!(decision.allowed && witness.user.as_ref() != Some(of));
        assert!(witness.topic.starts_with(&[b"devices/", &of[..]].concat()));
    }
    found
}

#[test]
fn a_slash_in_a_certificate_breaks_into_the_fleet_of_early_releases() {
    real::say_missing("certificates with a slash");
    let material = vehicles();
    let mut witness = None;
    for release in Release::known() {
        let found = intrusion(&material, *release);
        match found {
            Search::Found(intrusion) => {
                assert!(*release < Release::new(2, 1, 0), "{release}: {intrusion:?}");
                witness = Some(intrusion);
            }
            // Proved: no name, whatever is in it.
            other => assert!(other == Search::Nothing && *release >= Release::new(2, 1, 0), "{release}"),
        }
    }
    let intrusion = witness.expect("2.0 is among the releases");
    // The topic is one of both, and one of them has a slash in its name.
    let both = [intrusion.witness.user.unwrap(), intrusion.of];
    let intruder = both.into_iter().find(|name| name.contains(&b'/')).expect("a slash");
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    let row = Row {
        listener: 8883,
        user: Some(text(intruder)),
        credential: None,
        client_id: text(intrusion.witness.client_id),
        way: if intrusion.action == Action::Publish { Way::Publish } else { Way::Live },
        topic: text(intrusion.witness.topic),
        answers: Vec::new(),
    };
    println!("{row:?}");
    let real = real::brokers().iter().cloned().map(Program::Real);
    for program in real.chain(Release::known().iter().map(|release| Program::Moskit(*release))) {
        let found = done(std::slice::from_ref(&row), &material, &program);
        let is_early = program.release() < Release::new(2, 1, 0);
        assert_eq!(found, [if is_early { Answer::Yes } else { Answer::No }], "{program:?} {row:?}");
    }
}
