//! A broker with its sockets: made ready, started, reloaded, stopped.

use std::cell::RefCell;
use std::fmt;
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::sync::watch;
use tokio::task::JoinSet;

use super::connection;
use super::core::Core;
use super::log::{Log, LogType};
use super::time::TICK;
use super::transport::{self, Address, OpenError, Opened, Placement, Raw, Secure, TlsError, Upgrade};
use super::unhonoured::{Unhonoured, unhonoured};
use crate::catalogue::{OptionId, options};
use crate::credentials::KeySource;
use crate::model::{Deployment, Protocol, Security};
use crate::text::Files;

/// How long clients may take for their last bytes, once the broker ends.
const FAREWELL: Duration = Duration::from_millis(500);

/// How often what expired is swept out.
const SWEEP: Duration = Duration::from_secs(60);

/// A deployment with everything read that a broker of it needs. It may be started any number of times, from any
/// thread.
#[derive(Clone, Debug)]
pub struct Prepared {
    deployment: Arc<Deployment>,
    secure: Vec<Option<Secure>>,
    unhonoured: Vec<Unhonoured>,
}

/// Why a broker does not start. Every release ends with status 1 then.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum StartError {
    /// A listener cannot speak TLS.
    Tls(TlsError),
    /// A listener cannot be opened.
    Open(OpenError),
    /// No listener has a socket.
    NoListener,
    /// A file that says who may do what is named and was not read.
    Unread(OptionId, Box<str>),
}

impl fmt::Display for StartError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tls(error) => error.fmt(out),
            Self::Open(error) => error.fmt(out),
            Self::NoListener => out.write_str("no listener could be opened"),
            Self::Unread(option, path) => write!(out, "`{} {path}`: it was not read", option.name()),
        }
    }
}

impl std::error::Error for StartError {}

/// A listener of a running broker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bound {
    /// Its place among the listeners of the deployment.
    pub listener: usize,
    /// What is spoken on it.
    pub protocol: Protocol,
    /// Whether it speaks TLS.
    pub has_tls: bool,
    /// Where its sockets really are.
    pub addresses: Vec<Address>,
}

impl Prepared {
    /// Reads what the listeners of a deployment name.
    ///
    /// # Errors
    /// Where certificates, keys or other TLS options of a listener cannot be used, or where a password or ACL file
    /// is named and its contents are not known.
    pub fn new(deployment: Arc<Deployment>, files: &dyn Files) -> Result<Self, StartError> {
        let blocks = deployment.listeners.iter().map(|listener| deployment.security_of(listener));
        if let Some(unread) = blocks.filter_map(unread).next() {
            return Err(unread);
        }
        let mut secure = Vec::new();
        let mut list = unhonoured(&deployment);
        for listener in &deployment.listeners {
            let security = deployment.security_of(listener);
            let loaded =
                Secure::load(listener, security, deployment.release, files).map_err(StartError::Tls)?;
            let of_tls = loaded.iter().flat_map(|secure| secure.unhonoured()).map(Unhonoured::of_tls);
            // Pre-shared keys are listed already.
            list.extend(of_tls.filter(|item| item.option != options::PSK_HINT));
            secure.push(loaded);
        }
        Ok(Self { deployment, secure, unhonoured: list })
    }

    /// Reads what the listeners name once more, for a reload to `deployment`, whose listeners are those of this
    /// one. Where certificates cannot be used the reason is told.
    pub fn again(&self, deployment: Arc<Deployment>, files: &dyn Files) -> (Self, Vec<TlsError>) {
        let mut errors = Vec::new();
        let pairs = deployment.listeners.iter().zip(&self.secure);
        let secure = pairs.map(|(listener, kept)| {
            let kept = kept.as_ref()?;
            let security = deployment.security_of(listener);
            let (again, error) = kept.again(listener, security, deployment.release, files);
            errors.extend(error);
            Some(again)
        });
        let secure = secure.collect();
        (Self { secure, unhonoured: self.unhonoured.clone(), deployment }, errors)
    }

    /// What the configuration asks for and the built-in broker does not do.
    pub fn unhonoured(&self) -> &[Unhonoured] {
        &self.unhonoured
    }

    /// The deployment.
    pub fn deployment(&self) -> &Arc<Deployment> {
        &self.deployment
    }

