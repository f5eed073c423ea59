//! The listening sockets of one `listener` line.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::poll_fn;
use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::task::{Context, Poll};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};
use tokio::net::{TcpListener, UnixListener};

use super::address::{Address, Peer, Placement};
use super::handshake::{Raw, patience};
use super::hosts;
use super::stream::Socket;
use crate::catalogue::{Quirk, Release};
use crate::model::{Listener, ListenerKind, Protocol};

/// Clients that the system keeps waiting, as every release asks for.
const TCP_BACKLOG: i32 = 100;
/// The same for a unix socket.
const UNIX_BACKLOG: i32 = 10;
/// Owner and group of a unix socket may connect.
const UNIX_MODE: u32 = 0o770;
/// How long nobody is accepted after the system could not give a socket and none could be freed for it.
const PAUSE: Duration = Duration::from_millis(200);

/// Why a listener could not be opened. Every release then ends with status 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenError {
    /// The address, host, interface or path that is to blame.
    pub place: String,
    /// Why, in the words of the operating system where it was asked.
    pub reason: String,
}

impl OpenError {
    pub(super) fn new(place: impl fmt::Display, reason: impl Into<String>) -> Self {
        Self { place: place.to_string(), reason: reason.into() }
    }

    pub(super) fn of(place: impl fmt::Display, error: impl Into<io::Error>) -> Self {
        let text = error.into().to_string();
        // The number of the error says nothing that its text does not.
        let words = text.split(" (os error").next().unwrap_or_default();
        Self::new(place, words)
    }
}

impl fmt::Display for OpenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot listen on `{}`: {}", self.place, self.reason)
    }
}

impl std::error::Error for OpenError {}

/// The open sockets of a listener. Unix sockets are removed with it.
#[derive(Debug)]
pub struct Opened {
    sockets: Vec<Bound>,
    addresses: Vec<Address>,
    sends_at_once: bool,
    patience: Duration,
    /// The socket that is asked first next time, so that a busy one cannot starve the others.
    first: Cell<usize>,
    /// A descriptor that is given up to take in, and turn away, one client more than the system allows.
    spare: RefCell<Option<OwnedFd>>,
}

#[derive(Debug)]
enum Bound {
    Tcp(TcpListener),
    Unix { listener: UnixListener, file: SocketFile },
}

/// The file of a unix socket, removed where it is still the one that was made.
#[derive(Debug)]
struct SocketFile {
    path: PathBuf,
    /// Device and inode.
    made: (u64, u64),
}

impl Drop for SocketFile {
    fn drop(&mut self) {
        if rustix::fs::lstat(&self.path).is_ok_and(|found| (found.st_dev, found.st_ino) == self.made) {
            // A file that cannot be removed is replaced by the next start.
            let _ = rustix::fs::unlink(&self.path);
        }
    }
}

/// Opens the sockets of a listener as `release` does: all addresses of its host, both families without one.
/// `sends_at_once` is `set_tcp_nodelay`.
///
/// A WebSocket listener of a release with [`Quirk::WebsocketsHostUnchecked`] may end up without any socket.
///
/// # Errors
/// [`OpenError`] where any of them cannot be opened; of the two of local-only mode one may fail.
pub async fn open(
    listener: &Listener,
    release: Release,
    placement: &Placement,
    sends_at_once: bool,
) -> Result<Opened, OpenError> {
    let is_misplaced =
        listener.protocol == Protocol::Websockets && release.has(Quirk::WebsocketsOnUnixSocketOpenPort);
    let sockets = match (&listener.socket, placement) {
        (Some(_), Placement::AsConfigured) if is_misplaced => {
            open_tcp(&[hosts::any(false, 0), hosts::any(true, 0)], false)?
        }
        (Some(path), Placement::AsConfigured) => vec![open_unix(Path::new(&*path.value))?],
        (Some(path), Placement::Ephemeral { sockets }) if !is_misplaced => {
            vec![open_unix(&free_name(sockets, Path::new(&*path.value)))?]
        }
        (_, Placement::Ephemeral { .. }) => {
            let loopback: IpAddr = match hosts::is_of_ipv6(listener) {
                true => Ipv6Addr::LOCALHOST.into(),
                false => Ipv4Addr::LOCALHOST.into(),
            };
            open_tcp(&[SocketAddr::new(loopback, 0)], false)?
        }
        (None, Placement::AsConfigured) => {
            let wanted = hosts::addresses(listener, release).await?;
            open_tcp(&wanted, listener.kind == ListenerKind::LocalOnly)?
        }
    };
    Opened::new(sockets, sends_at_once, patience(release))
}

/// Opens TCP sockets; `is_partial` says that one is enough.
fn open_tcp(wanted: &[SocketAddr], is_partial: bool) -> Result<Vec<Bound>, OpenError> {
    let mut opened = Vec::new();
    let mut failed = None;
    for address in wanted {
        match bind_tcp(*address) {
            Ok(listener) => opened.push(Bound::Tcp(listener)),
            // A machine without one of the families serves the other.
            Err(error) if is_partial || error == Errno::AFNOSUPPORT => {
                failed = Some(OpenError::of(address, error));
            }
            Err(error) => return Err(OpenError::of(address, error)),
        }
    }
    match failed {
        Some(error) if opened.is_empty() => Err(error),
        _ => Ok(opened),
    }
}

fn bind_tcp(address: SocketAddr) -> Result<TcpListener, Errno> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = new_socket(family)?;
    sockopt::set_socket_reuseaddr(&socket, true)?;
    if address.is_ipv6() {
        sockopt::set_ipv6_v6only(&socket, true)?;
    }
    rustix::net::bind(&socket, &address)?;
    rustix::net::listen(&socket, TCP_BACKLOG)?;
    TcpListener::from_std(socket.into()).map_err(errno)
}

