//! Packets that ask for much: subscriptions, topics, sessions, identifiers, aliases.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use super::{Broker, Client, Hello, packet, publish, retained, size, subscribe, text, watched};

const OPEN: &str = "listener 1883\nallow_anonymous true\n";

/// Does something, and tells how long another client then waited for an answer, and how much memory it took in KiB.
fn measure(broker: &Broker, name: &str, act: impl FnOnce()) -> (Duration, usize) {
    let mut other = broker.client("other");
    let before = broker.memory();
    let began = Instant::now();
    act();
    let acted = began.elapsed();
    let pinged = other.ping();
    let grown = broker.memory().saturating_sub(before);
    println!("{name}: {acted:?}, then a ping {pinged:?}, {grown} KiB more");
    (acted + pinged, grown)
}

#[test]
fn many_subscriptions_of_one_client() {
    let broker = Broker::start_as("2.0.21", OPEN, None);
    let filters = size(100_000, 20_000);
    let names: Vec<String> = (0..filters).map(|number| format!("a/{}/{number}/+", number % 100)).collect();
    let mut client = broker.client("many");
    let subscription = subscribe(names.iter().map(String::as_str), 0);
    let mut unsubscription = vec![0, 1];
    names.iter().for_each(|name| unsubscription.extend(text(name)));
    let unsubscription = packet(0xa2, &unsubscription);
    let mut act = |bytes: &[u8], kind: u8| {
        client.send(bytes);
        assert_eq!(client.packet().0 >> 4, kind);
    };
    let (took, grown) = measure(&broker, "subscriptions", || act(&subscription, 9));
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(grown * 1024 / filters < 1_500, "{grown} KiB");
    let (took, _) = measure(&broker, "unsubscriptions", || act(&unsubscription, 11));
    assert!(took < Duration::from_secs(5), "{took:?}");
    // The same one, over and over, in one packet.
    let same = subscribe(std::iter::repeat_n("a", size(1_000_000, 100_000)), 0);
    let (took, grown) = measure(&broker, "the same subscription", || act(&same, 9));
    assert!(took < Duration::from_secs(5), "{took:?}");
    assert!(grown * 1024 < 40 * same.len(), "{grown} KiB");
}

/// Filters with wildcards in every place that fits, against topics as deep as they may be.
#[test]
fn wildcards_and_deep_topics_take_their_time_and_no_more() {
    let broker = Broker::start(&format!("{OPEN}max_queued_messages 0\n"));
    let depth = if size(1, 0) == 1 { 16 } else { 12 };
    let mut filters: Vec<String> = Vec::new();
    for pattern in 0..1_u32 << depth {
        let levels = (0..depth).map(|level| if pattern >> level & 1 == 0 { "a" } else { "+" });
        filters.push(levels.collect::<Vec<_>>().join("/"));
    }
    let mut client = broker.client_with("wild", &Hello { version: 5, ..Hello::default() });
    for part in filters.chunks(1000) {
        let mut body = vec![0, 1, 0];
        for filter in part {
            body.extend(text(filter));
            body.push(0);
        }
        client.send(&packet(0x82, &body));
        assert_eq!(client.packet().0, 0x90);
    }
    let topic = ["a"; 20][..depth].join("/");
    let mut writer = broker.client("writer");
    let mut reader = Client(client.0.try_clone().unwrap());
    let all = filters.len();
    let (took, _) = measure(&broker, &format!("{all} filters for one topic"), || {
        std::thread::scope(|scope| {
            scope.spawn(move || (0..10 * all).for_each(|_| drop(reader.packet())));
            writer.send(&publish(&topic, b"", 0, 0).repeat(10));
            writer.ping();
        });
    });
    assert!(took < Duration::from_secs(5), "{took:?}");
    // As deep and as long as topics may be, with filters of as many levels.
    let plus = vec!["+"; 200].join("/");
    let mixed = vec!["+/a"; 100].join("/") + "/#";
    client.send(&packet(0x82, &[&[0, 1, 0][..], &text(&plus), &[0], &text(&mixed[2..]), &[0]].concat()));
    assert_eq!(client.packet().0, 0x90);
    let deep = vec!["a"; 200].join("/");
    let long = "x".repeat(65_535);
    let (took, longest) = watched(&broker, || {
        for _ in 0..size(200, 100) {
            writer.send(&publish(&deep, b"", 0, 0));
            writer.send(&publish(&long, b"", 0, 0));
        }
        writer.ping();
    });
    println!("deep and long topics: {took:?}, longest ping {longest:?}");
    assert!(took < Duration::from_secs(20) && longest < Duration::from_secs(1), "{took:?} {longest:?}");
}

