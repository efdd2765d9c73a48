//! The owner of a link, as small as one can be: bodies, a store, and what came in.

use std::collections::{BTreeMap, VecDeque};
use std::vec::Vec;

use super::super::*;
use crate::crypto::Secret;
use crate::crypto::aead::{Aead, RustCrypto};
use crate::crypto::rng::Rng;
use crate::handshake::{AdmissionConfig, Local, Params, Peer, Source, Suites};
use crate::id::{AgentId, AgentName, Identity};
use crate::link::state::ChannelState;
use crate::testing::RecordingAead;
use crate::wire::Item;
use crate::wire::bind::{AgentChannel, bind};
use crate::wire::item::{Accept, Code, Data, Meta, Open, WireCode};

/// A queued or numbered item.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Body {
    pub(super) kind: Kind,
    pub(super) channel: ChannelId,
    pub(super) answer: bool,
    pub(super) bytes: Vec<u8>,
}

#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct Bodies {
    first: u64,
    pub(super) numbered: VecDeque<Body>,
    pub(super) control: VecDeque<Body>,
    pub(super) queued: BTreeMap<ChannelId, VecDeque<Body>>,
    q: BTreeMap<ChannelId, u64>,
}

impl Outbox for Bodies {
    fn body(&self, n: u64) -> Option<&[u8]> {
        let at = usize::try_from(n.checked_sub(self.first)?.checked_sub(1)?).ok()?;
        self.numbered.get(at).map(|body| &body.bytes[..])
    }

    fn control(&self) -> Option<Control> {
        let body = self.control.front()?;
        let len = u32::try_from(body.bytes.len()).unwrap();
        Some(Control { kind: body.kind, channel: body.channel, len, answer: body.answer })
    }

    fn queued(&self, channel: &ChannelId) -> Option<u32> {
        self.queued.get(channel)?.front().map(|body| u32::try_from(body.bytes.len()).unwrap())
    }
}

/// Everything that a store would hold.
#[derive(Clone, Debug, Default)]
pub(super) struct Durable {
    state: LinkState,
    pub(super) sessions: Vec<SessionRecord>,
    channels: BTreeMap<ChannelId, ChannelState>,
    bodies: Bodies,
    inbox: Vec<(ChannelId, u64, Vec<u8>)>,
}

pub(super) struct Host<S: Storage> {
    pub(super) identity: Identity,
    pub(super) link: Link<S>,
    setup: Setup,
    aead: &'static RecordingAead,
    rng: Rng,
    pub(super) bodies: Bodies,
    pub(super) inbox: Vec<(ChannelId, u64, Vec<u8>)>,
    pub(super) events: Vec<LinkEvent>,
    /// What the peer answered or asked, by kind.
    pub(super) seen: Vec<Kind>,
    opens: BTreeMap<ChannelId, Vec<u8>>,
    pub(super) accepts: bool,
    /// Handlers are done at once.
    pub(super) works: bool,
    pub(super) uncertain: u32,
    batch: u64,
    under_way: VecDeque<(u64, Durable)>,
    pub(super) commits: bool,
    pub(super) durable: Durable,
    next_channel: u8,
}

pub(super) fn identity(name: u8) -> Identity {
    Identity::new([name; 32], "test", "host").unwrap()
}

impl<S: Storage> Host<S> {
    pub(super) fn new(own: u8, peer: u8, dials: bool, params: Params, config: &LinkConfig) -> Self {
        let (identity, other) = (identity(own), identity(peer));
        let peer = Peer {
            public: *other.public(),
            id: other.id(),
            psk: Some(Secret::from_bytes([9; 32])),
            store_id: StoreId::from_bytes([own; 16]),
            params,
        };
        let setup = Setup { peer, config: *config, dials };
        let aead = RecordingAead::leak(&RustCrypto);
        let mut host = Self {
            link: Link::new(Instant::ZERO, identity.id(), setup.clone(), LinkState::default()),
            identity,
            setup,
            aead,
            rng: Rng::new([own; 32]),
            bodies: Bodies::default(),
            inbox: Vec::new(),
            events: Vec::new(),
            seen: Vec::new(),
            opens: BTreeMap::new(),
            accepts: true,
            works: true,
            uncertain: 0,
            batch: 0,
            under_way: VecDeque::new(),
            commits: true,
            durable: Durable::default(),
            next_channel: 0,
        };
        host.with(|link, cx| link.start(Instant::ZERO, cx));
        host
    }

