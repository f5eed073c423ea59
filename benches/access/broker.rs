//! A running broker, what it computes, and a client that publishes.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub(crate) struct Broker {
    child: Child,
    port: u16,
}

/// A port that is free now.
pub(crate) fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// The newest broker of `MOSKIT_BROKERS`, and its release.
pub(crate) fn newest_peer() -> Option<(PathBuf, String)> {
    let folder = std::env::var_os("MOSKIT_BROKERS")?;
    let found = std::fs::read_dir(folder).ok()?.filter_map(|entry| {
        let path = entry.ok()?.path();
        let release = path.file_name()?.to_str()?.strip_prefix("mosquitto-")?.to_owned();
        let numbers: Option<Vec<u32>> = release.split('.').map(|part| part.parse().ok()).collect();
        Some((numbers?, path, release))
    });
    found.max().map(|(_, path, release)| (path, release))
}

impl Broker {
    /// Starts a broker on `mosquitto.conf` of a folder, and returns when it listens.
    pub(crate) fn start(mut command: Command, folder: &Path, port: u16) -> Self {
        command.args(["-c", "mosquitto.conf"]).current_dir(folder);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let began = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(began.elapsed() < Duration::from_secs(120), "the broker does not start");
            std::thread::sleep(Duration::from_millis(1));
        }
        Self { child, port }
    }

    fn proc(&self, name: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{name}", self.child.id())).expect("the broker runs")
    }

    /// Milliseconds that it has been computing, kernel included.
    pub(crate) fn computed(&self) -> f64 {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let nanoseconds = tasks.filter_map(|task| {
            let stat = std::fs::read_to_string(task.unwrap().path().join("schedstat")).ok()?;
            stat.split(' ').next()?.parse::<f64>().ok()
        });
        nanoseconds.sum::<f64>() / 1e6
    }

    /// The most memory that was resident, in MiB.
    pub(crate) fn memory(&self) -> f64 {
        let status = self.proc("status");
        let line = status.lines().find(|line| line.starts_with("VmHWM")).unwrap();
        line.split_ascii_whitespace().nth(1).unwrap().parse::<f64>().unwrap() / 1024.0
    }

    /// Microseconds that it computes for each of so many messages of QoS 1, one after the other.
    pub(crate) fn cost_of_messages(&self, topic: &str, count: usize) -> f64 {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.write_all(b"\x10\x11\x00\x04MQTT\x04\x02\x00\x00\x00\x05bench").unwrap();
        stream.read_exact(&mut [0; 4]).unwrap();
        let length = topic.len();
        let mut packet = vec![0x32, (length + 4) as u8, 0, length as u8];
        packet.extend_from_slice(topic.as_bytes());
        packet.extend_from_slice(&[0, 1]);
        let before = self.computed();
        for _ in 0..count {
            stream.write_all(&packet).unwrap();
            stream.read_exact(&mut [0; 4]).unwrap();
        }
        (self.computed() - before) * 1000.0 / count as f64
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
