//! Clients that do not read, and others beside them.

use std::time::{Duration, Instant};

use super::{
    Broker, Client, Hello, count, is_large, packet, publish, retained, size, subscribe, wait_for, watched,
};

const OPEN: &str = "listener 1883\nallow_anonymous true\n";

/// A client that takes up to 65,535 messages of QoS 1 without an answer.
fn greedy() -> Hello {
    Hello { version: 5, properties: vec![0x21, 0xff, 0xff], ..Hello::default() }
}

/// Publishes so much, with answers read beside it, while another client pings: how long that took, and the longest ping.
fn flood(broker: &Broker, message: &[u8], times: usize) -> (Duration, Duration) {
    let mut flooder = broker.client("flooder");
    let mut reader = Client(flooder.0.try_clone().unwrap());
    watched(broker, || {
        std::thread::scope(|scope| {
            scope.spawn(move || while reader.packet().0 != 0xd0 {});
            let batch: Vec<u8> = message.repeat(64);
            for _ in 0..times.div_ceil(64) {
                flooder.send(&batch);
            }
            flooder.send(b"\xc0\x00");
        });
    })
}

#[test]
fn slow_readers_cost_what_is_configured() {
    // Kinds of messages, and what may wait of them for four readers, in KiB: a thousand packets for each, the large
    // ones shared, as far as they are the same. Of QoS 1 a window of 65,535 messages, as many again, and a thousand.
    let cases = [
        ("small, QoS 0", publish("t", &[b'x'; 100], 0, 0), 0, size(1_000_000, 100_000), 4_000),
        ("large, QoS 0", publish("t", &[b'x'; 100_000], 0, 0), 0, size(10_000, 2_000), 200_000),
        ("small, QoS 1", publish("t", &[b'x'; 1000], 1, 7), 1, size(500_000, 50_000), size(230_000, 120_000)),
    ];
    for (name, message, qos, times, most) in cases {
        let broker = Broker::start(OPEN);
        let before = broker.memory();
        let mut readers: Vec<_> =
            (0..4).map(|number| broker.slow_client(&format!("slow{number}"), &greedy())).collect();
        for reader in &mut readers {
            reader.send(&packet(0x82, &[0, 1, 0, 0, 1, b't', qos]));
        }
        let (took, longest) = flood(&broker, &message, times);
        let grown = broker.memory().saturating_sub(before);
        println!("slow readers, {name}: {times} in {took:?}, longest ping {longest:?}, {grown} KiB more");
        assert!(grown < most, "{name}: {grown} KiB");
        assert!(longest < Duration::from_secs(1), "{name}: {longest:?}");
    }
}

/// What a client asks for and does not read is bounded like messages are, as in every release.
#[test]
fn answers_that_nobody_reads_are_dropped() {
    let broker = Broker::start(&format!("{OPEN}max_queued_messages 100\n"));
    let before = broker.memory();
    let mut client = broker.slow_client("deaf", &Hello { version: 5, ..Hello::default() });
    let filters: Vec<u8> = b"\x00\x01a".repeat(20_000);
    let unsubscribe = packet(0xa2, &[&[0, 1, 0][..], &filters].concat());
    let times = size(5_000, 1_000);
    for _ in 0..times {
        client.send(&unsubscribe);
    }
    let mut other = broker.client("other");
    let pinged = other.ping();
    let grown = broker.memory().saturating_sub(before);
    let answers = count(&client.drain(), 11);
    println!("deaf: {answers} answers of {times}, {grown} KiB more, ping {pinged:?}");
    assert!(grown < 8_000 && answers > 100 && answers < times, "{grown} KiB, {answers} answers");
    wait_for("the log", || broker.log().contains("Outgoing messages are being dropped for client deaf."));
}

