//! The brokers that are compared, as processes.

use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use moskit::credentials::{Authority, OperatingSystem};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};

/// A running broker with a plain listener and one with TLS.
pub(crate) struct Server {
    child: Child,
    plain: u16,
    tls: u16,
    /// How long it took until both listeners answered.
    pub(crate) ready_after: Duration,
    authority: PathBuf,
}

/// A port that is free now.
fn free_port() -> u16 {
    std::net::TcpListener::bind(("127.0.0.1", 0)).unwrap().local_addr().unwrap().port()
}

/// Keys and certificates.
pub(crate) fn write_keys(folder: &Path) {
    let keys = &OperatingSystem;
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs() as i64;
    let authority = Authority::make("CA", now, 86_400, keys).unwrap();
    let server = authority.issue_server(&["localhost".into()], "broker", now, 3600, keys).unwrap();
    std::fs::write(folder.join("ca.crt"), authority.certificate()).unwrap();
    std::fs::write(folder.join("server.crt"), server.chain.as_bytes()).unwrap();
    std::fs::write(folder.join("server.key"), server.key.expose()).unwrap();
}

/// The mosquitto of this machine and the newest one of `MOSKIT_BROKERS`, each with its release.
pub(crate) fn mosquittos() -> Vec<(PathBuf, String)> {
    let installed = ["/usr/sbin/mosquitto", "/usr/local/sbin/mosquitto"].map(PathBuf::from);
    let mut found: Vec<_> = installed.into_iter().find_map(with_release).into_iter().collect();
    if let Some(folder) = std::env::var_os("MOSKIT_BROKERS") {
        let entries = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
        let is_broker =
            |path: &PathBuf| path.file_name().unwrap().to_string_lossy().starts_with("mosquitto-");
        let newest = entries.filter(is_broker).filter_map(with_release).max_by_key(|(_, release)| {
            release.split('.').map(|part| part.parse::<u32>().unwrap_or(0)).collect::<Vec<_>>()
        });
        found.extend(newest.filter(|(_, release)| found.iter().all(|(_, known)| known != release)));
    }
    found
}

fn with_release(program: PathBuf) -> Option<(PathBuf, String)> {
    let output = Command::new(&program).arg("-h").output().ok()?;
    let text =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    let line = text.lines().find_map(|line| line.strip_prefix("mosquitto version "))?;
    let release = line.split_whitespace().next()?.to_owned();
    Some((program, release))
}

impl Server {
    /// The built-in broker, as the release beside which it stands.
    pub(crate) fn moskit(folder: &Path, release: Option<&str>) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_moskit"));
        command.args(["broker", "-c", "mosquitto.conf"]);
        if let Some(release) = release {
            command.args(["--target", release]);
        }
        Self::start(command, folder)
    }

    pub(crate) fn mosquitto(folder: &Path, program: &Path) -> Self {
        let mut command = Command::new(program);
        command.args(["-c", "mosquitto.conf"]);
        Self::start(command, folder)
    }

    fn start(mut command: Command, folder: &Path) -> Self {
        let (plain, tls) = (free_port(), free_port());
        // Messages wait without a limit, so that none is lost and all count; and none waits for more to come.
        let conf = format!(
            "user root\nlog_dest none\nallow_anonymous true\nmax_queued_messages 0\nset_tcp_nodelay true\n\
             listener {plain} 127.0.0.1\nlistener {tls} 127.0.0.1\ncertfile server.crt\nkeyfile server.key\n"
        );
        std::fs::write(folder.join("mosquitto.conf"), conf).unwrap();
        let began = Instant::now();
        let child = command.current_dir(folder).stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        for port in [plain, tls] {
            while TcpStream::connect(("127.0.0.1", port)).is_err() {
                assert!(began.elapsed() < Duration::from_secs(20), "the broker does not start");
                std::thread::sleep(Duration::from_micros(200));
            }
        }
        let ready_after = began.elapsed();
        Self { child, plain, tls, ready_after, authority: folder.join("ca.crt") }
    }

    pub(crate) fn dial(&self) -> TcpStream {
        let stream = TcpStream::connect(("127.0.0.1", self.plain)).unwrap();
        stream.set_nodelay(true).unwrap();
        stream
    }

    /// How its TLS clients are set up: no session is taken up again.
    pub(crate) fn tls(&self) -> Arc<rustls::ClientConfig> {
        let mut roots = rustls::RootCertStore::empty();
        roots.add(CertificateDer::from_pem_file(&self.authority).unwrap()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder = rustls::ClientConfig::builder_with_provider(provider);
        let builder = builder.with_safe_default_protocol_versions().unwrap();
        let mut config = builder.with_root_certificates(roots).with_no_client_auth();
        config.resumption = rustls::client::Resumption::disabled();
        Arc::new(config)
    }

    pub(crate) fn dial_tls(
        &self,
        config: &Arc<rustls::ClientConfig>,
    ) -> rustls::StreamOwned<rustls::ClientConnection, TcpStream> {
        let stream = TcpStream::connect(("127.0.0.1", self.tls)).unwrap();
        stream.set_nodelay(true).unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        rustls::StreamOwned::new(rustls::ClientConnection::new(config.clone(), name).unwrap(), stream)
    }

    fn proc(&self, name: &str) -> String {
        std::fs::read_to_string(format!("/proc/{}/{name}", self.child.id())).expect("the broker runs")
    }

    /// Its memory, in bytes.
    pub(crate) fn memory(&self) -> usize {
        let status = self.proc("status");
        let line = status.lines().find(|line| line.starts_with("VmRSS")).unwrap();
        line.split_ascii_whitespace().nth(1).unwrap().parse::<usize>().unwrap() * 1024
    }

    /// For how long it has been computing, kernel included, all its threads together.
    pub(crate) fn computed(&self) -> Duration {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.child.id())).unwrap();
        let nanoseconds = tasks.filter_map(|task| {
            let stat = std::fs::read_to_string(task.unwrap().path().join("schedstat")).ok()?;
            stat.split(' ').next()?.parse::<u64>().ok()
        });
        Duration::from_nanos(nanoseconds.sum())
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
