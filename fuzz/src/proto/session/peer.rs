//! The peer: it has the keys of its sessions, so that whatever it says is authentic.

use std::collections::{BTreeMap, VecDeque};

use mfp_proto::crypto::Secret;
use mfp_proto::crypto::aead::RustCrypto;
use mfp_proto::crypto::rng::Rng;
use mfp_proto::handshake::{self, Established, Initiator, Local, Mode, Params, Suites};
use mfp_proto::id::{ChannelId, Identity, RuntimeId, SessionId, StoreId};
use mfp_proto::link::recovery::Context;
use mfp_proto::link::session::Terms;
use mfp_proto::link::{GrowingChannels, Role, Session, SessionKeys};
use mfp_proto::wire::bind::bind;
use mfp_proto::wire::header::CONTROL;
use mfp_proto::wire::item::{Accept, Item, Kind, Open, Pos, Proof};

use super::victim::{CHAN_ITEMS, Victim, WIN_BYTES, WIN_ITEMS, limits};

pub(super) type PeerSession = Session<GrowingChannels>;

/// What the peer says of itself when it connects.
#[derive(Clone, Copy, Debug, arbitrary::Arbitrary)]
pub(super) enum Claim {
    Honest,
    /// So many fewer than it has.
    Fewer(u8),
    /// So many more.
    More(u64),
    Nothing,
    BadProof(u8),
    /// It shows another store.
    OtherStore,
}

/// How far a channel is, as the peer knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    /// The peer has asked for it.
    Asked,
    /// The runtime has.
    AskedBack,
    Open,
    /// It is being closed, or nobody can tell.
    Unsure,
}

#[derive(Clone, Debug)]
pub(super) struct Chan {
    pub(super) state: State,
    open: Vec<u8>,
    bind: Option<[u8; 32]>,
    /// The last q sent, how many DATA were, and how many may be.
    pub(super) q: u64,
    pub(super) count: u64,
    pub(super) limit: u64,
    /// The same of the other direction.
    got: u64,
    pub(super) granted: u64,
}

pub(super) struct Peer {
    pub(super) identity: Identity,
    victim: RuntimeId,
    config: handshake::Peer,
    rng: Rng,
    pub(super) session: Option<PeerSession>,
    pub(super) channels: BTreeMap<ChannelId, Chan>,
    /// The highest number that the runtime has taken, and how far it has acked in this session.
    taken: u64,
    told: u64,
    lens: VecDeque<(u64, u32)>,
    /// The highest number that it has got, where that came, and the highest that it has acked in this session.
    pub(super) cursor: u64,
    tag: Option<(SessionId, Secret)>,
    acked: u64,
    unacked: VecDeque<u32>,
    /// It has said something that is not so, or acked what it has not got.
    pub(super) lied: bool,
    /// The runtime's store has failed since it last said how far it is.
    pub(super) forgot: bool,
}

impl Peer {
    pub(super) fn new(identity: Identity, victim: &Identity) -> Self {
        let params = Params::new(limits(), Suites::default(), Mode::Durable).unwrap();
        let store_id = StoreId::from_bytes([5; 16]);
        let config = handshake::Peer { public: *victim.public(), id: victim.id(), psk: None, store_id, params };
        Self {
            identity,
            victim: victim.id(),
            config,
            rng: Rng::new([6; 32]),
            session: None,
            channels: BTreeMap::new(),
            taken: 0,
            told: 0,
            lens: VecDeque::new(),
            cursor: 0,
            tag: None,
            acked: 0,
            unacked: VecDeque::new(),
            lied: false,
            forgot: false,
        }
    }

    /// Shakes hands and negotiates. An honest claim leads to a session, unless the link is suspended.
    pub(super) fn connect(&mut self, victim: &mut Victim, claim: Claim, told: bool) {
        self.session = None;
        victim.commit_all();
        victim.lazy = false;
        victim.connected(told);
        let suspended = victim.is_suspended();
        self.lied |= !matches!(claim, Claim::Honest);
        let mut config = self.config.clone();
        if matches!(claim, Claim::OtherStore) {
            config.store_id = StoreId::from_bytes([0x55; 16]);
        }
        let local = Local::new(&self.identity, &RustCrypto);
        let (mut initiator, message1) = Initiator::start(victim.now, &local, &config, &mut self.rng).unwrap();
        victim.input(&message1, 0);
        let message2 = std::mem::take(&mut victim.sent);
        if message2.is_empty() {
            assert!(suspended, "message 1 is refused, and nothing is suspended");
            return;
        }
        let established = initiator.finish(victim.now, &local, &message2).unwrap();
        self.judge(&established);
        let pos = self.claim(&established, claim);
        self.begin(established, pos, victim);
        victim.commit_all();
        let live = victim.is_live();
        if live {
            self.tag_claim(pos);
        } else {
            assert!(self.lied, "an honest claim does not lead to a session");
            self.session = None;
        }
        assert!(!victim.is_suspended() || suspended || self.lied, "an honest peer is suspended");
        self.read(victim);
    }