/// Who reads gets all, as far as the system takes it, however much comes at once.
#[test]
fn attentive_readers_lose_nothing() {
    let broker = Broker::start(OPEN);
    let (writers, each) = (20, 2_000);
    let mut reader = broker.client("reader");
    reader.subscribe("fan/#", 0);
    let took = std::thread::scope(|scope| {
        let began = Instant::now();
        let reading = scope.spawn(move || {
            for _ in 0..writers * each {
                reader.packet();
            }
        });
        for number in 0..writers {
            let mut writer = broker.client(&format!("writer{number}"));
            scope.spawn(move || {
                let message = publish(&format!("fan/{number}"), b"twenty bytes of text", 0, 0);
                writer.send(&message.repeat(each));
                writer.ping();
            });
        }
        reading.join().unwrap();
        began.elapsed()
    });
    println!("fan-in: {} messages in {took:?}", writers * each);
    let kept = 20_000;
    let mut writer = broker.client("writer");
    for number in 0..kept {
        writer.send(&retained(&format!("kept/{}/{number}", number % 100), b"twenty bytes of text"));
    }
    writer.ping();
    let mut reader = broker.client("late");
    let began = Instant::now();
    reader.send(&subscribe(["kept/#"], 0));
    let came = (0..=kept).filter(|_| reader.packet().0 == 0x31).count();
    println!("retained: {came} in {:?}", began.elapsed());
    assert_eq!(came, kept);
}

/// One message for many, as fast as it goes, leaves time for others.
#[test]
fn a_flood_for_many_leaves_time_for_others() {
    let broker = Broker::start(OPEN);
    let readers: Vec<_> = (0..size(1000, 300))
        .map(|number| {
            let mut reader = broker.slow_client(&format!("reader{number}"), &Hello::default());
            // Two filters, as makes brokers look for doubles.
            reader.send(&subscribe(["t/#", "t/+"], 0));
            reader
        })
        .collect();
    let before = broker.memory();
    let times = size(5_000, 2_000);
    let (took, longest) = flood(&broker, &publish("t/x", &[b'x'; 10], 0, 0), times);
    let grown = broker.memory().saturating_sub(before);
    let deliveries = times * readers.len();
    println!("fan-out: {deliveries} deliveries in {took:?}, longest ping {longest:?}, {grown} KiB more");
    assert!(longest < Duration::from_secs(1), "{longest:?}");
    assert!(grown < 200 * readers.len(), "{grown} KiB");
}

/// All that is retained, for somebody who does not read.
#[test]
fn retained_messages_wait_for_nobody() {
    let broker = Broker::start(OPEN);
    let kept = size(100_000, 20_000);
    let mut writer = broker.client("writer");
    for number in 0..kept {
        writer.send(&retained(&format!("kept/{number}"), &[b'x'; 1000]));
    }
    writer.ping();
    let before = broker.memory();
    let readers: Vec<_> = (0..20)
        .map(|number| {
            let mut reader = broker.slow_client(&format!("reader{number}"), &Hello::default());
            reader.send(&subscribe(["#"; 10], 0));
            reader
        })
        .collect();
    let mut longest = Duration::ZERO;
    for _ in 0..20 {
        longest = longest.max(writer.ping());
    }
    let grown = broker.memory().saturating_sub(before);
    println!("retained: longest ping {longest:?}, {grown} KiB more for {} readers", readers.len());
    assert!(grown < 3_000 * readers.len(), "{grown} KiB");
    assert!(longest < Duration::from_secs(2), "{longest:?}");
}

/// A client whose time is over goes, whether it reads its last bytes or not; so does one whose id another takes.
#[test]
fn who_does_not_read_goes_all_the_same() {
    let broker = Broker::start(OPEN);
    let before = broker.files();
    let mut silent = broker.slow_client("silent", &Hello { keep_alive: 1, ..Hello::default() });
    silent.send(&subscribe(["t"], 0));
    let mut taken: Vec<Client> = Vec::new();
    for _ in 0..10 {
        // Each is the same client again, with much to read.
        let mut client = broker.slow_client("taken", &Hello::default());
        client.send(&subscribe(["t"], 0));
        taken.push(client);
        flood(&broker, &publish("t", &[b'x'; 50_000], 0, 0), 100);
    }
    // The last one stays.
    wait_for("those who are gone", || broker.files() <= before + 1);
    assert!(!is_large() || broker.memory() < 100_000);
}
