//! `moskit broker`: the built-in broker, with Mosquitto's own flags and statuses.

mod log;

use std::cell::RefCell;
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;

use clap::Args;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::LocalSet;

use super::privileges::Dropped;
use super::{output, paths, privileges};
use crate::boot::{self, Here, Loaded, Main, Refusal, status};
use crate::broker::transport::{Address, Placement};
use crate::broker::{Log, LogSink, LogType, Prepared, Running, StartError};
use crate::catalogue::{Quirk, Release, Target};
use crate::credentials::OperatingSystem;
use crate::lang::Environment;
use crate::model::{Deployment, ListenerKind, Protocol};
use crate::report::render::concise;

use crate::text::disk::Disk;

/// Run the built-in broker on a configuration or a pack
#[derive(Args)]
pub(super) struct Arguments {
    /// A pack, by its folder; it runs where it lies, as whoever starts it
    #[arg(conflicts_with = "config")]
    pack: Option<PathBuf>,

    /// The configuration file
    #[arg(short, long = "config-file", value_name = "FILE")]
    config: Option<PathBuf>,

    /// Port to listen on where the configuration names no listener; may be repeated
    #[arg(short, long = "port", value_name = "PORT")]
    port: Vec<u16>,

    /// Log everything
    #[arg(short, long)]
    verbose: bool,

    /// Release to do as [default: the newest that the pack was made for, else the newest known]
    #[arg(long, value_name = "RELEASE")]
    target: Option<Target>,

    /// Start although this is in the configuration and not served, by the option's name; may be repeated
    #[arg(long, value_name = "NAME")]
    without: Vec<String>,

    /// Listen on free ports of the loopback addresses in place of the configured ones
    #[arg(long)]
    ephemeral_ports: bool,

    /// Write a file, once clients can connect, that says as JSON where the listeners are
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

/// What ends the broker before it runs: the status.
struct Stop(u8);

pub(super) fn run(arguments: &Arguments) -> u8 {
    match start(arguments) {
        Ok(()) => status::OK,
        Err(Stop(code)) => code,
    }
}

fn start(arguments: &Arguments) -> Result<(), Stop> {
    let main = match (&arguments.pack, &arguments.config) {
        (Some(pack), _) => Main::Pack(pack.clone()),
        (None, Some(config)) => Main::Conf(config.clone()),
        (None, None) => Main::Nothing,
    };
    let here = std::env::current_dir().map_err(|error| {
        output::narrate(&format!("moskit: no current directory: {error}"));
        Stop(status::CANNOT_START)
    })?;
    let disk = Disk::new(here);
    let files = Here::of(&main, &disk).map_err(|reason| {
        output::narrate(&format!("moskit: {reason}"));
        Stop(status::INVALID)
    })?;
    let asked = arguments.target.as_ref().and_then(|target| target.releases().last().copied());
    let release = asked.or(files.newest_target()).unwrap_or(Release::newest());
    let mut loaded = boot::load(&files, release, environment()).map_err(|refusal| refused(&refusal))?;
    if !arguments.port.is_empty() {
        use_ports(&mut loaded, &arguments.port)?;
    }
    let is_installed = matches!(main, Main::Conf(_));
    if is_installed {
        drop_privileges(&loaded.deployment)?;
    }
    let prepared = Prepared::new(loaded.deployment.clone(), &files).map_err(|error| cannot_start(&error))?;
    check_unhonoured(&prepared, &arguments.without)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|error| {
        output::narrate(&format!("moskit: {error}"));
        Stop(status::CANNOT_START)
    })?;
    LocalSet::new().block_on(&runtime, serve(arguments, &files, prepared))
}

/// What a start hangs on besides files: the time, and who starts it.
fn environment() -> Environment {
    Environment { now: paths::now(), started_by: privileges::started_by() }
}

/// Says why the release would not start.
fn refused(refusal: &Refusal) -> Stop {
    let text = concise(&refusal.findings, &refusal.sources, &[]);
    text.lines().for_each(output::narrate);
    output::narrate(&format!("moskit: {}", refusal.reason));
    Stop(refusal.status)
}

fn cannot_start(error: &StartError) -> Stop {
    output::narrate(&format!("moskit: {error}"));
    Stop(status::CANNOT_START)
}

