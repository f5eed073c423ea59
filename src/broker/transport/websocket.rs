//! WebSocket frames as a stream of bytes: what frames hold is handed on as it comes, however packets lie in
//! frames, so that no message is ever held in memory.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, Waker, ready};

use bytes::{Buf, BufMut, BytesMut};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Bytes that are read at once while headers are looked for.
const READ_SIZE: usize = 2048;
/// Longest payload of a frame that is written.
const WRITE_SIZE: usize = 64 * 1024;
/// Answers to pings stop where this much waits to be written: the client does not read.
const MOST_WAITING: usize = 4096;
/// Longest payload of a control frame.
const CONTROL_SIZE: usize = 125;
/// First bytes of the frames that are written: whole messages.
const BINARY: u8 = 0x82;
const CLOSE: u8 = 0x88;
const PONG: u8 = 0x8a;
/// Longest frame that 2.1 takes: the longest packet of MQTT.
const LONGEST_FRAME: u64 = 268_435_455;

/// Normal end.
const NORMAL: u16 = 1000;
/// The peer broke the rules of the protocol.
const PROTOCOL_ERROR: u16 = 1002;
/// Text where only bytes are taken.
const UNACCEPTABLE: u16 = 1003;

/// Whose habits are kept where releases differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Manner {
    /// Of the library that 2.0 uses.
    Library,
    /// Of 2.1 itself.
    BuiltIn,
}

/// A WebSocket, served, on top of a stream that has been through the handshake.
///
/// What was written lies in a buffer until it is flushed. Reading answers pings.
#[derive(Debug)]
pub(super) struct WebSocket<S> {
    inner: S,
    manner: Manner,
    input: BytesMut,
    /// The frame whose payload is being read.
    frame: Option<Frame>,
    /// Whether the last data frame was not the last of its message.
    is_in_message: bool,
    output: BytesMut,
    /// Who waits for `output` to be written.
    writer: Option<Waker>,
    end: End,
    /// Whether a close frame was written, or need not be.
    is_closed: bool,
}

/// How far the end has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    /// Frames come and go.
    No,
    /// Nothing more is read.
    Read,
    /// Nothing more is read, since the peer broke the rules.
    Broken(&'static str),
}

/// A frame in the course of being read.
#[derive(Debug)]
struct Frame {
    kind: Kind,
    left: u64,
    mask: [u8; 4],
    /// Payload bytes behind us, for the mask.
    done: u64,
}

#[derive(Debug)]
enum Kind {
    Data,
    Ping(BytesMut),
    Pong(BytesMut),
    Close(BytesMut),
}

/// How reading goes on.
enum Step {
    /// With another look at the input.
    Again,
    /// With payload of the current frame.
    Payload,
    /// With more input.
    More,
    /// Not at all.
    End,
}

/// What keeps a frame from being read: words for the log, and the close frame for the peer.
struct Violation(&'static str, Option<(u16, &'static str)>);

impl<S> WebSocket<S> {
    /// `input` is what came behind the request.
    pub(super) fn new(inner: S, manner: Manner, input: BytesMut) -> Self {
        Self {
            inner,
            manner,
            input,
            frame: None,
            is_in_message: false,
            output: BytesMut::new(),
            writer: None,
            end: End::No,
            is_closed: false,
        }
    }

    /// Takes a frame's header off the input; nothing where it is not all there.
    fn take_header(&mut self) -> Result<Option<Frame>, Violation> {
        let [first, second, rest @ ..] = &*self.input else { return Ok(None) };
        let (first, second) = (*first, *second);
        let length_size = match second & 0x7f {
            126 => 2,
            127 => 8,
            _ => 0,
        };
        let mask_size = if second & 0x80 == 0 { 0 } else { 4 };
        if rest.len() < length_size + mask_size {
            return Ok(None);
        }
        self.input.advance(2);
        let length = match length_size {
            2 => u64::from(self.input.get_u16()),
            8 => self.input.get_u64(),
            _ => u64::from(second & 0x7f),
        };
        let mut mask = [0; 4];
        self.input.copy_to_slice(&mut mask[..mask_size]);
        let is_final = first & 0x80 != 0;
        let kind = self.kind(first, is_final, length)?;
        Ok(Some(Frame { kind, left: length, mask, done: 0 }))
    }

