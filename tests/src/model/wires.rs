//! Connections, and what is under way in them.

use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use mfp_proto::handshake::{MESSAGE1_LEN, MESSAGE2_LEN};
use mfp_proto::id::SessionId;
use mfp_proto::link::ConnId;
use mfp_proto::wire::header::HEADER_LEN;
use siphasher::sip128::{Hasher128, SipHasher13};

/// A whole message.
#[derive(Clone, Debug)]
pub(super) struct Message {
    bytes: Arc<[u8]>,
    hash: u128,
}

impl Hash for Message {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
    }
}

impl Message {
    fn new(bytes: &[u8]) -> Self {
        let mut hasher = SipHasher13::new();
        hasher.write(bytes);
        Self { bytes: bytes.into(), hash: hasher.finish128().into() }
    }

    /// The messages that these bytes are, by the lengths in their headers (section 4).
    pub(super) fn split(mut bytes: &[u8]) -> Option<Vec<Self>> {
        let mut messages = Vec::new();
        while !bytes.is_empty() {
            let field = |at: usize| bytes.get(at..at + 4)?.try_into().ok().map(u32::from_be_bytes);
            let (depth, body) = (usize::try_from(field(8)?).ok()?, usize::try_from(field(12)?).ok()?);
            let (message, rest) = bytes.split_at_checked(HEADER_LEN + 2 * 16 * depth + body)?;
            messages.push(Self::new(message));
            bytes = rest;
        }
        Some(messages)
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The session and the step of a transport message; `None` for one of a handshake.
    pub(super) fn lane(&self) -> Option<(SessionId, u64)> {
        let step = u64::from_be_bytes(self.bytes.get(32..40)?.try_into().ok()?);
        let session = SessionId::from_bytes(self.bytes.get(40..56)?.try_into().ok()?);
        let handshake = self.bytes.get(7).is_none_or(|flags| *flags == 4);
        (!handshake).then_some((session, step))
    }

    /// What it is, as far as can be seen from outside.
    pub(super) fn describe(&self) -> String {
        match (self.lane(), self.bytes.len()) {
            (None, MESSAGE1_LEN) => "message 1".into(),
            (None, MESSAGE2_LEN) => "message 2".into(),
            (lane, len) => match lane {
                Some((session, step)) => format!("step {step} of {session:?} ({len} bytes)"),
                None => format!("{len} bytes"),
            },
        }
    }
}

/// One end of a connection.
#[derive(Clone, Debug, Hash)]
pub(super) struct End {
    pub(super) open: bool,
    /// What is under way to it.
    pub(super) queue: VecDeque<Message>,
}

/// A connection. It is gone when both ends are closed.
#[derive(Clone, Debug, Hash)]
pub(super) struct Wire {
    pub(super) conn: ConnId,
    pub(super) dialer: usize,
    /// Message 1 has come to who was called.
    pub(super) called: bool,
    pub(super) ends: [End; 2],
}

/// All connections, by their names.
#[derive(Clone, Debug, Default, Hash)]
pub(super) struct Wires(Vec<Wire>);

impl Wires {
    pub(super) fn iter(&self) -> impl Iterator<Item = &Wire> {
        self.0.iter()
    }

    pub(super) fn get(&self, conn: ConnId) -> Option<&Wire> {
        self.0.iter().find(|wire| wire.conn == conn)
    }

    pub(super) fn get_mut(&mut self, conn: ConnId) -> Option<&mut Wire> {
        self.0.iter_mut().find(|wire| wire.conn == conn)
    }

    /// A new connection of `dialer`. Its name is that of none that is still there.
    pub(super) fn connect(&mut self, dialer: usize) -> ConnId {
        let names = (0..).map(|name: u64| ConnId(2 * name + u64::from(dialer == 1)));
        let conn = names.into_iter().find(|conn| self.get(*conn).is_none()).unwrap_or(ConnId(u64::MAX));
        let end = || End { open: true, queue: VecDeque::new() };
        self.0.push(Wire { conn, dialer, called: false, ends: [end(), end()] });
        self.0.sort_by_key(|wire| wire.conn);
        conn
    }

    /// A message goes off from a side.
    pub(super) fn send(&mut self, conn: ConnId, from: usize, message: Message) -> bool {
        let Some(wire) = self.get_mut(conn) else { return false };
        let [one, two] = &mut wire.ends;
        let (own, far) = if from == 0 { (one, two) } else { (two, one) };
        if far.open {
            far.queue.push_back(message);
        }
        own.open
    }

    /// A side is done with a connection. Whether it was not before.
    pub(super) fn close(&mut self, conn: ConnId, side: usize) -> bool {
        let Some(end) = self.get_mut(conn).and_then(|wire| wire.ends.get_mut(side)) else { return false };
        let was = std::mem::replace(&mut end.open, false);
        end.queue.clear();
        self.0.retain(|wire| wire.ends.iter().any(|end| end.open));
        was
    }

    /// A side is gone, and with it its ends of all connections.
    pub(super) fn close_all(&mut self, side: usize) {
        for conn in self.0.iter().map(|wire| wire.conn).collect::<Vec<_>>() {
            self.close(conn, side);
        }
    }
}