/// Retained messages of deep topics, asked for with every kind of wildcard.
#[test]
fn retained_messages_of_many_topics() {
    let broker = Broker::start(OPEN);
    let mut writer = broker.client("writer");
    let kept = size(100_000, 10_000);
    let (_, grown) = measure(&broker, "retained topics", || {
        for number in 0..kept {
            writer.send(&retained(&format!("a/{}/b/{}/c/{number}", number % 10, number % 1000), b"x"));
        }
        writer.ping();
    });
    assert!(grown * 1024 / kept < 2_000, "{grown} KiB");
    let mut client = broker.client("reader");
    let filters = ["+/+/+/+/+/none", "#", "+/#", "+/+/+/+/c/+", "a/+/b/+/c/1"];
    let (took, _) = measure(&broker, "filters over them", || {
        client.send(&subscribe(filters, 0));
        assert_eq!(client.packet().0, 0x90);
    });
    assert!(took < Duration::from_secs(10), "{took:?}");
    let (_, grown) = measure(&broker, "all cleared", || {
        for number in 0..kept {
            writer.send(&retained(&format!("a/{}/b/{}/c/{number}", number % 10, number % 1000), b""));
        }
        writer.ping();
    });
    assert!(grown < 4_000, "{grown} KiB");
}

/// Sessions whose clients are gone, each with all that may wait for it.
#[test]
fn stored_sessions_hold_what_is_configured() {
    let broker = Broker::start(OPEN);
    let kept = Hello { is_kept: true, ..Hello::default() };
    let sessions = size(2_000, 200);
    for number in 0..sessions {
        broker.client_with(&format!("kept{number}"), &kept).subscribe("t", 1);
    }
    let mut writer = broker.client("writer");
    let times = size(5_000, 1_500);
    let (took, grown) = measure(&broker, "stored sessions", || {
        for _ in 0..times / 100 {
            writer.send(&publish("t", &[b'x'; 100], 1, 1).repeat(100));
            writer.ping();
        }
    });
    // A thousand for each of them; the messages themselves are shared.
    assert!(grown * 1024 / sessions < 130_000, "{grown} KiB");
    assert!(took < Duration::from_secs(15), "{took:?}");
    // All of them come again and get what waited.
    let mut first = broker.client_with("kept0", &kept);
    let mut came = 0;
    while came < 1000 {
        let (first_byte, body) = first.packet();
        assert_eq!(first_byte & 0xf6, 0x32);
        first.send(&packet(0x40, &body[3..5]));
        came += 1;
    }
    let (took, _) = measure(&broker, "all of them again", || {
        for number in 1..sessions {
            let mut client = broker.client_with(&format!("kept{number}"), &Hello::default());
            client.ping();
        }
    });
    assert!(took < Duration::from_secs(15), "{took:?}");
}