/// `-p` counts only where the configuration names no listener.
fn use_ports(loaded: &mut Loaded, ports: &[u16]) -> Result<(), Stop> {
    let release = loaded.deployment.release;
    if loaded.deployment.listeners.iter().any(|listener| listener.kind != ListenerKind::LocalOnly) {
        let text = "`-p` is not used, since the configuration names listeners; so does every release";
        output::narrate(&format!("moskit: {text}"));
        return Ok(());
    }
    if ports.len() > 1 && release.has(Quirk::TwoPortsCrash) {
        output::narrate(&format!("moskit: Mosquitto {release} crashes with more than one `-p`"));
        return Err(Stop(status::INVALID));
    }
    let mut deployment = Deployment::clone(&loaded.deployment);
    let model: Vec<_> = deployment.listeners.drain(..).collect();
    for port in ports {
        deployment.listeners.extend(model.iter().cloned().map(|mut listener| {
            listener.port = *port;
            listener
        }));
    }
    loaded.deployment = Arc::new(deployment);
    Ok(())
}

/// From here on everything is read and opened as the account of the configuration.
fn drop_privileges(deployment: &Deployment) -> Result<(), Stop> {
    let user = privileges::wanted(deployment);
    match privileges::drop_to(user) {
        Ok(Dropped::To(account)) if account != user => {
            output::narrate(&format!("moskit: there is no account `{user}`; running as `{account}`"));
        }
        Ok(Dropped::StaysRoot) => output::narrate("moskit: running as root, as `user` says"),
        Ok(Dropped::To(_) | Dropped::NotRoot) => {}
        Err(error) => {
            output::narrate(&format!("moskit: {error}"));
            return Err(Stop(error.exit_code(deployment.release)));
        }
    }
    Ok(())
}

/// Lists what is not served, and stops where security hangs on it.
fn check_unhonoured(prepared: &Prepared, without: &[String]) -> Result<(), Stop> {
    let mut stops = false;
    for item in prepared.unhonoured() {
        let name = item.option.name();
        let is_waived = without.iter().any(|waived| waived == name);
        let grave = item.is_security && !is_waived;
        stops |= grave;
        let kind = if grave { "error" } else { "not served" };
        output::narrate(&format!("moskit: {kind}: `{name}`: {}", item.what));
    }
    for name in without {
        if !prepared.unhonoured().iter().any(|item| item.option.name() == name) {
            output::narrate(&format!("moskit: `--without {name}`: nothing of that name is left out"));
        }
    }
    if !stops {
        return Ok(());
    }
    output::narrate(
        "moskit: who may do what hangs on it; `--without NAME` starts a broker that leaves it out",
    );
    Err(Stop(status::INVALID))
}

async fn serve(arguments: &Arguments, files: &Here<'_>, prepared: Prepared) -> Result<(), Stop> {
    let has_sockets = prepared.deployment().listeners.iter().any(|listener| listener.socket.is_some());
    let sockets = if arguments.ephemeral_ports && has_sockets { Some(SocketFolder::make()?) } else { None };
    let placement = match &sockets {
        Some(folder) => Placement::Ephemeral { sockets: folder.0.clone() },
        None if arguments.ephemeral_ports => Placement::Ephemeral { sockets: PathBuf::new() },
        None => Placement::AsConfigured,
    };
    let logger: Rc<RefCell<Rc<dyn LogSink>>> =
        Rc::new(RefCell::new(Rc::new(log::Logger::of(prepared.deployment(), arguments.verbose))));
    let log = Log::to(Rc::new(Replaceable(logger.clone())));
    let mut signals = Signals::new().map_err(|error| {
        output::narrate(&format!("moskit: {error}"));
        Stop(status::CANNOT_START)
    })?;
    let release = prepared.deployment().release;
    let running = prepared
        .start(&placement, log.clone(), Rc::new(OperatingSystem))
        .await
        .map_err(|error| cannot_start(&error))?;
    for bound in running.listeners() {
        for address in &bound.addresses {
            logger.borrow().line(LogType::Information, &format!("listening on {address}"));
        }
    }
    let version = env!("CARGO_PKG_VERSION");
    let name = format!("moskit {version} as mosquitto version {release}");
    logger.borrow().line(LogType::Information, &format!("{name} running"));
    if let Some(path) = &arguments.ready_file {
        write_ready(path, &running)?;
    }
    loop {
        match signals.next().await {
            Wanted::End => break,
            Wanted::Reload => {
                logger.borrow().line(LogType::Notice, "reloading the configuration");
                match reloaded(files, release) {
                    Ok(prepared) => {
                        running.reload(&prepared);
                        let fresh = log::Logger::of(prepared.deployment(), arguments.verbose);
                        *logger.borrow_mut() = Rc::new(fresh);
                    }
                    Err(Reload::Keep(reason)) => {
                        logger.borrow().line(LogType::Error, &format!("nothing is reloaded: {reason}"));
                    }
                    Err(Reload::End(code, reason)) => {
                        logger.borrow().line(LogType::Error, &reason);
                        running.stop().await;
                        return Err(Stop(code));
                    }
                }
            }
        }
    }
    logger.borrow().line(LogType::Information, &format!("{name} terminating"));
    running.stop().await;
    Ok(())
}