    /// Opens the listeners and serves them. Needs a [`tokio::task::LocalSet`] of a current-thread runtime with
    /// timers and sockets, and runs as long as that and the result of this do.
    ///
    /// # Errors
    /// Where a listener cannot be opened; then none is.
    pub async fn start(
        &self,
        placement: &Placement,
        log: Log,
        random: Rc<dyn KeySource>,
    ) -> Result<Running, StartError> {
        let deployment = &self.deployment;
        let sends_at_once = deployment.global.is_on(options::SET_TCP_NODELAY);
        let mut opened = Vec::new();
        for listener in &deployment.listeners {
            let one = match listener.protocol {
                Protocol::HttpApi => None,
                _ => Some(
                    transport::open(listener, deployment.release, placement, sends_at_once)
                        .await
                        .map_err(StartError::Open)?,
                ),
            };
            opened.push(one);
        }
        let is_open = |one: &Option<Opened>| one.as_ref().is_some_and(|one| !one.addresses().is_empty());
        if !opened.iter().any(is_open) {
            return Err(StartError::NoListener);
        }
        let begun = Instant::now();
        let mut core = Core::new(deployment, log, random);
        core.announce_version(begun);
        core.announce_statistics(begun, begun);
        let core = Rc::new(RefCell::new(core));
        let (secure, _) = watch::channel(self.secure.clone());
        let secure = Rc::new(secure);
        let (farewell, ending) = watch::channel(false);
        let mut tasks = JoinSet::new();
        let mut bound = Vec::new();
        for (index, one) in opened.into_iter().enumerate() {
            let listener = &deployment.listeners[index];
            let Some(one) = one else { continue };
            bound.push(Bound {
                listener: index,
                protocol: listener.protocol,
                has_tls: self.secure[index].is_some(),
                addresses: one.addresses().to_vec(),
            });
            let upgrade = Upgrade::of(listener, &deployment.global, deployment.release);
            let door = Accepting { core: core.clone(), door: index, secure: secure.clone(), upgrade };
            tasks.spawn_local(door.run(one, ending.clone()));
        }
        let mut clocks = JoinSet::new();
        clocks.spawn_local(keep_time(core.clone(), begun));
        clocks.spawn_local(tell_log(core.clone()));
        Ok(Running { core, bound, tasks, _clocks: clocks, secure, farewell })
    }
}

/// A security file without which more would be allowed than is meant.
fn unread(security: &Security) -> Option<StartError> {
    let settings = &security.settings;
    let of = |option, is_missing: bool| {
        let path = settings.text(option).map_or("", |path| path.value);
        is_missing.then(|| StartError::Unread(option, path.into()))
    };
    let (passwords, acl) = (&security.passwords, &security.acl);
    of(options::PASSWORD_FILE, passwords.is_named() && passwords.loaded().is_none())
        .or_else(|| of(options::ACL_FILE, acl.is_named() && acl.loaded().is_none()))
}

/// A listener that takes clients in.
struct Accepting {
    core: Rc<RefCell<Core>>,
    door: usize,
    secure: Rc<watch::Sender<Vec<Option<Secure>>>>,
    upgrade: Option<Upgrade>,
}

impl Accepting {
    async fn run(self, opened: Opened, mut ending: watch::Receiver<bool>) {
        let mut clients = JoinSet::new();
        loop {
            tokio::select! {
                biased;
                _ = ending.wait_for(|is_over| *is_over) => break,
                accepted = opened.accept() => match accepted {
                    Ok((raw, peer)) => {
                        let (address, port) = (peer.address, peer.port);
                        let mut core = self.core.borrow_mut();
                        if core.limits.connection_messages {
                            let listener = core.doors[self.door].port;
                            core.log.say(LogType::Notice, || {
                                format!("New connection from {address}:{port} on port {listener}.")
                            });
                        }
                        let Some(number) = core.enter(self.door) else {
                            core.log.say(LogType::Notice, || {
                                format!("Client connection from {address} denied: max_connections exceeded.")
                            });
                            continue;
                        };
                        drop(core);
                        let secure = self.secure.borrow()[self.door].clone();
                        clients.spawn_local(
                            welcome(self.core.clone(), raw, self.door, number, secure, self.upgrade.clone()),
                        );
                        // While more come than go this is the only place where those that went are seen.
                        while clients.try_join_next().is_some() {}
                    }
                    Err(error) => {
                        let core = self.core.borrow();
                        core.log.say(LogType::Error, || format!("Unable to accept new connection: {error}"));
                    }
                },
                Some(_) = clients.join_next() => {}
            }
        }
        drop(opened);
        let _ = tokio::time::timeout(FAREWELL, async { while clients.join_next().await.is_some() {} }).await;
    }
}

