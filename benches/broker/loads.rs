//! The loads.

use std::net::TcpStream;
use std::time::{Duration, Instant};

use moskit::broker::wire::{Packet, QoS};

use super::driver::{Client, bytes_of, message, publish};
use super::measure::Measure;
use super::servers::Server;

/// A load, of a part of its size: the whole is 1000.
type Load = fn(&Server, usize) -> Measure;

pub(crate) const IDLE: &str = "1000 idle clients";

pub(crate) const LOADS: &[(&str, Load)] = &[
    ("pair, QoS 0, 64 B", |server, part| pair(server, QoS::AtMostOnce, 64, 400 * part)),
    ("pair, QoS 0, 4 KiB", |server, part| pair(server, QoS::AtMostOnce, 4096, 100 * part)),
    ("pair, QoS 0, 1 MiB", |server, part| pair(server, QoS::AtMostOnce, 1 << 20, part)),
    ("pair, QoS 1, 64 B", |server, part| pair(server, QoS::AtLeastOnce, 64, 100 * part)),
    ("pair, QoS 2, 64 B", |server, part| pair(server, QoS::ExactlyOnce, 64, 50 * part)),
    ("20 pairs, QoS 1, 64 B", |server, part| pairs(server, 20, 10 * part)),
    ("fan-in 20 to 1", |server, part| fan_in(server, 20, 15 * part)),
    ("fan-out 1 to 50", |server, part| fan_out(server, 50, 10 * part)),
    ("10,000 retained", |server, part| retained(server, 10 * part, 50)),
    ("connect, plain", |server, part| connect(server, 5 * part)),
    ("connect, TLS", |server, part| connect_tls(server, part)),
    (IDLE, idle),
];

/// Measures what happens in `act`; what it returns lives until all is measured.
fn timed<T>(server: &Server, count: usize, act: impl FnOnce() -> T) -> Measure {
    let (memory, before, began) = (server.memory(), server.computed(), Instant::now());
    let _kept = act();
    let time = began.elapsed();
    let (computed, resident) = (server.computed().saturating_sub(before), server.memory());
    Measure { count, time, computed, resident, grown: resident.saturating_sub(memory) }
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
    timed(server, count, || {
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
    timed(server, pairs * each, || {
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
    timed(server, writers * each, || {
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
    timed(server, readers * count, || {
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
    timed(server, kept * times, || {
        for reader in &mut readers {
            reader.subscribe("kept/#", QoS::AtMostOnce);
            reader.receive(kept);
        }
    })
}

fn connect(server: &Server, count: usize) -> Measure {
    timed(server, count, || {
        for number in 0..count {
            let client = enter(server, &format!("c{number}"));
            // Ports would run out otherwise.
            rustix::net::sockopt::set_socket_linger(&client.stream, Some(Duration::ZERO)).unwrap();
        }
    })
}

fn connect_tls(server: &Server, count: usize) -> Measure {
    let config = server.tls();
    timed(server, count, || {
        for number in 0..count {
            Client::enter(server.dial_tls(&config), &format!("c{number}"));
        }
    })
}

/// Clients with one subscription each that come, and then do nothing.
fn idle(server: &Server, count: usize) -> Measure {
    subscriber(server, "first", "first", QoS::AtLeastOnce);
    timed(server, count, || {
        let one = |number| {
            subscriber(server, &format!("idle{number}"), &format!("to/idle{number}/#"), QoS::AtLeastOnce)
        };
        (0..count).map(one).collect::<Vec<_>>()
    })
}
