//! The test client against real brokers: each transport, each version of MQTT, each quality of service, and each way of
//! not being let in.

use std::path::{Path, PathBuf};
use std::time::Duration;

use bytes::Bytes;
use moskit::broker::wire::{
    Connect, Properties, Property, Publish, QoS, Reason, RetainHandling, Subscription, Text, Version, Will,
};
use moskit::credentials::{Authority, CertificateFacts, OperatingSystem, read_certificates};
use moskit::text::disk::Disk;
use moskit::verify::Engine;
use moskit::verify::Keys;
use moskit::verify::client::{
    Client, End, Identity, Inbox, LinkFailure, Refusal, Subprotocol, TlsFailure, TlsSide, TlsVersions,
    name_of, open,
};
use moskit::verify::engine::{Ground, Instance, Setting};

use super::fixtures::{self, now};
use super::real::{Broker, brokers, say_missing};

const CONF: &str = "\
per_listener_settings false
allow_anonymous true
acl_file acl
listener 1883
listener 8883
certfile server.crt
keyfile server.key
listener 9001
protocol websockets
listener 9883
protocol websockets
certfile server.crt
keyfile server.key
listener 0 socket
listener 8884
certfile server.crt
keyfile server.key
cafile clients.crt
crlfile clients.crl
require_certificate true
use_identity_as_username true
listener 1884
max_connections 1
max_qos 1
";

const ACL: &str = "topic readwrite free/#\ntopic write only/#\nuser al\ntopic readwrite free/#\n";

/// The listeners of [`CONF`].
const TCP: usize = 0;
const TLS: usize = 1;
const UNIX: usize = 4;
const MUTUAL: usize = 5;
const TIGHT: usize = 6;

/// A folder with a configuration and its keys.
struct Scene {
    folder: tempfile::TempDir,
    ca: Authority,
    clients: Authority,
    server: CertificateFacts,
}