fn new_socket(family: AddressFamily) -> Result<OwnedFd, Errno> {
    rustix::net::socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK, None)
}

fn errno(error: io::Error) -> Errno {
    Errno::from_io_error(&error).unwrap_or(Errno::IO)
}

/// Opens a unix socket. Whatever lies at its path is removed first, as by every release.
fn open_unix(path: &Path) -> Result<Bound, OpenError> {
    let bind = || {
        let address = SocketAddrUnix::new(path)?;
        match rustix::fs::unlink(path) {
            Ok(()) | Err(Errno::NOENT) => {}
            Err(error) => return Err(error),
        }
        let socket = new_socket(AddressFamily::UNIX)?;
        rustix::net::bind(&socket, &address)?;
        let found = rustix::fs::lstat(path)?;
        let file = SocketFile { path: path.to_owned(), made: (found.st_dev, found.st_ino) };
        // Before anybody can connect.
        rustix::fs::chmod(path, rustix::fs::Mode::from_raw_mode(UNIX_MODE))?;
        rustix::net::listen(&socket, UNIX_BACKLOG)?;
        let listener = UnixListener::from_std(socket.into()).map_err(errno)?;
        Ok(Bound::Unix { listener, file })
    };
    bind().map_err(|error| OpenError::of(path.display(), error))
}

/// A path in `folder` that is not taken, named after the last part of `path`.
fn free_name(folder: &Path, path: &Path) -> PathBuf {
    let name = path.file_name().unwrap_or(path.as_os_str());
    let mut free = folder.join(name);
    let mut number = 2_u64;
    while rustix::fs::lstat(&free).is_ok() {
        let mut numbered = name.to_owned();
        numbered.push(format!("-{number}"));
        free = folder.join(numbered);
        number += 1;
    }
    free
}

impl Opened {
    fn new(sockets: Vec<Bound>, sends_at_once: bool, patience: Duration) -> Result<Self, OpenError> {
        let address = |bound: &Bound| match bound {
            Bound::Tcp(listener) => {
                listener.local_addr().map(Address::Tcp).map_err(|error| OpenError::of("a socket", error))
            }
            Bound::Unix { file, .. } => Ok(Address::Unix(file.path.clone())),
        };
        let addresses = sockets.iter().map(address).collect::<Result<Vec<_>, _>>()?;
        let opened = Self {
            sockets,
            addresses,
            sends_at_once,
            patience,
            first: Cell::default(),
            spare: RefCell::default(),
        };
        opened.keep_spare();
        Ok(opened)
    }

    /// The real addresses, in the order of opening; none where a release opens nothing and goes on.
    pub fn addresses(&self) -> &[Address] {
        &self.addresses
    }

    /// Waits for the next client. Nothing is lost where the wait is given up.
    ///
    /// # Errors
    /// What keeps clients from being accepted, most likely too many open files: the client in question was
    /// turned away, or this call took long enough that asking again at once does no harm.
    pub async fn accept(&self) -> io::Result<(Raw, Peer)> {
        loop {
            let error = match poll_fn(|cx| self.poll_accept(cx)).await {
                Ok((socket, peer)) => {
                    if let (Socket::Tcp(stream), true) = (&socket, self.sends_at_once) {
                        // It has gone already; reading tells.
                        let _ = stream.set_nodelay(true);
                    }
                    let deadline = tokio::time::Instant::now() + self.patience;
                    return Ok((Raw { socket, peer: peer.clone(), deadline }, peer));
                }
                Err(error) => error,
            };
            match Errno::from_io_error(&error) {
                // These were errors of the client alone.
                Some(Errno::CONNABORTED | Errno::INTR | Errno::PROTO | Errno::PERM) => {}
                Some(Errno::MFILE | Errno::NFILE) if self.turn_away().await => return Err(error),
                _ => {
                    tokio::time::sleep(PAUSE).await;
                    return Err(error);
                }
            }
        }
    }

    fn poll_accept(&self, cx: &mut Context<'_>) -> Poll<io::Result<(Socket, Peer)>> {
        let count = self.sockets.len();
        for turn in 0..count {
            let index = (self.first.get() + turn) % count;
            let accepted = match &self.sockets[index] {
                Bound::Tcp(listener) => listener
                    .poll_accept(cx)
                    .map_ok(|(stream, address)| (Socket::Tcp(stream), Peer::of(address))),
                Bound::Unix { listener, file } => listener
                    .poll_accept(cx)
                    .map_ok(|(stream, _)| (Socket::Unix(stream), Peer::at(&file.path))),
            };
            if accepted.is_ready() {
                self.first.set(index + 1);
                return accepted;
            }
        }
        Poll::Pending
    }

    /// Gives the spare descriptor up for the client that waits, and closes that client's connection.
    async fn turn_away(&self) -> bool {
        if self.spare.take().is_none() {
            self.keep_spare();
            return false;
        }
        let accepted = poll_fn(|cx| match self.poll_accept(cx) {
            Poll::Ready(accepted) => Poll::Ready(accepted.is_ok()),
            Poll::Pending => Poll::Ready(false),
        });
        let is_away = accepted.await;
        self.keep_spare();
        is_away
    }

    fn keep_spare(&self) {
        let spare = self.sockets.first().and_then(|bound| {
            let socket = match bound {
                Bound::Tcp(listener) => listener.as_fd(),
                Bound::Unix { listener, .. } => listener.as_fd(),
            };
            rustix::io::dup(socket).ok()
        });
        *self.spare.borrow_mut() = spare;
    }
}
