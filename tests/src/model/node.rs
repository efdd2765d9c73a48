//! One side: the real link, its store, and its agent.

use std::collections::VecDeque;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use mfp_proto::handshake::{HandshakeError, MESSAGE1_LEN};
use mfp_proto::id::SessionId;
use mfp_proto::link::{ConnId, Growing, Link, LinkEvent, Number};
use mfp_proto::time::Instant;
use siphasher::sip128::{Hasher128, SipHasher13};

use super::broken::Broken;
use super::site::{GRAIN, Site};
use super::store::{Contents, Durable, Lender};
use super::wires::Message;

/// What comes of a step, in order.
#[derive(Clone, Debug)]
pub(super) enum Out {
    Connect,
    Sent(ConnId, Message),
    Close(ConnId),
}

/// One side. Two with the same fingerprint do the same from now on.
#[derive(Clone)]
pub(super) struct Node {
    pub(super) link: Link<Growing>,
    pub(super) contents: Contents,
    pub(super) durable: Arc<Durable>,
    /// What each batch under way makes of the store.
    pub(super) under_way: VecDeque<(u64, Arc<Durable>)>,
    pub(super) rolled_back: bool,
    /// Handshakes of which it has made a part, ever: none has the randomness of another.
    pub(super) fresh: u64,
    pub(super) now: Instant,
    /// The session in which it sends, and the step of its next message.
    pub(super) lane: Option<(SessionId, u64)>,
    pub(super) dirty: bool,
    pub(super) fingerprint: u128,
}

impl fmt::Debug for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let status = self.link.status();
        let (session, connecting) = (status.session.map(|it| (it.id, it.role, it.confirmed)), status.connecting);
        f.debug_struct("Node")
            .field("session", &session)
            .field("connecting", &connecting)
            .field("timer", &self.link.poll_timeout())
            .field("suspended", &status.suspended)
            .field("acked, given, received", &(status.acked, status.given, status.received))
            .field("durable acked, cursor", &(self.durable.link.acked, self.durable.cursor()))
            .field("accepted", &self.contents.accepted)
            .field("inbox", &self.contents.inbox)
            .field("under way", &self.under_way.len())
            .finish_non_exhaustive()
    }
}

/// A step: a node in the making, and what has come of it so far.
pub(super) struct Step<'a> {
    pub(super) site: &'a Site,
    pub(super) node: Node,
    pub(super) outs: Vec<Out>,
    pub(super) broken: Option<Broken>,
}

impl Node {
    /// A node that starts from what its store has.
    pub(super) fn start(site: &Site) -> Step<'_> {
        let durable = Arc::new(site.durable());
        let link = Link::new(Instant::ZERO, site.identity.id(), site.setup.clone(), durable.link.clone());
        let node = Self {
            link,
            contents: Contents::default(),
            durable,
            under_way: VecDeque::new(),
            rolled_back: false,
            fresh: 0,
            now: Instant::ZERO,
            lane: None,
            dirty: false,
            fingerprint: 0,
        };
        let mut step = node.step(site);
        step.restart();
        step
    }

    pub(super) fn step(self, site: &Site) -> Step<'_> {
        Step { site, node: self, outs: Vec::new(), broken: None }
    }

    fn print(&self) -> u128 {
        let mut hasher = SipHasher13::new();
        self.link.hash_state(GRAIN, &mut hasher);
        (&self.contents, &self.durable, self.rolled_back, self.fresh).hash(&mut hasher);
        self.under_way.hash(&mut hasher);
        hasher.finish128().into()
    }
}