    /// The position that the runtime claims: everything that it has accepted, and it can prove that.
    fn judge(&mut self, established: &Established) {
        let pos = established.pos;
        if !self.forgot && !self.lied {
            assert_eq!(pos.n(), self.taken, "the runtime forgets what it has accepted, or claims more");
        }
        if self.forgot {
            self.all_unsure();
            self.forgot = false;
        }
        (self.taken, self.told) = (pos.n(), pos.n());
        self.lens.clear();
    }

    fn claim(&self, established: &Established, claim: Claim) -> Pos {
        let context = Context::new(&self.victim, &self.identity.id(), established.e_i, established.e_r);
        let Some((id, history)) = &self.tag else { return Pos::ZERO };
        let of = |n: u64| context.claim(n, *id, history);
        match claim {
            Claim::Honest | Claim::OtherStore => of(self.cursor),
            Claim::Fewer(fewer) => of(self.cursor.saturating_sub(fewer.into())),
            Claim::More(more) => of(self.cursor.saturating_add(more)),
            Claim::Nothing => Pos::ZERO,
            Claim::BadProof(bit) => {
                let right = of(self.cursor);
                let mut proof = *right.proof().as_bytes();
                proof[usize::from(bit % 16)] ^= 1;
                right.n().try_into().map_or(Pos::ZERO, |n| Pos::new(n, right.session(), Proof::from_bytes(proof)))
            }
        }
    }

    fn begin(&mut self, established: Established, pos: Pos, victim: &mut Victim) {
        let Established { split, agreed, .. } = established;
        let keys = SessionKeys::derive(split.k_ir, split.k_ri, &split.h);
        let (depth, max_body, suite) = (agreed.depth, agreed.max_body, agreed.suite);
        let (local, peer) = (self.identity.id(), self.victim);
        let terms = Terms { role: Role::Initiator, local, peer, depth, max_body, suite, aead: &RustCrypto };
        let mut session = PeerSession::new(keys, &terms).unwrap();
        for (id, channel) in &self.channels {
            if let Some(bound) = channel.bind {
                session.bind(*id, bound).unwrap();
            }
        }
        let mut out = [0; 1_024];
        let len = session.seal(&CONTROL, 0, 0, &Item::Negotiate(pos), None, &mut out).unwrap();
        self.session = Some(session);
        victim.input(&out[..len], len / 2);
    }

    /// The claim was taken for true: the runtime goes on from there.
    fn tag_claim(&mut self, pos: Pos) {
        (self.cursor, self.acked) = (pos.n(), pos.n());
        self.unacked.clear();
    }

    /// Reads what the runtime has sent, each message of it, and holds it against what may come.
    pub(super) fn read(&mut self, victim: &mut Victim) {
        let mut bytes = std::mem::take(&mut victim.sent);
        let mut at = 0;
        while at < bytes.len() {
            let Some(mut session) = self.session.take() else { return };
            let rest = &mut bytes[at..];
            let opening = match session.judge_head(rest) {
                Ok(opening) => opening.expect("whole messages are sent"),
                Err(check) => {
                    let unknown = self.channels.values().any(|channel| channel.state == State::Unsure);
                    assert!(unknown || self.lied, "the runtime is not understood: {check}");
                    return victim.disconnected(true);
                }
            };
            let received = session.open(opening, rest).unwrap();
            at += received.len;
            let item = Owned::of(received.n, &received.channel, &received.item);
            self.take_ack(received.ack, victim);
            match received.item {
                Item::Open(ref open) => self.asked(open, &item.body),
                Item::Accept(ref accept) => self.accepted(accept, &item.body, &mut session),
                Item::Reject { channel, .. } | Item::Close { channel, .. } => self.unsure(&channel.id()),
                Item::Credit { channel, limit } => {
                    if let Some(channel) = self.channels.get_mut(&channel.id()) {
                        channel.limit = channel.limit.max(limit);
                    }
                }
                Item::Gap { next } => {
                    self.cursor = next.get() - 1;
                    self.tag = Some((session.id(), session.history().clone()));
                    self.unacked.clear();
                    self.acked = self.cursor;
                    self.all_unsure();
                }
                Item::Negotiate(_) => panic!("the responder does not negotiate"),
                _ => {}
            }
            if item.kind.is_numbered() {
                self.take(&item, &session, victim);
            }
            self.session = Some(session);
        }
    }

    /// Acks rise, and are of what is durable and was sent.
    fn take_ack(&mut self, ack: u64, victim: &Victim) {
        assert!(ack >= self.told, "an ack has fallen");
        assert!(ack <= self.taken, "an ack of what was not accepted");
        assert!(ack <= victim.durable_cursor(), "an ack of what is not durable");
        self.told = ack;
        while self.lens.pop_front_if(|(n, _)| *n <= ack).is_some() {}
    }

