//! One side: the real link, its store, and its agent.

use std::collections::VecDeque;
use std::fmt;
use std::hash::Hash;
use std::sync::Arc;

use mfp_proto::handshake::{Admission, AdmissionConfig, HandshakeError, MESSAGE1_LEN, Source};
use mfp_proto::id::SessionId;
use mfp_proto::link::timers::TimerKind;
use mfp_proto::link::window::Numbered;
use mfp_proto::link::{ConnId, Growing, Input, Link, LinkEvent, LinkItem, Number};
use mfp_proto::time::Instant;
use mfp_proto::wire::Item;
use mfp_proto::wire::item::{Data, Kind, Meta};
use siphasher::sip128::{Hasher128, SipHasher13};

use super::broken::Broken;
use super::site::{GRAIN, Site};
use super::store::{Body, Contents, Durable, Lender, Letter};
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
    now: Instant,
    /// The session in which it sends, and the step of its next message.
    lane: Option<(SessionId, u64)>,
    dirty: bool,
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
            self.take_event(event);
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

    fn take_event(&mut self, event: LinkEvent) {
        match event {
            LinkEvent::Connect => self.outs.push(Out::Connect),
            LinkEvent::CloseConn(conn) => self.outs.push(Out::Close(conn)),
            LinkEvent::Up { .. } | LinkEvent::Confirmed(_) | LinkEvent::ConnectFailed => {}
            // The state of the node says it.
            LinkEvent::Suspended(_) => {}
            LinkEvent::Down { cause, .. } => {
                if let Some(broken) = Broken::of_cause(cause, self.node.rolled_back) {
                    self.breaks(broken);
                }
            }
            LinkEvent::HandshakeFailed(HandshakeError::Deadline) => {}
            LinkEvent::HandshakeFailed(error) => self.breaks(Broken::Handshake(error)),
            LinkEvent::Reset => self.breaks(Broken::Unexpected("a reset")),
            LinkEvent::Replaced { .. } | LinkEvent::Erased { .. } | LinkEvent::GapAcked => {
                self.breaks(Broken::Unexpected("an accepted loss"));
            }
            LinkEvent::Rotated(_) | LinkEvent::RecoveryStalled { .. } | LinkEvent::BreakerOpen { .. } => {
                self.breaks(Broken::Unexpected("what the configuration excludes"));
            }
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

    pub(super) fn connected(&mut self, conn: ConnId) {
        self.node.link.handle_connected(self.node.now, conn);
    }

    pub(super) fn not_connected(&mut self) {
        let node = &mut self.node;
        self.site.with(node.fresh, |cx| node.link.handle_connect_failed(node.now, cx));
    }

    pub(super) fn disconnected(&mut self, conn: ConnId) {
        let node = &mut self.node;
        self.site.with(node.fresh, |cx| node.link.handle_disconnected(node.now, conn, cx));
    }

    /// Message 1, in a connection that the other side has made.
    pub(super) fn called(&mut self, conn: ConnId, message: &Message) {
        let (node, site) = (&mut self.node, self.site);
        let accepted = site.with(node.fresh, |cx| {
            let mut admission = Admission::<1>::new(AdmissionConfig::default());
            let source = Source::Named([0; 16]);
            let admitted =
                admission.admit(node.now, source, node.link.pending(), &cx.local.frame_key, message.bytes())?;
            let peer = node.link.peer().clone();
            let identified = admitted.identify(cx.local, |key| (*key == peer.public).then_some(&peer))?;
            node.link.handle_message1(node.now, conn, identified, cx)
        });
        match accepted {
            Ok(()) => node.fresh += 1,
            Err(error) => {
                self.outs.push(Out::Close(conn));
                if error != HandshakeError::Crossing {
                    self.breaks(Broken::Handshake(error));
                }
            }
        }
    }

    /// Any other message.
    pub(super) fn received(&mut self, conn: ConnId, message: &Message) {
        let (node, mut bytes) = (&mut self.node, message.bytes().to_vec());
        let len = bytes.len();
        let (mut data, mut unexpected) = (None, None);
        self.site.with(node.fresh, |cx| match node.link.handle_input(node.now, conn, &mut bytes, cx) {
            Input::Consumed(consumed) if consumed == len => {}
            Input::Item { consumed, item: LinkItem::Data { data: item, .. } } if consumed == len => {
                data = Some((item.q.get(), item.payload.to_vec()));
            }
            Input::Ended => {}
            other => unexpected = Some(format!("{other:?}")),
        });
        if unexpected.is_some() {
            self.breaks(Broken::Unexpected("an input that nobody has sent"));
        }
        if let Some((q, payload)) = data {
            self.store(q, &payload);
        }
    }

    /// A message for the agent here: each comes once, in the order in which they were sent.
    fn store(&mut self, q: u64, payload: &[u8]) {
        let Some(message) = payload.first().copied() else {
            return self.breaks(Broken::Unexpected("an empty message"));
        };
        let (inbox, letter) = (&mut self.node.contents.inbox, Letter { q, message });
        let last = inbox.last().copied();
        inbox.push(letter);
        self.node.dirty = true;
        if last.is_some_and(|last| last.message >= message || last.q >= q) {
            self.breaks(Broken::Order);
        }
        if self.site.prompt {
            self.done();
        }
    }

    /// The agent sends a message.
    pub(super) fn accept(&mut self, message: u8) {
        let node = &mut self.node;
        node.contents.q += 1;
        let Ok(q) = node.contents.q.try_into() else { return };
        let payload = [message];
        let item = Item::Data(Data { q, meta: Meta::EMPTY, payload: &payload });
        let mut bytes = vec![0; item.body_len()];
        if item.encode_body(&mut bytes).is_err() {
            self.breaks(Broken::Unexpected("an item that cannot be written"));
            return;
        }
        node.contents.accepted.push(message);
        node.contents.queued.push_back(Body { message, bytes });
        node.dirty = true;
        node.link.handle_queued(&self.site.channel);
    }

    /// The agent is done with a message.
    pub(super) fn done(&mut self) {
        self.node.contents.done += 1;
        self.node.dirty = true;
        self.node.link.handle_done(&self.site.channel);
    }

    /// The earliest deadline has come. Those that are a grain long come at the end of theirs, all at once.
    pub(super) fn wake(&mut self) {
        let node = &mut self.node;
        let Some((at, kind)) = node.link.poll_timeout() else { return };
        let grain = u64::try_from(GRAIN.as_micros()).unwrap_or(u64::MAX);
        let due = match kind {
            TimerKind::Dial | TimerKind::LoneAck => at,
            _ => Instant::from_micros(at.as_micros().div_ceil(grain).saturating_mul(grain)),
        };
        node.now = node.now.max(due);
        self.site.with(node.fresh, |cx| node.link.handle_timeout(node.now, cx));
    }

    /// The first batch under way is durable.
    pub(super) fn commit(&mut self) {
        let Some(batch) = self.take_batch() else { return };
        self.node.link.handle_persisted(self.node.now, batch);
    }

    fn take_batch(&mut self) -> Option<u64> {
        let node = &mut self.node;
        let (batch, durable) = node.under_way.pop_front()?;
        let falls = durable.cursor() < node.durable.cursor() || durable.link.acked < node.durable.link.acked;
        node.durable = durable;
        if falls {
            self.breaks(Broken::Regress);
        }
        Some(batch)
    }

    /// The first batch under way fails, and all after it. `kept`: it is durable all the same.
    pub(super) fn fail(&mut self, kept: bool) {
        if kept {
            self.take_batch();
        }
        let node = &mut self.node;
        self.site.with(node.fresh, |cx| node.link.stop(node.now, cx));
        while let Some(event) = self.node.link.poll_event() {
            self.take_event(event);
        }
        self.restart();
    }

    /// Power is lost; the first `kept` batches under way are durable.
    pub(super) fn crash(&mut self, kept: usize) {
        for _ in 0..kept {
            self.take_batch();
        }
        self.restart();
    }

    /// Power is lost, and a copy takes the place of the store.
    pub(super) fn roll_back(&mut self, copy: Arc<Durable>) {
        self.node.durable = copy;
        self.node.rolled_back = true;
        self.restart();
    }

    /// What is durable is all that there is.
    fn restart(&mut self) {
        let (node, site) = (&mut self.node, self.site);
        node.under_way.clear();
        (node.lane, node.dirty) = (None, false);
        let Durable { link, sessions, channel, contents } = Durable::clone(&node.durable);
        node.link = Link::new(node.now, site.identity.id(), site.setup.clone(), link);
        let mut restored = Ok(());
        for body in &contents.numbered {
            let len = u32::try_from(body.bytes.len()).unwrap_or(u32::MAX);
            let item = Numbered { channel: site.channel, kind: Kind::Data, len, answer: false, superseded: false };
            restored = restored.and(node.link.restore_item(item).map(|_| ()));
        }
        for record in sessions {
            restored = restored.and(node.link.restore_session(record));
        }
        restored = restored.and(node.link.restore_channel(site.channel, channel));
        if !contents.queued.is_empty() {
            node.link.handle_queued(&site.channel);
        }
        node.contents = contents;
        site.with(node.fresh, |cx| node.link.start(node.now, cx));
        if restored.is_err() {
            self.breaks(Broken::Unexpected("a store that does not load"));
        }
    }
}