    pub(super) fn with<T>(&mut self, call: impl FnOnce(&mut Link<S>, &mut Context<'_>) -> T) -> T {
        let local = Local::new(&self.identity, self.aead);
        let aead: &'static dyn Aead = self.aead;
        call(&mut self.link, &mut Context { local: &local, aead, rng: &mut self.rng })
    }

    pub(super) fn repeats(&self) -> usize {
        self.aead.repeats()
    }

    /// What was last durable is all that there is.
    pub(super) fn crash(&mut self, now: Instant, from: Durable) {
        self.under_way.clear();
        let Durable { state, sessions, channels, bodies, inbox } = from.clone();
        self.link = Link::new(now, self.identity.id(), self.setup.clone(), state);
        for body in &bodies.numbered {
            let len = u32::try_from(body.bytes.len()).unwrap();
            let item = Numbered { channel: body.channel, kind: body.kind, len, answer: body.answer, superseded: false };
            self.link.restore_item(item).unwrap();
        }
        for record in sessions {
            self.link.restore_session(record).unwrap();
        }
        for (id, state) in channels {
            let (sends, receives) = (state.sends.count(), (state.receives.count(), state.receives.done()));
            let mut fresh = ChannelState::new(state.phase, state.bind, state.padding, 0);
            fresh.sends = crate::link::credit::SendCredit::new(sends);
            fresh.receives = crate::link::credit::ReceiveCredit::new(receives.0, receives.1);
            fresh.received_q = state.received_q;
            self.link.restore_channel(id, fresh).unwrap();
        }
        for id in bodies.queued.keys() {
            self.link.handle_queued(id);
        }
        for body in bodies.control.iter().filter(|body| body.answer) {
            assert!(body.answer);
            self.link.answered();
        }
        (self.bodies, self.inbox, self.durable) = (bodies, inbox, from);
        self.with(|link, cx| link.start(now, cx));
    }

    /// The peer's store is lost, or this side asks for a new one.
    pub(super) fn set_store(&mut self, store: u8) {
        self.setup.peer.store_id = StoreId::from_bytes([store; 16]);
    }

    pub(super) fn open(&mut self) -> ChannelId {
        self.next_channel += 1;
        let id = AgentChannel::draw([self.next_channel; 16], &self.identity.id(), &self.setup.peer.id).unwrap();
        let (agent, from) = (AgentId::from_bytes([1; 32]), AgentName::new("a").unwrap());
        let open = Open { channel: id, agent, from, to: AgentName::new("b").unwrap(), padding: true };
        self.queue(&Item::Open(open), id.id(), false);
        self.link.open(id.id(), 7, true).unwrap();
        id.id()
    }

    pub(super) fn send(&mut self, channel: ChannelId, payload: &[u8]) {
        let q = self.bodies.q.entry(channel).or_default();
        *q += 1;
        let data = Data { q: (*q).try_into().unwrap(), meta: Meta::EMPTY, payload };
        let bytes = encode(&Item::Data(data));
        let body = Body { kind: Kind::Data, channel, answer: false, bytes };
        self.bodies.queued.entry(channel).or_default().push_back(body);
        self.link.handle_queued(&channel);
    }

    pub(super) fn close(&mut self, channel: ChannelId, code: Code) {
        if self.link.close(&channel) {
            self.drop_queued(channel);
            self.queue_close(channel, code, false);
        }
    }

    fn drop_queued(&mut self, channel: ChannelId) {
        self.bodies.queued.remove(&channel);
    }

    fn queue_close(&mut self, channel: ChannelId, code: Code, answer: bool) {
        let id = AgentChannel::new(channel).unwrap();
        self.queue(&Item::Close { channel: id, code: WireCode::from(code) }, channel, answer);
    }

    fn queue(&mut self, item: &Item<'_>, channel: ChannelId, answer: bool) {
        let body = Body { kind: item.kind(), channel, answer, bytes: encode(item) };
        if item.kind() == Kind::Open {
            self.opens.insert(channel, body.bytes.clone());
        }
        self.bodies.control.push_back(body);
        if answer {
            self.link.answered();
        }
    }

    /// `accept-gap` and `accept-local-loss`.
    pub(super) fn accept_loss(&mut self, now: Instant) {
        let next = self.with(|link, cx| link.accept_loss(now, cx)).unwrap();
        self.uncertain += u32::try_from(self.bodies.numbered.len()).unwrap();
        self.bodies.numbered.clear();
        self.bodies.first = next - 1;
        self.close_all();
    }

    fn close_all(&mut self) {
        let mut next = self.link.channels.after(None);
        while let Some(id) = next {
            self.link.close(&id);
            self.drop_queued(id);
            let closing = |body: &Body| body.kind == Kind::Close && body.channel == id;
            if !self.bodies.control.iter().any(closing) && !self.bodies.numbered.iter().any(closing) {
                self.queue_close(id, Code::Reset, false);
            }
            next = self.link.channels.after(Some(&id));
        }
    }

    /// `accept-reset` and `reset`.
    pub(super) fn reset(&mut self, now: Instant, store: Option<u8>) {
        let store = store.map(|store| StoreId::from_bytes([store; 16]));
        if let Some(store) = store {
            self.setup.peer.store_id = store;
        }
        self.with(|link, cx| link.reset(now, store, cx));
        self.bodies = Bodies::default();
    }

    /// Bytes of the peer; returns those used up.
    pub(super) fn input(&mut self, now: Instant, conn: ConnId, bytes: &mut [u8]) -> usize {
        let mut at = 0;
        while at < bytes.len() {
            let rest = &mut bytes[at..];
            let all = rest.len();
            let local = Local::new(&self.identity, self.aead);
            let mut cx = Context { local: &local, aead: self.aead, rng: &mut self.rng };
            match self.link.handle_input(now, conn, rest, &mut cx) {
                Input::Need(need) => {
                    assert!(need > all);
                    break;
                }
                Input::Consumed(len) => at += len,
                Input::Item { consumed, item } => {
                    at += consumed;
                    let todo = Todo::of(item);
                    self.act(todo);
                }
                Input::Gap { consumed } => {
                    at += consumed;
                    self.settle();
                    self.close_all();
                }
                Input::Ended => at = bytes.len(),
            }
            self.settle();
        }
        at
    }

    fn act(&mut self, todo: Todo) {
        match todo {
            Todo::Data(channel, q, payload) => {
                self.inbox.push((channel, q, payload));
                if self.works {
                    self.link.handle_done(&channel);
                }
            }
            Todo::Open(open) => self.answer(&open),
            Todo::Queue(item, channel) => self.queue(&item, channel, true),
            Todo::Bind(accept) => {
                let channel = accept.channel.id();
                let bound = bind(&self.opens[&channel], &encode(&Item::Accept(accept)));
                self.link.bind(&channel, bound);
                self.seen.push(Kind::Accept);
            }
            Todo::Rejected(channel) => {
                self.drop_queued(channel);
                self.seen.push(Kind::Reject);
            }
            Todo::Closed(channel, answer) => {
                self.seen.push(Kind::Close);
                if answer {
                    self.drop_queued(channel);
                    self.queue_close(channel, Code::Done, true);
                }
            }
            Todo::Nothing => {}
        }
    }

    fn answer(&mut self, open: &Open) {
        let channel = open.channel;
        if !self.accepts {
            self.queue(&Item::Reject { channel, code: WireCode::from(Code::Refused) }, channel.id(), true);
            return;
        }
        let agent = AgentId::from_bytes([2; 32]);
        let accept = Item::Accept(Accept { channel, agent, name: open.to.clone() });
        let bound = bind(&encode(&Item::Open(open.clone())), &encode(&accept));
        self.queue(&accept, channel.id(), true);
        self.link.accept(channel.id(), 8, open.padding, bound).unwrap();
    }

    pub(super) fn disconnected(&mut self, now: Instant, conn: ConnId) {
        self.with(|link, cx| link.handle_disconnected(now, conn, cx));
    }

    pub(super) fn timeout(&mut self, now: Instant) {
        self.with(|link, cx| link.handle_timeout(now, cx));
    }

    /// What a link asks of its owner after every call.
    pub(super) fn settle(&mut self) {
        while self.bodies.first < self.link.acked() {
            self.bodies.numbered.pop_front();
            self.bodies.first += 1;
        }
        while let Some(event) = self.link.poll_event() {
            if let LinkEvent::Replaced { channel, from } = event {
                self.replace(channel, from);
            }
            if event == LinkEvent::Reset {
                self.bodies = Bodies::default();
            }
            self.events.push(event);
        }
    }

    fn replace(&mut self, channel: Option<ChannelId>, from: u64) {
        let code = if channel.is_some() { Code::Limit } else { Code::Reset };
        for (n, body) in (self.bodies.first + 1..).zip(&mut self.bodies.numbered) {
            if n >= from && channel.is_none_or(|channel| body.channel == channel && body.kind == Kind::Data) {
                let id = AgentChannel::new(body.channel).unwrap();
                body.kind = Kind::Close;
                body.bytes = encode(&Item::Close { channel: id, code: WireCode::from(code) });
            }
        }
        if let Some(channel) = channel {
            self.drop_queued(channel);
        }
    }

    /// Numbers what may be numbered, and closes a batch if there is something in it.
    pub(super) fn work(&mut self, now: Instant) {
        self.settle();
        while let Some(number) = self.link.poll_number(now, &self.bodies) {
            let (body, n) = match number {
                Number::Control { n } => (self.bodies.control.pop_front().unwrap(), n),
                Number::Data { channel, n } => (self.bodies.queued.get_mut(&channel).unwrap().pop_front().unwrap(), n),
                Number::TooLarge { channel } => {
                    self.close(channel, Code::Limit);
                    continue;
                }
            };
            self.bodies.numbered.push_back(body);
            assert_eq!(n, self.bodies.first + u64::try_from(self.bodies.numbered.len()).unwrap());
        }
        if self.link.is_dirty() {
            self.batch += 1;
            let base = self.under_way.back().map_or(&self.durable, |(_, durable)| durable);
            let mut next = base.clone();
            self.link.persist(self.batch, |op| match op {
                LinkOp::State(state) => next.state = state.clone(),
                LinkOp::PutSession(record) => {
                    next.sessions.retain(|old| old.id != record.id);
                    next.sessions.push(record.clone());
                }
                LinkOp::DeleteSession(id) => next.sessions.retain(|old| old.id != id),
                LinkOp::Channel(id, state) => {
                    next.channels.insert(id, state.clone());
                }
            });
            next.channels.retain(|id, _| self.link.channel(id).is_some());
            next.bodies = self.bodies.clone();
            next.inbox = self.inbox.clone();
            self.under_way.push_back((self.batch, next));
        }
        if self.commits {
            self.commit(now);
        }
    }

    pub(super) fn commit(&mut self, now: Instant) {
        while let Some((batch, durable)) = self.under_way.pop_front() {
            self.durable = durable;
            self.link.handle_persisted(now, batch);
        }
        self.settle();
    }

    pub(super) fn transmit(&mut self, now: Instant, conn: ConnId, out: &mut [u8]) -> Option<usize> {
        let local = Local::new(&self.identity, self.aead);
        let mut cx = Context { local: &local, aead: self.aead, rng: &mut self.rng };
        let written = self.link.poll_transmit(now, conn, out, &self.bodies, &mut cx).unwrap();
        self.settle();
        written
    }

    /// Message 1 in a connection that the peer made.
    pub(super) fn message1(&mut self, now: Instant, conn: ConnId, message: &[u8]) -> Result<(), HandshakeError> {
        let local = Local::new(&self.identity, self.aead);
        let mut admission = handshake::Admission::<4>::new(AdmissionConfig::default());
        let source = Source::Ipv4([u8::try_from(conn.0 % 250).unwrap(); 4]);
        let admitted = admission.admit(now, source, self.link.pending(), &local.frame_key, message)?;
        let peer = self.link.peer().clone();
        let identified = admitted.identify(&local, |_| Some(&peer))?;
        let mut cx = Context { local: &local, aead: self.aead, rng: &mut self.rng };
        let result = self.link.handle_message1(now, conn, identified, &mut cx);
        self.settle();
        result
    }
}

use crate::handshake::HandshakeError;

pub(super) fn params(limits: Limits, mode: Mode) -> Params {
    Params::new(limits, Suites::default(), mode).unwrap()
}

fn encode(item: &Item<'_>) -> Vec<u8> {
    let mut bytes = std::vec![0; item.body_len()];
    item.encode_body(&mut bytes).unwrap();
    bytes
}

/// An item of the peer, without what it borrows.
enum Todo {
    Data(ChannelId, u64, Vec<u8>),
    Open(Open),
    Queue(Item<'static>, ChannelId),
    Bind(Accept),
    Rejected(ChannelId),
    Closed(ChannelId, bool),
    Nothing,
}

impl Todo {
    fn of(item: LinkItem<'_>) -> Self {
        match item {
            LinkItem::Data { channel, data, .. } => Self::Data(channel, data.q.get(), data.payload.to_vec()),
            LinkItem::Open(open) => Self::Open(open),
            LinkItem::Refused { channel, code } => {
                let id = AgentChannel::new(channel).unwrap();
                Self::Queue(Item::Reject { channel: id, code: WireCode::from(code) }, channel)
            }
            LinkItem::Opened { accept, .. } | LinkItem::Bound { accept, .. } => Self::Bind(accept),
            LinkItem::Rejected { channel, .. } => Self::Rejected(channel),
            LinkItem::Closed { channel, answer, .. } => Self::Closed(channel, answer),
            LinkItem::CloseUnknown { channel, code: Some(code) } => {
                let id = AgentChannel::new(channel).unwrap();
                Self::Queue(Item::Close { channel: id, code: WireCode::from(code) }, channel)
            }
            LinkItem::CloseUnknown { code: None, .. } | LinkItem::Ignored => Self::Nothing,
        }
    }
}