impl Scene {
    fn new(conf: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let keys = &OperatingSystem;
        let ca = Authority::make("Scene CA", now(), 86_400, keys).unwrap();
        let clients = Authority::make("Clients CA", now(), 86_400, keys).unwrap();
        let server = ca.issue_server(&["broker.example".into()], "broker", now(), 3600, keys).unwrap();
        let write = |name: &str, text: &[u8]| std::fs::write(folder.path().join(name), text).unwrap();
        write("mosquitto.conf", conf.as_bytes());
        write("acl", ACL.as_bytes());
        write("server.crt", server.chain.as_bytes());
        write("server.key", server.key.expose());
        write("clients.crt", clients.certificate().as_bytes());
        let scene = Self {
            server: read_certificates(server.chain.as_bytes()).unwrap().remove(0),
            folder,
            ca,
            clients,
        };
        scene.revoke("gone");
        scene
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Issues a certificate to `name`, and a revocation list with it.
    fn revoke(&self, name: &str) {
        let issued = self.clients.issue_client(name, now(), 3600, &OperatingSystem).unwrap();
        std::fs::write(self.path("gone.crt"), &issued.chain).unwrap();
        std::fs::write(self.path("gone.key"), issued.key.expose()).unwrap();
        let list = fixtures::revocation_list(&self.clients, &issued, now());
        std::fs::write(self.path("clients.crl"), list).unwrap();
    }

    fn ground(&self, broker: &Broker) -> Ground {
        let files = Disk::new(self.folder.path());
        let engine = Engine::Mosquitto(broker.program.clone());
        let scratch = self.path("scratch");
        let keys: Keys = std::sync::Arc::new(OperatingSystem);
        let setting = Setting {
            engine: &engine,
            configuration: Path::new("mosquitto.conf"),
            files: &files,
            scratch: &scratch,
            is_root: rustix::process::geteuid().is_root(),
            now: now(),
            without: &[],
            keys: &keys,
        };
        Ground::prepare(setting, broker.release).unwrap()
    }

    fn side(&self, identity: Option<&Identity>) -> TlsSide {
        TlsSide::new(
            self.ca.certificate().as_bytes(),
            identity,
            name_of(Some(&self.server)),
            TlsVersions::Both,
        )
        .unwrap()
    }

    fn identity(&self, name: &str) -> Identity {
        let issued = self.clients.issue_client(name, now(), 3600, &OperatingSystem).unwrap();
        Identity { chain: issued.chain.into_bytes(), key: issued.key }
    }
}

/// Runs something against a broker, within a time.
fn with(scene: &Scene, broker: &Broker, run: impl AsyncFnOnce(&Ground, Instance)) {
    let ground = scene.ground(broker);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let local = tokio::task::LocalSet::new();
    let all = async {
        let instance = ground.start().await.unwrap();
        run(&ground, instance).await;
    };
    let done = local.block_on(&runtime, async { tokio::time::timeout(Duration::from_secs(60), all).await });
    done.unwrap_or_else(|_| panic!("{} took too long", broker.release));
}

fn text(text: &str) -> Text {
    Text::new(Bytes::copy_from_slice(text.as_bytes())).unwrap()
}

fn hello(version: Version, id: &str) -> Connect {
    Connect {
        version,
        is_bridge: false,
        clean_start: true,
        keep_alive: 60,
        properties: Properties::NONE,
        client_id: text(id),
        will: None,
        user_name: None,
        password: None,
    }
}

fn message(topic: &str, payload: &str, qos: QoS) -> Publish {
    Publish {
        dup: false,
        qos,
        retain: false,
        topic: text(topic),
        packet_id: 0,
        properties: Properties::NONE,
        payload: Bytes::copy_from_slice(payload.as_bytes()),
    }
}

fn subscription(filter: &str, qos: QoS) -> Subscription {
    Subscription {
        filter: text(filter),
        qos,
        no_local: false,
        retain_as_published: false,
        retain_handling: RetainHandling::Send,
    }
}

async fn enter(instance: &Instance, listener: usize, tls: Option<&TlsSide>, connect: Connect) -> Client {
    enter_with(instance, listener, tls, connect, &Inbox::default()).await
}

async fn enter_with(
    instance: &Instance,
    listener: usize,
    tls: Option<&TlsSide>,
    connect: Connect,
    inbox: &Inbox,
) -> Client {
    let client = knock_with(instance, listener, tls, &connect, inbox).await.unwrap();
    client.connect(connect).await.unwrap();
    client
}

async fn knock(
    instance: &Instance,
    listener: usize,
    tls: Option<&TlsSide>,
    connect: &Connect,
) -> Result<Client, LinkFailure> {
    knock_with(instance, listener, tls, connect, &Inbox::default()).await
}

async fn knock_with(
    instance: &Instance,
    listener: usize,
    tls: Option<&TlsSide>,
    connect: &Connect,
    inbox: &Inbox,
) -> Result<Client, LinkFailure> {
    let subprotocol = match connect.version {
        Version::V31 => Subprotocol::Mqttv31,
        Version::V311 | Version::V5 => Subprotocol::Mqtt,
    };
    let link = open(instance.endpoint(listener).unwrap(), tls, subprotocol).await?;
    Ok(Client::new(link, connect.version, inbox.clone()))
}

const VERSIONS: [Version; 3] = [Version::V31, Version::V311, Version::V5];
const QOS: [QoS; 3] = [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce];

/// Whatever was published before a reader's round trip has come before its end, over every transport. All that says
/// "nothing came" rests on this.
#[test]
fn a_round_trip_brings_all_that_was_published() {
    say_missing("round trips");
    let scene = Scene::new(CONF);
    let side = scene.side(None);
    let mutual = scene.side(Some(&scene.identity("al")));
    for broker in brokers() {
        with(&scene, broker, async |_, instance| {
            for listener in TCP..=MUTUAL {
                let side = match listener {
                    TLS | 3 => Some(&side),
                    MUTUAL => Some(&mutual),
                    _ => None,
                };
                for version in VERSIONS {
                    let writer = enter(&instance, TCP, None, hello(version, "writer")).await;
                    let inbox = Inbox::default();
                    let reader =
                        enter_with(&instance, listener, side, hello(version, "reader"), &inbox).await;
                    for qos in QOS {
                        let reasons = reader
                            .subscribe(vec![subscription("free/#", qos)], Properties::NONE)
                            .await
                            .unwrap();
                        assert_eq!(reasons, [Reason(qos.number())]);
                        let what = format!("{} {listener}", broker.release);
                        round_trips(&writer, &reader, &inbox, qos, &what).await;
                    }
                    let end = reader.disconnect(Reason::SUCCESS).await;
                    assert_eq!(end, End::Closed, "{} {listener}", broker.release);
                }
            }
        });
    }
}

async fn round_trips(writer: &Client, reader: &Client, inbox: &Inbox, qos: QoS, what: &str) {
    for round in 0..20 {
        let payload = format!("{round}");
        let answer = writer.publish(message("free/a", &payload, qos)).await.unwrap();
        assert_eq!(answer.is_some(), qos != QoS::AtMostOnce);
        reader.ping().await.unwrap();
        let came = inbox.look(|all| all.last().map(|last| (last.payload.clone(), last.qos)));
        assert_eq!(came, Some((Bytes::from(payload), qos)), "{what} {round}");
    }
    inbox.look(Vec::clear);
    // More at once than a broker sends without an answer.
    for round in 0..60 {
        writer.publish(message("free/b", &format!("{round}"), qos)).await.unwrap();
    }
    reader.settle().await.unwrap();
    let came = inbox.look(|all| {
        all.iter().map(|message| String::from_utf8_lossy(&message.payload).into_owned()).collect::<Vec<_>>()
    });
    let sent: Vec<_> = (0..60).map(|round| round.to_string()).collect();
    assert_eq!(came, sent, "{what} {qos:?}");
}

#[test]
fn answers_that_are_no() {
    say_missing("refusals");
    let scene = Scene::new(CONF);
    let side = scene.side(None);
    for broker in brokers() {
        with(&scene, broker, async |_, instance| {
            let release = broker.release;
            let five = enter(&instance, TCP, None, hello(Version::V5, "five")).await;
            let three = enter(&instance, UNIX, None, hello(Version::V311, "three")).await;
            for (qos, of_five) in QOS.into_iter().zip([None, Some(Reason(135)), Some(Reason(135))]) {
                assert_eq!(five.publish(message("no", "x", qos)).await, Ok(of_five), "{release}");
                let of_three = of_five.map(|_| Reason::SUCCESS);
                assert_eq!(three.publish(message("no", "x", qos)).await, Ok(of_three), "{release}");
            }
            let answer = five.publish(message("free/x", "", QoS::AtLeastOnce)).await;
            assert_eq!(answer, Ok(Some(Reason::NO_MATCHING_SUBSCRIBERS)), "{release}");
            let reasons = five.unsubscribe(vec![text("free/none")]).await;
            assert_eq!(reasons, Ok(vec![Reason::NO_SUBSCRIPTION_EXISTED]), "{release}");
            // More than the listener takes at once.
            let tight = enter(&instance, TIGHT, None, hello(Version::V5, "tight")).await;
            let second = knock(&instance, TIGHT, None, &hello(Version::V5, "t2")).await.unwrap();
            let refused = second.connect(hello(Version::V5, "t2")).await;
            assert_eq!(refused, Err(Refusal::Ended(End::Closed)), "{release}");
            let ended = tight.publish(message("free/x", "x", QoS::ExactlyOnce)).await;
            assert_eq!(ended, Err(End::Disconnected(Reason::QOS_NOT_SUPPORTED)), "{release}");
            // What is spoken is not what is understood.
            let wrong = knock(&instance, TCP, Some(&side), &hello(Version::V5, "t")).await.err().unwrap();
            assert!(matches!(wrong, LinkFailure::Tls(TlsFailure::Closed | TlsFailure::NotTls)), "{wrong:?}");
            let plain = knock(&instance, TLS, None, &hello(Version::V5, "t")).await.unwrap();
            let refused = plain.connect(hello(Version::V5, "t")).await;
            assert!(matches!(refused, Err(Refusal::Ended(_))), "{refused:?}");
            let identity = Connect { client_id: text(""), clean_start: false, ..hello(Version::V311, "") };
            let client = knock(&instance, TCP, None, &identity).await.unwrap();
            assert_eq!(client.connect(identity).await, Err(Refusal::Code(Reason(2))), "{release}");
        });
    }
}

#[test]
fn certificates_of_clients() {
    say_missing("client certificates");
    let scene = Scene::new(CONF);
    let gone = Identity {
        chain: std::fs::read(scene.path("gone.crt")).unwrap(),
        key: moskit::credentials::Secret::new(std::fs::read(scene.path("gone.key")).unwrap()),
    };
    let keys = &OperatingSystem;
    let strangers = Authority::make("Strangers", now(), 3600, keys).unwrap();
    let stranger = strangers.issue_client("al", now(), 3600, keys).unwrap();
    let stranger = Identity { chain: stranger.chain.into_bytes(), key: stranger.key };
    let begin = scene.clients.facts().not_before;
    let over = scene.clients.issue_client("al", begin, 1, keys).unwrap();
    let over = Identity { chain: over.chain.into_bytes(), key: over.key };
    let good = scene.identity("al");
    let cases: [(Option<&Identity>, &[u8]); 5] = [
        (Some(&good), &[]),
        // OpenSSL of some builds says the one with TLS 1.2 and the other with 1.3.
        (None, &[116, 40]),
        (Some(&stranger), &[48]),
        (Some(&over), &[45]),
        (Some(&gone), &[44]),
    ];
    for broker in brokers() {
        with(&scene, broker, async |_, instance| {
            for (identity, alerts) in &cases {
                for versions in [TlsVersions::V12, TlsVersions::V13] {
                    for _ in 0..40 {
                        let ca = scene.ca.certificate().as_bytes();
                        let side =
                            TlsSide::new(ca, *identity, name_of(Some(&scene.server)), versions).unwrap();
                        let connect = hello(Version::V5, "c");
                        let failure = match knock(&instance, MUTUAL, Some(&side), &connect).await {
                            Err(LinkFailure::Tls(failure)) => Some(failure),
                            Err(other) => panic!("{other:?}"),
                            Ok(client) => match client.connect(connect).await {
                                Ok(_) => None,
                                Err(Refusal::Ended(End::Tls(failure))) => Some(failure),
                                Err(other) => panic!("{} {alerts:?} {versions:?} {other:?}", broker.release),
                            },
                        };
                        let is_right = match failure {
                            None => alerts.is_empty(),
                            Some(TlsFailure::Alert(number)) => alerts.contains(&number),
                            Some(_) => false,
                        };
                        assert!(is_right, "{} {alerts:?} {versions:?} {failure:?}", broker.release);
                    }
                }
            }
        });
    }
}

#[test]
fn certificates_of_brokers() {
    say_missing("broker certificates");
    let scene = Scene::new(CONF);
    let keys = &OperatingSystem;
    let other = Authority::make("Scene CA", now(), 3600, keys).unwrap();
    let stranger = other.issue_server(&["else.example".into()], "else", now(), 3600, keys).unwrap();
    let stranger = read_certificates(stranger.chain.as_bytes()).unwrap().remove(0);
    for broker in brokers() {
        with(&scene, broker, async |_, instance| {
            let refuse = async |ca: &Authority, server| {
                let ca = ca.certificate().as_bytes();
                let side = TlsSide::new(ca, None, name_of(server), TlsVersions::Both).unwrap();
                knock(&instance, TLS, Some(&side), &hello(Version::V5, "c")).await.err().unwrap()
            };
            let found = refuse(&other, Some(&scene.server)).await;
            let expected =
                LinkFailure::Tls(TlsFailure::UntrustedServer("it comes from another authority".into()));
            assert!(found == expected || matches!(found, LinkFailure::Tls(TlsFailure::UntrustedServer(_))));
            let found = refuse(&scene.ca, Some(&stranger)).await;
            assert!(matches!(found, LinkFailure::Tls(TlsFailure::WrongServerName(_))), "{found:?}");
        });
    }
}

#[test]
fn a_will_is_sent_when_the_client_vanishes() {
    say_missing("wills");
    let scene = Scene::new(CONF);
    let side = scene.side(None);
    for broker in brokers() {
        with(&scene, broker, async |_, instance| {
            let inbox = Inbox::default();
            let reader = enter_with(&instance, TCP, None, hello(Version::V5, "reader"), &inbox).await;
            reader.subscribe(vec![subscription("free/#", QoS::AtMostOnce)], Properties::NONE).await.unwrap();
            for listener in TCP..MUTUAL {
                let side = (listener == TLS || listener == 3).then_some(&side);
                for says_goodbye in [false, true] {
                    let mut connect = hello(Version::V311, "mortal");
                    let payload = Bytes::from(format!("{listener}{says_goodbye}"));
                    connect.will = Some(Will {
                        topic: text("free/will"),
                        payload: payload.clone(),
                        qos: QoS::AtMostOnce,
                        retain: false,
                        properties: Properties::NONE,
                    });
                    let mortal = enter(&instance, listener, side, connect).await;
                    match says_goodbye {
                        true => assert_eq!(mortal.disconnect(Reason::SUCCESS).await, End::Closed),
                        false => mortal.vanish().await,
                    };
                    reader.ping().await.unwrap();
                    let has_come = inbox.look(|all| all.iter().any(|will| will.payload == payload));
                    assert_eq!(has_come, !says_goodbye, "{} {listener}", broker.release);
                }
            }
        });
    }
}

/// What MQTT 5 adds comes through, aliases are resolved, the broker's own DISCONNECT is heard.
#[test]
fn what_mqtt_5_adds() {
    say_missing("MQTT 5");
    let scene = Scene::new(CONF);
    for broker in brokers() {
        with(&scene, broker, async |_, instance| {
            let mut connect = hello(Version::V5, "");
            connect.properties.push(Property::TopicAliasMaximum(5));
            let inbox = Inbox::default();
            let client = knock_with(&instance, TCP, None, &connect, &inbox).await.unwrap();
            let answer = client.connect(connect).await.unwrap();
            let id = answer.properties.find(|property| match property {
                Property::AssignedClientIdentifier(id) => Some(id.clone()),
                _ => None,
            });
            assert!(id.is_some());
            let mut identified = Properties::NONE;
            identified.push(Property::SubscriptionIdentifier(7));
            client.subscribe(vec![subscription("free/#", QoS::ExactlyOnce)], identified).await.unwrap();
            let mut sent = message("free/a", "x", QoS::ExactlyOnce);
            sent.properties.push(Property::UserProperty(text("k"), text("v")));
            for _ in 0..3 {
                client.publish(sent.clone()).await.unwrap();
            }
            client.settle().await.unwrap();
            let good = inbox.look(|all| {
                let has =
                    |message: &Publish, wanted: &Property| message.properties.iter().any(|own| own == wanted);
                let is_good = |message: &&Publish| {
                    message.topic.as_str() == "free/a"
                        && has(message, &Property::SubscriptionIdentifier(7))
                        && has(message, &Property::UserProperty(text("k"), text("v")))
                };
                (all.len(), all.iter().filter(is_good).count())
            });
            assert_eq!(good, (3, 3), "{}", broker.release);
            let mut same = hello(Version::V5, "");
            same.client_id = id.unwrap();
            let _second = enter(&instance, TCP, None, same).await;
            let end = client.ended().await;
            // 2.0.11 sends its successor in without a word.
            let is_right = matches!(end, End::Disconnected(Reason::SESSION_TAKEN_OVER) | End::Closed);
            assert!(is_right, "{} {end:?}", broker.release);
        });
    }
}
