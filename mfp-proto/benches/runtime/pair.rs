use core::time::Duration;

use mfp_proto::config::Config;
use mfp_proto::crypto::aead::Ring;
use mfp_proto::handshake::Source;
use mfp_proto::id::{AgentId, AgentName, ChannelId, Identity, RuntimeId};
use mfp_proto::link::ConnId;
use mfp_proto::runtime::{AcceptPolicy, ChannelOptions, Effect, Message, Origin, Outcome, PeerConfig, Runtime};
use mfp_proto::store::{MemoryStore, Snapshot, Store};
use mfp_proto::time::Instant;

/// A runtime with its store and its end of a connection.
pub(crate) struct End {
    pub(crate) rt: Runtime,
    of: u16,
    store: Option<MemoryStore>,
    conn: ConnId,
    /// Bytes that have come for it.
    inbox: Vec<u8>,
    delivered: u64,
    acked: u64,
    out: Vec<u8>,
}

fn identity(of: u16) -> Identity {
    let mut secret = [1; 32];
    secret[8..10].copy_from_slice(&of.to_be_bytes());
    Identity::new(secret, "bench", &format!("{of}")).unwrap()
}

impl End {
    pub(crate) fn new(of: u16) -> Self {
        let mut config = Config::default();
        config.aead = &Ring;
        config.limits.agents = 1_000_000;
        let mut seed = [2; 32];
        seed[..2].copy_from_slice(&of.to_be_bytes());
        let rt = Runtime::new(config, identity(of), seed, Instant::ZERO, Snapshot::default()).unwrap();
        let (store, inbox) = (Some(MemoryStore::new()), Vec::new());
        Self { rt, of, store, conn: ConnId(0), inbox, delivered: 0, acked: 0, out: vec![0; 1 << 20] }
    }

    /// The same without a store, where its memory alone is measured.
    pub(crate) fn without_store(of: u16) -> Self {
        Self { store: None, ..Self::new(of) }
    }

    /// Does what the runtime asks for; what it sends goes to `other`. `true` if it asked for something.
    fn serve(&mut self, now: Instant, other: &mut Self) -> bool {
        let mut busy = false;
        while let Some(effect) = self.rt.poll_effect() {
            busy = true;
            match effect {
                Effect::Persist(batch) => {
                    if let Some(store) = &mut self.store {
                        store.commit(&batch.ops).unwrap();
                    }
                    self.rt.handle_persisted(now, batch.id, Ok(()));
                }
                Effect::Transmit(conn) => {
                    while let Some(len) = self.rt.poll_transmit(now, conn, &mut self.out).unwrap() {
                        other.inbox.extend_from_slice(&self.out[..len]);
                    }
                }
                Effect::Deliver(delivery) => {
                    self.delivered += 1;
                    self.rt.handle_processed(now, delivery.id, Outcome::Done).unwrap();
                }
                Effect::Acked(_) => self.acked += 1,
                Effect::Connect(peer) => self.connect(now, other, peer),
                _ => {}
            }
        }
        busy
    }

    fn connect(&mut self, now: Instant, other: &mut Self, peer: RuntimeId) {
        (self.conn, other.conn) = (ConnId(self.conn.0 + 1), ConnId(other.conn.0 + 1));
        other.rt.handle_connected(now, other.conn, Origin::Accepted(Source::Ipv4([127, 0, 0, 1])));
        self.rt.handle_connected(now, self.conn, Origin::Dialed(peer));
    }

    /// Takes what has come.
    fn read(&mut self, now: Instant) -> bool {
        if self.inbox.is_empty() {
            return false;
        }
        let progress = self.rt.handle_input(now, self.conn, &mut self.inbox);
        self.inbox.drain(..progress.consumed);
        progress.consumed > 0
    }

    /// Lets everything happen that needs no time.
    pub(crate) fn settle(&mut self, now: Instant, other: &mut Self) {
        loop {
            let mut busy = self.serve(now, other);
            busy |= other.read(now);
            busy |= other.serve(now, self);
            busy |= self.read(now);
            if !busy {
                return;
            }
        }
    }
}

/// Makes a link between two runtimes.
pub(crate) fn meet(now: Instant, [one, other]: [&mut End; 2]) {
    let (first, second) = (identity(one.of), identity(other.of));
    for (end, peer, dial) in [(&mut *one, &second, true), (&mut *other, &first, false)] {
        let mut config = PeerConfig::new(*peer.public(), peer.id());
        (config.dial, config.accept) = (dial, AcceptPolicy::all());
        end.rt.add_peer(now, config).unwrap();
    }
    one.settle(now, other);
    // The first attempt is not made at once.
    one.rt.redial(now, &second.id()).unwrap();
    one.settle(now, other);
    one.rt.handle_timeout(now);
    one.settle(now, other);
    assert!(one.rt.peer(&second.id()).unwrap().link.unwrap().session.is_some());
}

/// Two runtimes with one channel between an agent of each.
pub(crate) struct Pair {
    ends: [End; 2],
    now: Instant,
    channel: ChannelId,
    alice: AgentId,
    payload: Vec<u8>,
}

impl Pair {
    pub(crate) fn new(len: usize) -> Self {
        let (mut one, mut other, now) = (End::new(1), End::new(2), Instant::ZERO);
        meet(now, [&mut one, &mut other]);
        let name = |text| AgentName::new(text).unwrap();
        let (alice, _) = (one.rt.bind(now, &name("alice")).unwrap(), other.rt.bind(now, &name("bob")).unwrap());
        one.settle(now, &mut other);
        let (peer, options) = (other.rt.id(), ChannelOptions::default());
        let channel = one.rt.open_channel(now, &alice, &peer, &name("bob"), options).unwrap();
        let mut pair = Self { ends: [one, other], now, channel, alice, payload: vec![0x5a; len] };
        pair.messages(1);
        pair
    }

    /// So many messages of alice, until bob's handler is done with them and they are acked.
    pub(crate) fn messages(&mut self, count: u32) {
        let [one, other] = &mut self.ends;
        let want = one.acked + u64::from(count);
        for _ in 0..count {
            one.rt.send(self.now, self.alice, self.channel, Message::new(&self.payload)).unwrap();
        }
        one.settle(self.now, other);
        // The last ack is sent by itself, after a while.
        while one.acked < want {
            self.now = self.now + Duration::from_millis(5);
            one.rt.handle_timeout(self.now);
            other.rt.handle_timeout(self.now);
            one.settle(self.now, other);
        }
        assert_eq!(other.delivered, want);
    }
}