    /// A numbered item has come.
    fn take(&mut self, item: &Owned, session: &PeerSession, victim: &mut Victim) {
        if !self.lied {
            assert_eq!(item.n, self.cursor + 1, "numbers have a hole or go back");
        }
        self.unacked.push_back(u32::try_from(item.body.len()).unwrap());
        let bytes: u32 = self.unacked.iter().sum();
        if !self.lied {
            assert!(self.unacked.len() <= WIN_ITEMS as usize && bytes <= WIN_BYTES, "the window is exceeded");
            let stored = victim.disk.load();
            let is = |record: &&mfp_proto::store::OutboxRecord| record.n.is_some_and(|n| n.get() == item.n);
            let record = stored.outbox.iter().find(is).expect("an item is sent that is not durable");
            assert!(record.kind == item.kind && *record.body == *item.body, "another item is durable under its number");
            let recorded = stored.sessions.iter().any(|(_, record)| record.id == session.id());
            assert!(recorded, "the session has no record");
        }
        if item.kind == Kind::Data
            && let Some(channel) = self.channels.get_mut(&item.channel)
        {
            channel.got += 1;
            let within = channel.got <= channel.granted.max(CHAN_ITEMS.into());
            assert!(within || self.lied, "credit is exceeded");
        }
        self.cursor = self.cursor.max(item.n);
        self.tag = Some((session.id(), session.history().clone()));
    }

    /// How far the peer has acked, if it acks everything.
    pub(super) fn acks(&mut self, ack: u64) {
        self.lied |= ack > self.cursor;
        while self.acked < ack.min(self.cursor) {
            self.acked += 1;
            self.unacked.pop_front();
        }
    }

    /// The highest number that the runtime has taken.
    pub(super) fn taken(&self) -> u64 {
        self.taken
    }

    /// The next number that the runtime takes. After the last one there is none, and it is said again.
    pub(super) fn next(&self) -> u64 {
        self.taken.saturating_add(1)
    }

    /// The runtime takes one more of the peer's items.
    pub(super) fn counted(&mut self, len: usize) {
        self.taken += 1;
        self.lens.push_back((self.taken, u32::try_from(len).unwrap()));
    }

    /// The peer's numbers go on with this one.
    pub(super) fn skipped(&mut self, next: u64) {
        // What came before the gap is told with it.
        self.taken = next - 1;
        self.lens.clear();
    }

    /// Whether an item of this length fits the window.
    pub(super) fn fits(&self, len: usize) -> bool {
        let bytes: u64 = self.lens.iter().map(|(_, len)| u64::from(*len)).sum();
        self.lens.len() < WIN_ITEMS as usize && bytes + len as u64 <= WIN_BYTES.into()
    }

    pub(super) fn store_id(&self) -> StoreId {
        self.config.store_id
    }

    pub(super) fn unsure(&mut self, channel: &ChannelId) {
        if let Some(channel) = self.channels.get_mut(channel) {
            channel.state = State::Unsure;
        }
    }

    pub(super) fn all_unsure(&mut self) {
        for channel in self.channels.values_mut() {
            channel.state = State::Unsure;
        }
    }

    /// The peer asks for a channel, or the runtime does.
    pub(super) fn asked(&mut self, open: &Open, body: &[u8]) {
        let own = opened_by(&open.channel.id(), &self.identity.id(), &self.victim);
        let state = if own { State::Asked } else { State::AskedBack };
        let new = Chan { state, open: body.to_vec(), bind: None, q: 0, count: 0, limit: 0, got: 0, granted: 0 };
        self.channels.entry(open.channel.id()).or_insert(new);
    }

    /// The runtime has accepted a channel, or the peer does.
    pub(super) fn accepted(&mut self, accept: &Accept, body: &[u8], session: &mut PeerSession) {
        let id = accept.channel.id();
        let Some(channel) = self.channels.get_mut(&id) else { return };
        let bound = bind(&channel.open, body);
        if channel.bind.is_none() && matches!(channel.state, State::Asked | State::AskedBack) {
            channel.bind = Some(bound);
            channel.state = State::Open;
            channel.limit = channel.limit.max(CHAN_ITEMS.into());
            session.bind(id, bound).unwrap();
        } else {
            channel.state = State::Unsure;
        }
    }
}

/// Whether an id is one that `opener` may choose (section 11).
pub(super) fn opened_by(channel: &ChannelId, opener: &RuntimeId, other: &RuntimeId) -> bool {
    mfp_proto::wire::bind::opener_bit_matches(opener, other, channel)
}

/// An item, without what it borrows.
struct Owned {
    kind: Kind,
    n: u64,
    channel: ChannelId,
    body: Vec<u8>,
}

impl Owned {
    fn of(n: u64, channel: &ChannelId, item: &Item<'_>) -> Self {
        Self { kind: item.kind(), n, channel: *channel, body: body(item) }
    }
}

pub(super) fn body(item: &Item<'_>) -> Vec<u8> {
    let mut body = vec![0; item.body_len()];
    item.encode_body(&mut body).unwrap();
    body
}
