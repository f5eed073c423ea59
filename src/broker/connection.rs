//! One connection: bytes in, packets to the core, bytes out.

use std::cell::RefCell;
use std::future::poll_fn;
use std::io;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Poll, ready};
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::io::{AsyncRead, ReadBuf};

use super::core::{Caller, Core, End, Guest};
use super::log::LogType;
use super::outbox::Outbox;
use super::refusal::{self, Phase, Refusal};
use super::transport::Connection;
use super::wire::{Frame, Packet};

/// How long the last bytes may take, once a connection is to end.
const LINGER: Duration = Duration::from_secs(5);

/// How much is read at a time.
const READ_BYTES: usize = 16 * 1024;

/// Packets up to this size get memory of their own, so that what is kept of them does not keep more than that.
const OWN_BYTES: usize = READ_BYTES;

/// For how long packets of one client are dealt with before others have their turn, by a packet more at most.
const TURN: Duration = Duration::from_millis(1);

/// The memory into which every connection reads, as long as it has nothing that is worth keeping.
pub(super) type Scratch = Rc<RefCell<Box<[u8]>>>;

/// Memory to read into.
pub(super) fn scratch() -> Scratch {
    Rc::new(RefCell::new(vec![0; READ_BYTES].into()))
}

/// Serves a client until one of both ends it.
pub(super) async fn serve(core: Rc<RefCell<Core>>, connection: Connection, door: usize, number: u64) {
    let Connection { stream, peer, identity, deadline } = connection;
    let (reader, writer) = tokio::io::split(stream);
    let out = Rc::new(Outbox::new(writer));
    let (common_name, subject) = match identity {
        Some(identity) => (identity.common_name.map(String::into_bytes), Some(identity.subject.into_bytes())),
        None => (None, None),
    };
    let caller = Caller {
        door,
        number,
        address: peer.address.as_str().into(),
        port: peer.port,
        out: out.clone(),
        common_name,
        subject,
    };
    let guest = RefCell::new(None);
    let mut writing = pin!(out.write(|| core.borrow_mut().statistics.bytes_sent += out.take_sent()));
    let reading = pin!(read(reader, &core, &caller, &guest, deadline));
    let is_over = tokio::select! {
        end = reading => {
            over(&core, &guest, end);
            out.close();
            false
        }
        // The client may be gone already.
        _ = &mut writing => {
            over(&core, &guest, End::Lost);
            true
        }
        () = out.closed() => false,
    };
    if !is_over {
        // Whoever does not take the last bytes goes without.
        let _ = tokio::time::timeout(LINGER, &mut writing).await;
    }
    out.abandon();
}

fn over(core: &Rc<RefCell<Core>>, guest: &RefCell<Option<Guest>>, end: End) {
    let Some(guest) = *guest.borrow() else { return };
    let mut core = core.borrow_mut();
    let Some(session) = core.session(guest) else { return };
    let client_id = session.client_id.clone();
    if core.limits.connection_messages && end == End::Lost {
        core.log.say(LogType::Notice, || format!("Client {client_id} closed its connection."));
    }
    core.gone(guest, end, Instant::now());
}

/// Reads until the client is gone, or did what ends the connection.
async fn read(
    mut reader: impl AsyncRead + Unpin,
    core: &Rc<RefCell<Core>>,
    caller: &Caller,
    guest: &RefCell<Option<Guest>>,
    deadline: tokio::time::Instant,
) -> End {
    let mut buffer = BytesMut::new();
    let (release, scratch) = {
        let core = core.borrow();
        (core.release, core.scratch.clone())
    };
    let mut phase = Phase::New;
    // Time since others had their turn.
    let mut work = Duration::ZERO;
    loop {
        let reading = read_some(&mut reader, &scratch, &mut buffer);
        let came = match phase {
            Phase::Connected(_) => reading.await,
            Phase::New => match tokio::time::timeout_at(deadline, reading).await {
                Ok(came) => came,
                Err(_) => return End::Expelled,
            },
        };
        let mut now = Instant::now();
        match came {
            Ok(0) | Err(_) => return End::Lost,
            Ok(count) => core.borrow_mut().statistics.bytes_received += count as u64,
        }
        let mut is_shared = false;
        loop {
            let most = core.borrow().limits.max_packet_size.unwrap_or(0);
            let step = match refusal::take_frame(release, phase, &mut buffer, most) {
                Ok(None) => break,
                Ok(Some(frame)) => {
                    is_shared |= frame.body.len() > OWN_BYTES;
                    step(core, caller, guest, &mut phase, frame, now)
                }
                Err(refusal) => {
                    refuse(core, caller, guest, &refusal, now);
                    Some(End::Expelled)
                }
            };
            if let Some(end) = step {
                return end;
            }
            if work + now.elapsed() >= TURN {
                tokio::task::yield_now().await;
                work = Duration::ZERO;
                now = Instant::now();
            }
        }
        work += now.elapsed();
        if buffer.is_empty() {
            buffer = BytesMut::new();
        } else if is_shared {
            // A few bytes would keep all of a large packet.
            buffer = BytesMut::from(&buffer[..]);
        }
    }
}

/// Adds what came to `buffer`. What is announced and does not come takes no memory.
async fn read_some(
    reader: &mut (impl AsyncRead + Unpin),
    scratch: &Scratch,
    buffer: &mut BytesMut,
) -> io::Result<usize> {
    poll_fn(|cx| {
        let mut scratch = scratch.borrow_mut();
        let mut part = ReadBuf::new(&mut scratch);
        ready!(Pin::new(&mut *reader).poll_read(cx, &mut part))?;
        buffer.extend_from_slice(part.filled());
        Poll::Ready(Ok(part.filled().len()))
    })
    .await
}

/// Deals with one packet; the end of the connection, where it comes of that.
fn step(
    core: &Rc<RefCell<Core>>,
    caller: &Caller,
    guest: &RefCell<Option<Guest>>,
    phase: &mut Phase,
    mut frame: Frame,
    now: Instant,
) -> Option<End> {
    if frame.body.len() <= OWN_BYTES {
        frame.body = bytes::Bytes::copy_from_slice(&frame.body);
    }
    let known = *guest.borrow();
    let release = core.borrow().release;
    let packet = match refusal::read(release, *phase, &frame) {
        Ok(packet) => packet,
        Err(refusal) => {
            refuse(core, caller, guest, &refusal, now);
            return Some(End::Expelled);
        }
    };
    let mut core = core.borrow_mut();
    match (known, packet) {
        (None, Packet::Connect(connect)) => {
            *phase = Phase::Connected(connect.version);
            core.statistics.packets_received += 1;
            let entered = core.connect(caller, *connect, now)?;
            *guest.borrow_mut() = Some(entered);
            None
        }
        (None, _) => {
            caller.out.close();
            Some(End::Expelled)
        }
        (Some(guest), packet) => {
            core.packet(guest, packet, now);
            // A session that is another connection's, or over, hears nothing from this one any more.
            core.session(guest).is_none().then_some(End::Expelled)
        }
    }
}

fn refuse(
    core: &Rc<RefCell<Core>>,
    caller: &Caller,
    guest: &RefCell<Option<Guest>>,
    refusal: &Refusal,
    now: Instant,
) {
    let mut core = core.borrow_mut();
    caller.out.push(|out| refusal.answer.encode(out));
    caller.out.close();
    match *guest.borrow() {
        Some(guest) => core.expel(guest, None, &refusal.cause.to_string(), now),
        None => core.log.say(LogType::Notice, || {
            format!("Client at {}:{} is turned away: {}", caller.address, caller.port, refusal.cause)
        }),
    }
}