#[test]
fn identifiers_that_are_never_given_back() {
    let broker = Broker::start(OPEN);
    // Of the messages only those in the window are kept; with MQTT 5 every other one, since in every release each
    // refusal makes room for the next.
    for (version, most) in [(4, 6_000), (5, 30_000)] {
        let mut client =
            broker.client_with(&format!("hoarder{version}"), &Hello { version, ..Hello::default() });
        let (took, grown) = measure(&broker, &format!("QoS 2 identifiers of version {version}"), || {
            let mut bytes = Vec::new();
            for id in 1..=u16::MAX {
                let mut body = text("t");
                body.extend(id.to_be_bytes());
                body.extend(if version == 5 { &b"\0"[..] } else { b"" });
                body.extend([b'x'; 200]);
                bytes.extend(packet(0x34, &body));
            }
            std::thread::scope(|scope| {
                let mut reader = Client(client.0.try_clone().unwrap());
                scope.spawn(move || (0..u16::MAX).for_each(|_| assert_eq!(reader.packet().0, 0x50)));
                client.send(&bytes);
            });
        });
        assert!(grown < most, "{grown} KiB");
        assert!(took < Duration::from_secs(10), "{took:?}");
    }
}

/// A window of 65,535 messages, of which none is acknowledged, and then all of them from the last to the first.
#[test]
fn a_window_of_all_identifiers() {
    let broker = Broker::start(&format!("{OPEN}max_queued_messages 0\n"));
    let hello = Hello { version: 5, properties: vec![0x21, 0xff, 0xff], ..Hello::default() };
    let mut client = broker.client_with("wide", &hello);
    client.send(&packet(0x82, b"\0\x01\0\0\x01t\x01"));
    assert_eq!(client.packet().0, 0x90);
    let mut writer = broker.client("writer");
    let times = 70_000;
    let mut ids = Vec::new();
    let (took, _) = measure(&broker, "a wide window", || {
        std::thread::scope(|scope| {
            scope.spawn(|| {
                for _ in 0..u16::MAX {
                    let (first, body) = client.packet();
                    assert_eq!(first, 0x32);
                    ids.push([body[3], body[4]]);
                }
            });
            let mut acks = Client(writer.0.try_clone().unwrap());
            scope.spawn(move || (0..times).for_each(|_| assert_eq!(acks.packet().0, 0x40)));
            writer.send(&publish("t", b"x", 1, 1).repeat(times));
        });
    });
    assert!(took < Duration::from_secs(10), "{took:?}");
    ids.truncate(size(65_535, 10_000));
    let acks: Vec<u8> = ids.iter().rev().flat_map(|id| packet(0x40, id)).collect();
    let (took, _) = measure(&broker, "acknowledged backwards", || {
        client.send(&acks);
        client.ping();
    });
    assert!(took < Duration::from_secs(10), "{took:?}");
}

#[test]
fn aliases_are_as_many_as_configured() {
    let broker = Broker::start(OPEN);
    let hello = Hello { version: 5, properties: vec![0x22, 0xff, 0xff], ..Hello::default() };
    let before = broker.memory();
    let mut client = broker.client_with("aliases", &hello);
    client.send(&packet(0x82, b"\0\x01\0\0\x03a/#\x00"));
    assert_eq!(client.packet().0, 0x90);
    let with_alias = |topic: &str, alias: u16| {
        let mut body = text(topic);
        body.extend([3, 0x23]);
        body.extend(alias.to_be_bytes());
        packet(0x30, &body)
    };
    // Each alias a hundred times over, with long topics; each topic one that the broker could give an alias to.
    let times = size(10_000, 1_000);
    for number in 0..times {
        let mut topic = String::from("a/");
        write!(topic, "{number}/{}", "x".repeat(60_000)).unwrap();
        client.send(&with_alias(&topic, (number % 10 + 1) as u16));
        assert_eq!(client.packet().0, 0x30);
    }
    let grown = broker.memory().saturating_sub(before);
    println!("aliases: {grown} KiB more");
    assert!(grown < 6_000, "{grown} KiB");
    client.send(&with_alias("a/b", 11));
    let (first, body) = client.packet();
    assert_eq!((first, body[0]), (0xe0, 0x94));
    assert!(client.is_ended());
}