/// Counts a connection out, however its task ends.
struct Visit(Rc<RefCell<Core>>, usize);

impl Drop for Visit {
    fn drop(&mut self) {
        if let Ok(mut core) = self.0.try_borrow_mut() {
            core.leave(self.1);
        }
    }
}

async fn welcome(
    core: Rc<RefCell<Core>>,
    raw: Raw,
    door: usize,
    number: u64,
    secure: Option<Secure>,
    upgrade: Option<Upgrade>,
) {
    let _visit = Visit(core.clone(), door);
    match raw.establish(secure.as_ref(), upgrade.as_ref()).await {
        Ok(connection) => connection::serve(core, connection, door, number).await,
        Err(failed) => {
            let core = core.borrow();
            core.log.say(LogType::Notice, || {
                format!("Client at {}:{} was not let in: {failed}", failed.peer.address, failed.peer.port)
            });
        }
    }
}

/// Sends messages of the log to those who subscribed to them.
async fn tell_log(core: Rc<RefCell<Core>>) {
    let Some(topics) = core.borrow().log.topics().cloned() else { return };
    loop {
        topics.wait().await;
        core.borrow_mut().tell_log(Instant::now());
    }
}

async fn keep_time(core: Rc<RefCell<Core>>, begun: Instant) {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut told, mut swept) = (begun, begun);
    loop {
        ticks.tick().await;
        let now = Instant::now();
        let mut core = core.borrow_mut();
        core.tick(now);
        let interval = core.limits.sys_interval.map(|seconds| Duration::from_secs(u64::from(seconds)));
        if interval.is_some_and(|interval| now.duration_since(told) >= interval) {
            told = now;
            core.announce_statistics(begun, now);
        }
        if now.duration_since(swept) >= SWEEP {
            swept = now;
            core.sweep(now);
        }
    }
}

/// A broker that runs, as long as this is kept.
#[derive(Debug)]
pub struct Running {
    core: Rc<RefCell<Core>>,
    bound: Vec<Bound>,
    /// One for each listener.
    tasks: JoinSet<()>,
    /// What goes on by itself, until this is dropped.
    _clocks: JoinSet<()>,
    secure: Rc<watch::Sender<Vec<Option<Secure>>>>,
    farewell: watch::Sender<bool>,
}

impl Running {
    /// Its listeners, in the order of the deployment.
    pub fn listeners(&self) -> &[Bound] {
        &self.bound
    }

    /// Takes over what a reload changes: `prepared` holds what the files say now, and is made with
    /// [`Prepared::again`]. Without `has_lines` the configuration could not be read, only the files that it names.
    pub fn reload(&self, prepared: &Prepared, has_lines: bool) {
        self.core.borrow_mut().adopt(&prepared.deployment, has_lines, Instant::now());
        self.secure.send_replace(prepared.secure.clone());
    }

    /// Ends it as every release does: all wills are sent, those that wait for their time included; then the
    /// connections are closed, without a word.
    pub async fn stop(mut self) {
        self.core.borrow_mut().say_goodbye(Instant::now());
        // The tasks may have ended already.
        let _ = self.farewell.send(true);
        let all = async { while self.tasks.join_next().await.is_some() {} };
        let _ = tokio::time::timeout(2 * FAREWELL, all).await;
        self.tasks.shutdown().await;
    }
}

impl Core {
    fn say_goodbye(&mut self, now: Instant) {
        self.tell_log(now);
        let keys: Vec<_> = self.sessions.iter().map(|(key, _)| key).collect();
        for key in keys {
            let will = self.sessions.get_mut(key).and_then(|session| session.will.take());
            if let Some(will) = will {
                self.publish_will(key, &will.will, now);
            }
        }
        for link in self.sessions.iter().filter_map(|(_, session)| session.link.as_ref()) {
            link.out.close();
        }
    }
}

impl fmt::Debug for Core {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("Core").field("sessions", &self.sessions.len()).finish_non_exhaustive()
    }
}