    /// What the first byte of a header and the length say.
    fn kind(&mut self, first: u8, is_final: bool, length: u64) -> Result<Kind, Violation> {
        let broken = |reason, words| Violation(reason, Some((PROTOCOL_ERROR, words)));
        let is_library = self.manner == Manner::Library;
        let opcode = first & 0x0f;
        let is_control = opcode & 0x08 != 0;
        match opcode {
            _ if first & 0x70 != 0 => Err(broken("a frame with reserved bits", "rsv bits")),
            3..=7 | 11.. => Err(broken("a frame of an unknown kind", "bad opc")),
            _ if is_control && !is_final => Err(broken("a control frame in parts", "frag ctl")),
            _ if is_control && length > CONTROL_SIZE as u64 => {
                let close = (!is_library).then_some((PROTOCOL_ERROR, ""));
                Err(Violation("a control frame that is too long", close))
            }
            8 if length == 1 && !is_library => Err(broken("a close frame with half a code", "")),
            8 => Ok(Kind::Close(BytesMut::new())),
            9 => Ok(Kind::Ping(BytesMut::new())),
            10 => Ok(Kind::Pong(BytesMut::new())),
            _ if is_library && length >> 63 == 1 => Err(Violation("a frame that is too long", None)),
            _ if is_library && (opcode == 0) != self.is_in_message => {
                Err(broken("a frame out of its message's order", "bad cont"))
            }
            1 if !is_library => Err(Violation("a text frame", Some((UNACCEPTABLE, "")))),
            _ if !is_library && length > LONGEST_FRAME => Err(Violation("a frame that is too long", None)),
            _ => {
                self.is_in_message = !is_final;
                Ok(Kind::Data)
            }
        }
    }

    /// Goes as far as the input allows.
    fn step(&mut self) -> Step {
        match self.frame.take() {
            Some(frame) if frame.left == 0 => {
                self.obey(frame.kind);
                Step::Again
            }
            Some(frame) if matches!(frame.kind, Kind::Data) => {
                self.frame = Some(frame);
                Step::Payload
            }
            Some(mut frame) => {
                let here = usize::try_from(frame.left).unwrap_or(usize::MAX).min(self.input.len());
                let mut part = self.input.split_to(here);
                frame.unmask(&mut part);
                if let Kind::Ping(payload) | Kind::Close(payload) | Kind::Pong(payload) = &mut frame.kind {
                    payload.extend_from_slice(&part);
                }
                let step = if frame.left > 0 { Step::More } else { Step::Again };
                self.frame = Some(frame);
                step
            }
            None if self.end != End::No => Step::End,
            None => match self.take_header() {
                Ok(None) => Step::More,
                Ok(Some(frame)) => {
                    // 2.1 takes an empty frame of data for the end.
                    if matches!(frame.kind, Kind::Data) && frame.left == 0 && self.manner == Manner::BuiltIn {
                        self.end = End::Read;
                    }
                    self.frame = Some(frame);
                    Step::Again
                }
                Err(Violation(reason, close)) => {
                    if let Some((code, words)) = close {
                        self.put_close(code, words);
                    }
                    self.end = End::Broken(reason);
                    Step::End
                }
            },
        }
    }

    /// Acts on a control frame whose payload is complete.
    fn obey(&mut self, kind: Kind) {
        match kind {
            Kind::Ping(payload) if self.output.len() <= MOST_WAITING => self.put_frame(PONG, &payload),
            Kind::Close(payload) if self.manner == Manner::Library => {
                self.put_frame(CLOSE, &payload);
                self.is_closed = true;
                self.end = End::Read;
            }
            // 2.1 takes no notice of a close frame: it waits for the connection itself to end.
            Kind::Close(_) | Kind::Ping(_) | Kind::Pong(_) | Kind::Data => {}
        }
    }

    fn put_frame(&mut self, first: u8, payload: &[u8]) {
        self.output.put_u8(first);
        match payload.len() {
            short @ 0..=125 => self.output.put_u8(short as u8),
            medium @ 126..=0xffff => {
                self.output.put_u8(126);
                self.output.put_u16(medium as u16);
            }
            long => {
                self.output.put_u8(127);
                self.output.put_u64(long as u64);
            }
        }
        self.output.put_slice(payload);
    }

    fn put_close(&mut self, code: u16, words: &str) {
        self.is_closed = true;
        let mut payload = code.to_be_bytes().to_vec();
        // The library says what was wrong, 2.1 gives the code alone.
        if self.manner == Manner::Library {
            payload.extend_from_slice(words.as_bytes());
        }
        self.put_frame(CLOSE, &payload);
    }
}

