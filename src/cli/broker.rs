//! `moskit broker`: the built-in broker, with Mosquitto's own flags and statuses.

mod input;
mod log;
mod pid;
mod ready;
mod serve;

use std::path::PathBuf;
use std::sync::Arc;

use clap::{ArgAction, Args};
use tokio::task::LocalSet;

use self::pid::PidFile;
use super::privileges::Dropped;
use super::{output, paths, privileges};
use crate::boot::{self, Here, Loaded, Main, Refusal, status};
use crate::broker::{Prepared, StartError, waivable};
use crate::catalogue::{OptionId, Quirk, Release, Target, options};
use crate::lang::Environment;
use crate::model::notes::Phase;
use crate::model::{Deployment, ListenerKind};
use crate::report::nearest;
use crate::report::render::concise;
use crate::text::disk::Disk;

/// What `--help` says behind the options.
const MORE: &str = "\
Without FILE and PACK it serves port 1883 of this machine's loopback addresses.

Signals: SIGTERM and SIGINT end it, SIGHUP makes it read its files again and
open its log file anew.

Exit status, as Mosquitto's: 0 ended by a signal; 1 a listener, certificate or
account cannot be used; 3 the configuration or the command line is not valid;
13 a password, ACL or PSK file or a plugin cannot be opened; 14 (2.1) the pid
file cannot be written.

The ready file: {\"listeners\": [{\"index\": 0, \"protocol\": \"mqtt\", \"tls\": false,
\"address\": \"127.0.0.1\", \"port\": 1883}]}, one entry an address; `index` counts the
listeners in the order of the configuration, `protocol` is `mqtt` or
`websockets`, a unix socket has `socket` in place of `address` and `port`.";

/// Run the built-in broker on a configuration or a pack
#[derive(Args)]
#[command(after_long_help = MORE)]
pub(super) struct Arguments {
    /// A pack, by its folder; it runs where it lies, as whoever starts it
    #[arg(conflicts_with = "config")]
    pack: Option<PathBuf>,

    /// The configuration file, a mosquitto.conf
    #[arg(short, long = "config-file", value_name = "FILE")]
    config: Option<PathBuf>,

    /// Port to listen on where the configuration names no listener; may be
    /// repeated for 2.1
    #[arg(short, long = "port", value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..))]
    port: Vec<u16>,

    /// Go to the background once the configuration is read
    #[arg(short, long)]
    daemon: bool,

    /// Log everything
    #[arg(short, long, action = ArgAction::Count)]
    verbose: u8,

    /// Log nothing (2.1)
    #[arg(short, long)]
    quiet: bool,

    /// Read the configuration as Mosquitto's own test does, and end (2.1)
    #[arg(long, requires = "config")]
    test_config: bool,

    /// Release to do as [default: the newest that the pack was made for, else
    /// the newest known]
    #[arg(long, value_name = "RELEASE")]
    target: Option<Target>,

    /// Start although this option is in the configuration and not served; may
    /// be repeated
    #[arg(long, value_name = "NAME")]
    without: Vec<String>,

    /// Listen on free ports of the loopback addresses in place of the
    /// configured ones
    #[arg(long)]
    ephemeral_ports: bool,

    /// Write a file, once clients can connect, that says as JSON where the
    /// listeners are
    #[arg(long, value_name = "FILE")]
    ready_file: Option<PathBuf>,
}

/// What ends the broker: the status.
struct Stop(u8);

/// Says why the broker ends.
fn stop(code: u8, reason: impl std::fmt::Display) -> Stop {
    output::narrate(&format!("moskit: {reason}"));
    Stop(code)
}

pub(super) fn run(arguments: &Arguments) -> u8 {
    match start(arguments) {
        Ok(()) => status::OK,
        Err(Stop(code)) => code,
    }
}

fn start(arguments: &Arguments) -> Result<(), Stop> {
    let here = std::env::current_dir()
        .map_err(|error| stop(status::CANNOT_START, format!("no current directory: {error}")))?;
    let disk = Disk::new(here);
    let main = input::of(arguments.pack.as_deref(), arguments.config.as_deref(), &disk)
        .map_err(|reason| stop(status::INVALID, reason))?;
    check_waived(&arguments.without)?;
    let files = Here::of(&main, &disk).map_err(|reason| stop(status::INVALID, reason))?;
    let asked = arguments.target.as_ref().and_then(|target| target.releases().last().copied());
    let release = asked.or(files.newest_target()).unwrap_or(Release::newest());
    check_flags(arguments, release)?;
    let loaded = boot::load(&files, release, environment());
    if arguments.test_config {
        return tested(loaded);
    }
    let is_installed = matches!(main, Main::Conf(_));
    let (mut loaded, pid_file) = match loaded {
        Ok(loaded) => {
            let pid_file = take_over(arguments, &loaded.deployment, is_installed)?;
            (loaded, pid_file)
        }
        Err(refusal) => {
            // The account and the pid file come first in every release, and so do their statuses.
            let deployment = refusal.deployment.as_ref().filter(|_| refusal.phase > Phase::User);
            let _pid_file = deployment.map(|found| take_over(arguments, found, is_installed)).transpose()?;
            return Err(refused(&refusal));
        }
    };
    if !arguments.port.is_empty() {
        use_ports(&mut loaded, &arguments.port)?;
    }
    let prepared = Prepared::new(loaded.deployment.clone(), &files).map_err(|error| cannot_start(&error))?;
    check_unhonoured(&prepared, &arguments.without)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| stop(status::CANNOT_START, error))?;
    let server = serve::Server { arguments, files: &files, is_installed };
    let served = LocalSet::new().block_on(&runtime, server.serve(prepared));
    drop(pid_file);
    served
}

