//! Noise messages of `snow` over TCP, written through one buffer: the cryptography without the protocol.

use std::time::{Duration, Instant};

use snow::{Builder, TransportState};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::sync::watch;

use crate::measure::{Running, Transport};
use crate::stream::connect;

const PATTERN: &str = "Noise_NN_25519_ChaChaPoly_SHA256";
/// Bytes of the length before each Noise message.
const PREFIX: usize = 2;
const TAG: usize = 16;
/// The longest payload of a Noise message. What is longer goes in pieces.
const PIECE: usize = 65_535 - TAG;
const BUFFER: usize = 64 << 10;

/// One end.
struct End {
    state: TransportState,
    reader: OwnedReadHalf,
    writer: OwnedWriteHalf,
    out: Vec<u8>,
    filled: usize,
    held: Vec<u8>,
    have: usize,
    plain: Vec<u8>,
}

impl End {
    fn new(state: TransportState, stream: TcpStream) -> Self {
        let (reader, writer) = stream.into_split();
        let room = BUFFER + PREFIX + PIECE + TAG;
        let (out, held, plain) = (vec![0; room], vec![0; room], vec![0; PIECE + TAG]);
        Self { state, reader, writer, out, filled: 0, held, have: 0, plain }
    }

    async fn write(&mut self, message: &[u8]) {
        for piece in message.chunks(PIECE) {
            let body = &mut self.out[self.filled + PREFIX..];
            let len = self.state.write_message(piece, body).unwrap();
            self.out[self.filled..][..PREFIX].copy_from_slice(&u16::try_from(len).unwrap().to_be_bytes());
            self.filled += PREFIX + len;
            if self.filled >= BUFFER {
                self.flush().await;
            }
        }
    }

    async fn flush(&mut self) {
        self.writer.write_all(&self.out[..self.filled]).await.unwrap();
        self.filled = 0;
    }

    /// Bytes of plaintext that have come, with one read.
    async fn read(&mut self) -> Option<usize> {
        let read = self.reader.read(&mut self.held[self.have..]).await.ok().filter(|read| *read > 0)?;
        self.have += read;
        let (mut at, mut plain) = (0, 0);
        while let Some(prefix) = self.held[at..self.have].first_chunk::<PREFIX>() {
            let (start, end) = (at + PREFIX, at + PREFIX + usize::from(u16::from_be_bytes(*prefix)));
            if end > self.have {
                break;
            }
            plain += self.state.read_message(&self.held[start..end], &mut self.plain).unwrap();
            at = end;
        }
        self.held.copy_within(at..self.have, 0);
        self.have -= at;
        Some(plain)
    }
}

/// The sending end. The other echoes what it receives while it is told to.
struct Noise {
    end: End,
    message: Vec<u8>,
    received: watch::Receiver<u64>,
    echo: watch::Sender<bool>,
    sent: u64,
}

fn handshake() -> [TransportState; 2] {
    let params = PATTERN.parse::<snow::params::NoiseParams>().unwrap();
    let mut one = Builder::new(params.clone()).build_initiator().unwrap();
    let mut other = Builder::new(params).build_responder().unwrap();
    let (mut message, mut payload) = ([0; 256], [0; 256]);
    let len = one.write_message(&[], &mut message).unwrap();
    other.read_message(&message[..len], &mut payload).unwrap();
    let len = other.write_message(&[], &mut message).unwrap();
    one.read_message(&message[..len], &mut payload).unwrap();
    [one, other].map(|state| state.into_transport_mode().unwrap())
}

/// `snow`, with `ring` behind it.
pub(crate) async fn noise(len: usize) -> Box<dyn Transport> {
    let ((near, far), [one, other]) = (connect().await, handshake());
    let (told, received) = watch::channel(0);
    let (echo, echoes) = watch::channel(false);
    let mut far = End::new(other, far);
    let message = vec![0x5a; len];
    let answer = message.clone();
    tokio::spawn(async move {
        let (mut bytes, mut answered) = (0, 0);
        while let Some(plain) = far.read().await {
            bytes += plain;
            let count = bytes / answer.len();
            if *echoes.borrow() {
                for _ in answered..count {
                    far.write(&answer).await;
                }
                far.flush().await;
            }
            answered = count;
            told.send_replace(u64::try_from(count).unwrap());
        }
    });
    Box::new(Noise { end: End::new(one, near), message, received, echo, sent: 0 })
}

impl Transport for Noise {
    fn messages(&mut self, count: u32) -> Running<'_> {
        Box::pin(async move {
            for _ in 0..count {
                self.end.write(&self.message).await;
            }
            self.end.flush().await;
            self.sent += u64::from(count);
            let sent = self.sent;
            self.received.wait_for(|received| *received == sent).await.unwrap();
        })
    }

    fn round_trips<'a>(&'a mut self, count: u32, record: &'a mut Vec<Duration>) -> Running<'a> {
        Box::pin(async move {
            self.echo.send_replace(true);
            for _ in 0..count {
                let start = Instant::now();
                self.end.write(&self.message).await;
                self.end.flush().await;
                let mut left = self.message.len();
                while left > 0 {
                    left -= self.end.read().await.unwrap();
                }
                record.push(start.elapsed());
            }
            self.sent += u64::from(count);
            self.echo.send_replace(false);
        })
    }
}