impl Frame {
    /// Undoes the mask of the next bytes of the payload.
    fn unmask(&mut self, bytes: &mut [u8]) {
        if self.mask != [0; 4] {
            for (byte, at) in bytes.iter_mut().zip(self.done..) {
                *byte ^= self.mask[(at % 4) as usize];
            }
        }
        self.done += bytes.len() as u64;
        self.left -= bytes.len() as u64;
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            let count = ready!(Pin::new(&mut self.inner).poll_write(cx, &self.output))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.output.advance(count);
        }
        if self.output.capacity() > 2 * WRITE_SIZE {
            self.output = BytesMut::new();
        }
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    /// [`Self::poll_drain`] for writers, of which the reader must know.
    fn poll_written(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let polled = self.poll_drain(cx);
        self.writer = polled.is_pending().then(|| cx.waker().clone());
        polled
    }

    /// Writes answers to control frames. A writer that waits does it by itself, and is the only one that the
    /// stream below would wake.
    fn poll_answers(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.output.is_empty() || self.writer.is_some() {
            Poll::Ready(Ok(()))
        } else {
            self.poll_drain(cx)
        }
    }

    /// Reads more into the input; false at the end of the stream.
    fn poll_input(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        let mut part = [0; READ_SIZE];
        let mut buffer = ReadBuf::new(&mut part);
        ready!(Pin::new(&mut self.inner).poll_read(cx, &mut buffer))?;
        self.input.extend_from_slice(buffer.filled());
        Poll::Ready(Ok(!buffer.filled().is_empty()))
    }

    /// Hands payload of the current data frame on.
    fn poll_payload(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let Some(frame) = &mut self.frame else { return Poll::Ready(Ok(())) };
        let wanted = usize::try_from(frame.left).unwrap_or(usize::MAX).min(buffer.remaining());
        if self.input.is_empty() && wanted > READ_SIZE {
            let mut part = ReadBuf::new(buffer.initialize_unfilled_to(wanted));
            ready!(Pin::new(&mut self.inner).poll_read(cx, &mut part))?;
            let count = part.filled().len();
            frame.unmask(part.filled_mut());
            buffer.advance(count);
            return Poll::Ready(Ok(()));
        }
        if self.input.is_empty() && !ready!(self.poll_input(cx))? {
            return Poll::Ready(Ok(()));
        }
        let Some(frame) = &mut self.frame else { return Poll::Ready(Ok(())) };
        let mut part = self.input.split_to(wanted.min(self.input.len()));
        frame.unmask(&mut part);
        buffer.put_slice(&part);
        Poll::Ready(Ok(()))
    }

    /// Reads headers and control frames until a data frame has payload to give; false at the end.
    fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<bool>> {
        loop {
            match self.step() {
                Step::Again => {}
                Step::Payload => return Poll::Ready(Ok(true)),
                Step::End => return Poll::Ready(Ok(false)),
                Step::More => {
                    if !ready!(self.poll_input(cx))? {
                        return Poll::Ready(Ok(false));
                    }
                }
            }
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocket<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if buffer.remaining() == 0 {
            return Poll::Ready(Ok(()));
        }
        let polled = this.poll_frame(cx);
        let answered = this.poll_answers(cx);
        if ready!(polled)? {
            return this.poll_payload(cx, buffer);
        }
        // The peer gets to know why it ends.
        ready!(answered)?;
        match this.end {
            End::Broken(reason) => Poll::Ready(Err(io::Error::new(io::ErrorKind::InvalidData, reason))),
            End::Read | End::No => Poll::Ready(Ok(())),
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebSocket<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        ready!(this.poll_written(cx))?;
        let count = bytes.len().min(WRITE_SIZE);
        if count > 0 {
            this.put_frame(BINARY, &bytes[..count]);
            if let Poll::Ready(Err(error)) = this.poll_written(cx) {
                return Poll::Ready(Err(error));
            }
        }
        Poll::Ready(Ok(count))
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.get_mut().poll_written(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if !this.is_closed {
            this.is_closed = true;
            // The library of 2.0 ends the connection below and says nothing.
            if this.manner == Manner::BuiltIn {
                this.put_close(NORMAL, "");
            }
        }
        ready!(this.poll_written(cx))?;
        Pin::new(&mut this.inner).poll_shutdown(cx)
    }
}