/// What comes of a reload that finds something wrong.
enum Reload {
    /// All stays as it is.
    Keep(String),
    /// The release ends.
    End(u8, String),
}

fn reloaded(files: &Here<'_>, release: Release) -> Result<Prepared, Reload> {
    match boot::load(files, release, environment()) {
        Ok(loaded) => {
            Prepared::new(loaded.deployment, files).map_err(|error| Reload::Keep(error.to_string()))
        }
        Err(refusal) if refusal.status == status::CANNOT_OPEN && release.has(Quirk::BadPasswordLineFatal) => {
            Err(Reload::End(refusal.status, refusal.reason))
        }
        Err(refusal) => Err(Reload::Keep(refusal.reason)),
    }
}

/// A sink whose destinations a reload replaces.
struct Replaceable(Rc<RefCell<Rc<dyn LogSink>>>);

impl LogSink for Replaceable {
    fn takes(&self, kind: LogType) -> bool {
        self.0.borrow().takes(kind)
    }

    fn line(&self, kind: LogType, text: &str) {
        self.0.borrow().line(kind, text);
    }
}

enum Wanted {
    End,
    Reload,
}

struct Signals {
    terminate: Signal,
    interrupt: Signal,
    hang_up: Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hang_up: signal(SignalKind::hangup())?,
        })
    }

    async fn next(&mut self) -> Wanted {
        tokio::select! {
            _ = self.terminate.recv() => Wanted::End,
            _ = self.interrupt.recv() => Wanted::End,
            _ = self.hang_up.recv() => Wanted::Reload,
        }
    }
}

/// A private folder for unix sockets, removed in the end.
struct SocketFolder(PathBuf);

impl SocketFolder {
    fn make() -> Result<Self, Stop> {
        use std::os::unix::fs::DirBuilderExt;
        let mut refused = None;
        // One that was killed may have left its folder behind.
        for number in 0..100 {
            let path = std::env::temp_dir().join(format!("moskit-{}-{number}", std::process::id()));
            match std::fs::DirBuilder::new().mode(0o700).create(&path) {
                Ok(()) => return Ok(Self(path)),
                Err(error) => refused = Some(error),
            }
        }
        let reason = refused.map(|error| error.to_string()).unwrap_or_default();
        output::narrate(&format!("moskit: cannot make a folder for unix sockets: {reason}"));
        Err(Stop(status::CANNOT_START))
    }
}

impl Drop for SocketFolder {
    fn drop(&mut self) {
        // Left behind at worst.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Writes the ready file as a whole: beside its place, then moved there.
fn write_ready(path: &Path, running: &Running) -> Result<(), Stop> {
    let mut list = Vec::new();
    for bound in running.listeners() {
        for address in &bound.addresses {
            let protocol = if bound.protocol == Protocol::Websockets { "websockets" } else { "mqtt" };
            let mut entry = serde_json::json!({
                "index": bound.listener, "protocol": protocol, "tls": bound.has_tls,
            });
            match address {
                Address::Tcp(address) => {
                    entry["address"] = address.ip().to_string().into();
                    entry["port"] = address.port().into();
                }
                Address::Unix(path) => entry["socket"] = path.display().to_string().into(),
            }
            list.push(entry);
        }
    }
    let mut text = String::new();
    // Writing to a text does not fail.
    let _ = writeln!(text, "{:#}", serde_json::json!({ "listeners": list }));
    let mut beside = path.as_os_str().to_owned();
    beside.push(format!(".{}", std::process::id()));
    let written = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, path));
    written.map_err(|error| {
        output::narrate(&format!("moskit: cannot write `{}`: {error}", path.display()));
        Stop(status::CANNOT_START)
    })
}
