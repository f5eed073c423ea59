//! The loads.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use moskit::broker::wire::{Packet, QoS};

use super::driver::{Client, Measure, bytes_of, message, publish};
use super::servers::Server;

/// How often each load is run on each broker.
pub(crate) const ROUNDS: usize = 3;

type Load = fn(&Server) -> Measure;

pub(crate) const LOADS: &[(&str, Load)] = &[
    ("pair, QoS 0, 64 bytes", |server| pair(server, QoS::AtMostOnce, 64, 400_000)),
    ("pair, QoS 0, 4 KiB", |server| pair(server, QoS::AtMostOnce, 4096, 100_000)),
    ("pair, QoS 0, 1 MiB", |server| pair(server, QoS::AtMostOnce, 1 << 20, 1_000)),
    ("pair, QoS 1, 64 bytes", |server| pair(server, QoS::AtLeastOnce, 64, 100_000)),
    ("pair, QoS 2, 64 bytes", |server| pair(server, QoS::ExactlyOnce, 64, 50_000)),
    ("20 pairs, QoS 1, 64 bytes", |server| pairs(server, 20, 10_000)),
    ("fan-in 20 to 1, QoS 0", |server| fan_in(server, 20, 15_000)),
    ("fan-out 1 to 50, QoS 0", |server| fan_out(server, 50, 10_000)),
    ("retained, 50 times 10,000", |server| retained(server, 10_000, 50)),
    ("connect, plain", |server| connect(server, 5_000)),
    ("connect, TLS", |server| connect_tls(server, 500)),
    ("idle clients, memory", |server| idle(server, 1_000)),
];

/// Measures what happens in `act`.
fn timed(server: &Server, unit: &'static str, count: usize, act: impl FnOnce()) -> Measure {
    let (before, began) = (server.computed(), Instant::now());
    act();
    let time = began.elapsed();
    Measure { unit, count, time: Some(time), computed: server.computed() - before, memory: None }
}

fn enter(server: &Server, id: &str) -> Client<TcpStream> {
    Client::enter(server.dial(), id)
}

fn subscriber(server: &Server, id: &str, filter: &str, qos: QoS) -> Client<TcpStream> {
    let mut client = enter(server, id);
    client.subscribe(filter, qos);
    client.ping();
    client
}

/// One publisher, one subscriber.
fn pair(server: &Server, qos: QoS, size: usize, count: usize) -> Measure {
    let mut reader = subscriber(server, "reader", "pair", qos);
    let mut writer = enter(server, "writer");
    timed(server, "messages/s", count, || {
        std::thread::scope(|scope| {
            scope.spawn(|| reader.receive(count));
            publish(&mut writer, "pair", size, qos, count);
        });
    })
}

/// Pairs side by side.
fn pairs(server: &Server, pairs: usize, each: usize) -> Measure {
    let qos = QoS::AtLeastOnce;
    let mut all: Vec<_> = (0..pairs)
        .map(|number| {
            let topic = format!("pair/{number}");
            let reader = subscriber(server, &format!("reader{number}"), &topic, qos);
            (reader, enter(server, &format!("writer{number}")), topic)
        })
        .collect();
    timed(server, "messages/s", pairs * each, || {
        std::thread::scope(|scope| {
            for (reader, writer, topic) in &mut all {
                scope.spawn(move || reader.receive(each));
                scope.spawn(move || publish(writer, topic, 64, qos, each));
            }
        });
    })
}

fn fan_in(server: &Server, writers: usize, each: usize) -> Measure {
    let mut reader = subscriber(server, "reader", "in/#", QoS::AtMostOnce);
    let mut all: Vec<_> = (0..writers).map(|number| enter(server, &format!("writer{number}"))).collect();
    timed(server, "messages/s", writers * each, || {
        std::thread::scope(|scope| {
            scope.spawn(|| reader.receive(writers * each));
            for (number, writer) in all.iter_mut().enumerate() {
                scope.spawn(move || publish(writer, &format!("in/{number}"), 64, QoS::AtMostOnce, each));
            }
        });
    })
}

fn fan_out(server: &Server, readers: usize, count: usize) -> Measure {
    let mut all: Vec<_> = (0..readers)
        .map(|number| subscriber(server, &format!("reader{number}"), "out/#", QoS::AtMostOnce))
        .collect();
    let mut writer = enter(server, "writer");
    timed(server, "deliveries/s", readers * count, || {
        std::thread::scope(|scope| {
            for reader in &mut all {
                scope.spawn(move || reader.receive(count));
            }
            publish(&mut writer, "out/x", 64, QoS::AtMostOnce, count);
        });
    })
}

/// Everything that is retained, to one after the other.
fn retained(server: &Server, kept: usize, times: usize) -> Measure {
    let mut writer = enter(server, "writer");
    let mut bytes = Vec::new();
    for number in 0..kept {
        let mut one = message(&format!("kept/{}/{number}", number % 100), 64, QoS::AtMostOnce, 0);
        one.retain = true;
        bytes.extend(bytes_of(&Packet::Publish(one)));
    }
    std::io::Write::write_all(&mut writer.stream, &bytes).unwrap();
    writer.ping();
    let mut readers: Vec<_> = (0..times).map(|number| enter(server, &format!("reader{number}"))).collect();
    timed(server, "deliveries/s", kept * times, || {
        for reader in &mut readers {
            reader.subscribe("kept/#", QoS::AtMostOnce);
            reader.receive(kept);
        }
    })
}

fn connect(server: &Server, count: usize) -> Measure {
    timed(server, "connections/s", count, || {
        for number in 0..count {
            let client = enter(server, &format!("c{number}"));
            // Ports would run out otherwise.
            rustix::net::sockopt::set_socket_linger(&client.stream, Some(Duration::ZERO)).unwrap();
        }
    })
}

fn connect_tls(server: &Server, count: usize) -> Measure {
    let config = server.tls();
    timed(server, "connections/s", count, || {
        for number in 0..count {
            Client::enter(server.dial_tls(&config), &format!("c{number}"));
        }
    })
}

/// Clients with one subscription each that do nothing.
fn idle(server: &Server, count: usize) -> Measure {
    subscriber(server, "first", "first", QoS::AtLeastOnce);
    let before = server.memory();
    let mut measure = Measure { unit: "bytes", count, time: None, computed: Duration::ZERO, memory: None };
    let computed = server.computed();
    let clients: Vec<_> = (0..count)
        .map(|number| {
            subscriber(server, &format!("idle{number}"), &format!("to/idle{number}/#"), QoS::AtLeastOnce)
        })
        .collect();
    measure.memory = Some(server.memory().saturating_sub(before));
    measure.computed = server.computed() - computed;
    drop(clients);
    measure
}
