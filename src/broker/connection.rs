//! One connection: bytes in, packets to the core, bytes out.

use std::cell::RefCell;
use std::pin::pin;
use std::rc::Rc;
use std::time::{Duration, Instant};

use bytes::BytesMut;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

use super::core::{Caller, Core, End, Guest};
use super::log::LogType;
use super::outbox::Outbox;
use super::refusal::{self, Phase, Refusal};
use super::transport::Connection;
use super::wire::{Frame, Packet};

/// How long the last bytes may take, once a connection is to end.
const LINGER: Duration = Duration::from_secs(5);

/// How much is read at a time.
const READ_BYTES: usize = 8 * 1024;

/// How much is kept ready for a client of whom nothing is awaited.
const IDLE_BYTES: usize = 512;

/// Frames up to this size get memory of their own, so that what is kept of them does not keep a whole read buffer.
const OWN_BYTES: usize = 1024;

/// Serves a client until one of both ends it.
pub(super) async fn serve(core: Rc<RefCell<Core>>, connection: Connection, door: usize, number: u64) {
    let Connection { stream, peer, identity, deadline } = connection;
    let out = Rc::new(Outbox::default());
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
    let (reader, writer) = tokio::io::split(stream);
    let guest = RefCell::new(None);
    let mut writing = pin!(write(writer, &out, &core));
    let reading = pin!(read(reader, &core, &caller, &guest, deadline));
    tokio::select! {
        end = reading => {
            over(&core, &guest, end);
            out.close();
            // Whoever does not take the last bytes goes without.
            let _ = tokio::time::timeout(LINGER, &mut writing).await;
        }
        () = &mut writing => over(&core, &guest, End::Lost),
    }
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

async fn write(mut writer: impl AsyncWrite + Unpin, out: &Outbox, core: &RefCell<Core>) {
    while let Some(mut pieces) = out.next().await {
        while bytes::Buf::has_remaining(&pieces) {
            match writer.write_buf(&mut pieces).await {
                Ok(0) | Err(_) => return,
                Ok(count) => {
                    core.borrow_mut().statistics.bytes_sent += count as u64;
                }
            }
        }
        out.written();
        if writer.flush().await.is_err() {
            return;
        }
    }
    // The client may be gone already.
    let _ = writer.shutdown().await;
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
    let release = core.borrow().release;
    let mut phase = Phase::New;
    loop {
        // What is announced and does not come takes no memory: the buffer grows with what came.
        buffer.reserve(if buffer.is_empty() { IDLE_BYTES } else { READ_BYTES });
        let came = match phase {
            Phase::Connected(_) => reader.read_buf(&mut buffer).await,
            Phase::New => match tokio::time::timeout_at(deadline, reader.read_buf(&mut buffer)).await {
                Ok(came) => came,
                Err(_) => return End::Expelled,
            },
        };
        let now = Instant::now();
        match came {
            Ok(0) | Err(_) => return End::Lost,
            Ok(count) => core.borrow_mut().statistics.bytes_received += count as u64,
        }
        loop {
            let most = core.borrow().limits.max_packet_size.unwrap_or(0);
            let step = match refusal::take_frame(release, phase, &mut buffer, most) {
                Ok(None) => break,
                Ok(Some(frame)) => step(core, caller, guest, &mut phase, frame, now),
                Err(refusal) => {
                    refuse(core, caller, guest, &refusal, now);
                    Some(End::Expelled)
                }
            };
            if let Some(end) = step {
                return end;
            }
        }
        if buffer.is_empty() {
            buffer = BytesMut::new();
        }
    }
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