/// What a start hangs on besides files: the time, and who starts it.
fn environment() -> Environment {
    Environment { now: paths::now(), started_by: privileges::started_by() }
}

/// Flags that not every release knows.
fn check_flags(arguments: &Arguments, release: Release) -> Result<(), Stop> {
    let flags = [("-q", arguments.quiet), ("--test-config", arguments.test_config)];
    match flags.into_iter().find(|(_, is_used)| *is_used && !release.has(Quirk::QuietFlag)) {
        Some((flag, _)) => Err(stop(status::INVALID, format!("Mosquitto {release} does not know `{flag}`"))),
        None => Ok(()),
    }
}

/// `--without` takes names of options.
fn check_waived(without: &[String]) -> Result<(), Stop> {
    let Some(unknown) = without.iter().find(|name| OptionId::named(name).is_none()) else { return Ok(()) };
    let hint = match nearest(unknown, waivable()) {
        Some(name) => format!("did you mean `{name}`?"),
        None => format!("it takes one of {}", waivable().collect::<Vec<_>>().join(", ")),
    };
    Err(stop(status::INVALID, format!("`--without {unknown}`: no option has that name; {hint}")))
}

/// Ends a test of the configuration: what it cannot see it does not judge.
fn tested(loaded: Result<Loaded, Box<Refusal>>) -> Result<(), Stop> {
    match loaded {
        Err(refusal) if refusal.phase <= Phase::Check => Err(refused(&refusal)),
        _ => {
            output::narrate(
                "moskit: the lines of the configuration are valid; `moskit lint` also reads all that they name",
            );
            Ok(())
        }
    }
}

/// What comes between reading and serving: the account changes, the process goes to the background, its number is
/// written down.
fn take_over(
    arguments: &Arguments,
    deployment: &Deployment,
    is_installed: bool,
) -> Result<Option<PidFile>, Stop> {
    if is_installed {
        drop_privileges(deployment)?;
    }
    if arguments.daemon {
        // Paths may be relative, so the folder stays.
        nix::unistd::daemon(true, false)
            .map_err(|error| stop(status::CANNOT_START, format!("cannot go to the background: {error}")))?;
    }
    pid::write(deployment, is_installed)
}

/// Says why the release would not start.
fn refused(refusal: &Refusal) -> Stop {
    let text = concise(&refusal.findings, &refusal.sources, &[]);
    text.lines().for_each(output::narrate);
    stop(refusal.status, &refusal.reason)
}

fn cannot_start(error: &StartError) -> Stop {
    let code = match error {
        StartError::Unread(..) => status::CANNOT_OPEN,
        _ => status::CANNOT_START,
    };
    stop(code, error)
}

/// `-p` counts only where the configuration names no listener.
fn use_ports(loaded: &mut Loaded, ports: &[u16]) -> Result<(), Stop> {
    let release = loaded.deployment.release;
    if loaded.deployment.listeners.iter().any(|listener| listener.kind != ListenerKind::LocalOnly) {
        output::narrate(
            "moskit: `-p` is not used, since the configuration says where to listen; so does every release",
        );
        return Ok(());
    }
    if ports.len() > 1 && release.has(Quirk::TwoPortsCrash) {
        return Err(stop(
            status::INVALID,
            format!(
                "Mosquitto {release} crashes with more than one `-p`; give one, or write `listener` lines"
            ),
        ));
    }
    let mut deployment = Deployment::clone(&loaded.deployment);
    let model: Vec<_> = deployment.listeners.drain(..).collect();
    let mut opened = Vec::new();
    for port in ports {
        // A port that is named twice is opened once, in every release.
        if opened.contains(port) {
            continue;
        }
        opened.push(*port);
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
    let mut grave = Vec::new();
    for item in prepared.unhonoured() {
        let name = item.option.name();
        let stops = item.is_security && !without.iter().any(|waived| waived == name);
        if stops && !grave.contains(&name) {
            grave.push(name);
        }
        let kind = if stops { "error" } else { "not served" };
        output::narrate(&format!("moskit: {kind}: `{name}`: {}", item.what));
    }
    for name in without {
        if !prepared.unhonoured().iter().any(|item| item.option.name() == name) {
            output::narrate(&format!(
                "moskit: `--without {name}`: the configuration has nothing of that name"
            ));
        }
    }
    if grave.is_empty() {
        return Ok(());
    }
    let flags: Vec<_> = grave.iter().map(|name| format!("--without {name}")).collect();
    let flags = flags.join(" ");
    let plugins = [options::GLOBAL_PLUGIN, options::PLUGIN, options::PLUGIN_LOAD].map(OptionId::name);
    // That a plugin is not loaded is what every release would end with.
    let is_plugin = grave.iter().any(|name| plugins.contains(name));
    Err(stop(
        if is_plugin { status::CANNOT_OPEN } else { status::INVALID },
        format!("who may do what hangs on it; `{flags}` starts a broker that leaves it out"),
    ))
}