impl Step<'_> {
    pub(super) fn breaks(&mut self, broken: Broken) {
        self.broken.get_or_insert(broken);
    }

    /// The end of a step: all is done that the link asks of its owner.
    pub(super) fn finish(mut self) -> (Node, Vec<Out>, Option<Broken>) {
        while self.settle() | self.persist() | self.transmit() {}
        let (link, lane) = (&self.node.link, self.node.lane);
        let session = link.status().session.map(|session| session.id);
        self.node.lane = lane.filter(|(of, _)| Some(*of) == session);
        self.node.fingerprint = self.node.print();
        (self.node, self.outs, self.broken)
    }

    /// Takes what is acked, the events and the numbers. Whether there was any.
    fn settle(&mut self) -> bool {
        let (node, mut busy) = (&mut self.node, false);
        while node.contents.acked < node.link.acked() {
            (node.contents.acked, node.dirty, busy) = (node.contents.acked + 1, true, true);
            node.contents.numbered.pop_front();
        }
        while let Some(event) = self.node.link.poll_event() {
            busy = true;
            self.take_event(&event);
        }
        loop {
            let node = &mut self.node;
            let number = node.link.poll_number(node.now, &Lender::new(&node.contents));
            match (number, node.contents.queued.pop_front()) {
                (Some(Number::Data { n, .. }), Some(body)) => {
                    node.contents.numbered.push_back(body);
                    (node.dirty, busy) = (true, true);
                    if node.contents.item(n + 1).is_some() || node.contents.item(n).is_none() {
                        self.breaks(Broken::Unexpected("a number that is not the next"));
                    }
                }
                (None, body) => {
                    if let Some(body) = body {
                        node.contents.queued.push_front(body);
                    }
                    return busy;
                }
                _ => {
                    self.breaks(Broken::Unexpected("a number for nothing"));
                    return busy;
                }
            }
        }
    }

    pub(super) fn take_event(&mut self, event: &LinkEvent) {
        match event {
            LinkEvent::Connect => self.outs.push(Out::Connect),
            LinkEvent::CloseConn(conn) => self.outs.push(Out::Close(*conn)),
            // The state of the node says it.
            LinkEvent::Up { .. }
            | LinkEvent::Confirmed(_)
            | LinkEvent::ConnectFailed
            | LinkEvent::Suspended(_)
            | LinkEvent::HandshakeFailed(HandshakeError::Deadline) => {}
            LinkEvent::Down { cause, .. } => {
                if let Some(broken) = Broken::of_cause(*cause, self.node.rolled_back) {
                    self.breaks(broken);
                }
            }
            LinkEvent::HandshakeFailed(error) => self.breaks(Broken::Handshake(*error)),
            LinkEvent::Reset => self.breaks(Broken::Unexpected("a reset")),
            LinkEvent::Replaced { .. } | LinkEvent::Erased { .. } | LinkEvent::GapAcked => {
                self.breaks(Broken::Unexpected("an accepted loss"));
            }
            LinkEvent::Rotated(_) | LinkEvent::RecoveryStalled { .. } | LinkEvent::BreakerOpen { .. } => {
                self.breaks(Broken::Unexpected("what the configuration excludes"));
            }
            _ => self.breaks(Broken::Unexpected("an event that the search does not know")),
        }
    }

    /// Closes a batch, if there is something in it.
    fn persist(&mut self) -> bool {
        let node = &mut self.node;
        if !node.dirty && !node.link.is_dirty() {
            return false;
        }
        // Of the batches under way each has a number above those before it; links do not ask for more.
        let (batch, base) = match node.under_way.back() {
            Some((last, durable)) => (last + 1, durable),
            None => (1, &node.durable),
        };
        let mut next = Durable::clone(base);
        if node.link.is_dirty() {
            node.link.persist(batch, |op| next.apply(&op));
        }
        next.contents = node.contents.clone();
        node.dirty = false;
        node.under_way.push_back((batch, Arc::new(next)));
        true
    }

    /// Sends what may go.
    fn transmit(&mut self) -> bool {
        let mut busy = false;
        let mut out = vec![0; 1 << 14];
        while let Some(conn) = self.node.link.wants_transmit() {
            let node = &mut self.node;
            let lender = Lender::new(&node.contents);
            let written =
                self.site.with(node.fresh, |cx| node.link.poll_transmit(node.now, conn, &mut out, &lender, cx));
            let lent = lender.lent.into_inner();
            let written_ahead = |n: &u64| node.durable.contents.item(*n) == node.contents.item(*n);
            if !lent.iter().all(written_ahead) {
                self.breaks(Broken::WriteAhead);
            }
            match written {
                Ok(Some(len)) => self.send(conn, out.get(..len).unwrap_or_default()),
                Ok(None) => return busy,
                Err(_) => {
                    self.breaks(Broken::Unexpected("a message that is too large"));
                    return busy;
                }
            }
            busy = true;
        }
        busy
    }

    fn send(&mut self, conn: ConnId, bytes: &[u8]) {
        let Some(messages) = Message::split(bytes) else { return self.breaks(Broken::Unexpected("half a message")) };
        for message in messages {
            match message.lane() {
                // What made message 1 is not used again.
                None => self.node.fresh += u64::from(message.bytes().len() == MESSAGE1_LEN),
                Some((session, step)) => {
                    let next = self.node.lane.filter(|(of, _)| *of == session).map_or(0, |(_, next)| next);
                    if step != next {
                        self.breaks(Broken::Position);
                    }
                    self.node.lane = Some((session, step + 1));
                }
            }
            self.outs.push(Out::Sent(conn, message));
        }
    }
}
