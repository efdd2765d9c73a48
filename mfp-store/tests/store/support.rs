use std::num::NonZeroU64;
use std::path::PathBuf;
use std::sync::mpsc;

use mfp_proto::crypto::Secret;
use mfp_proto::id::{AgentId, AgentName, ChannelId, MessageId, RuntimeId, SessionId, StoreId};
use mfp_proto::link::channel::Phase;
use mfp_proto::link::{Cursor, Diagnosis, LinkState, SessionRecord, Suspension};
use mfp_proto::store::{
    AgentRecord, ChannelRecord, DeadLetter, MessageRecord, Meta, OutboxRecord, PeerRecord, RemoteChannelRecord,
    RemoteCounts, RuntimeRecord, Side, StoreOp, Undelivered,
};
use mfp_proto::wire::item::Kind;
use mfp_store::{CommitError, Key, Store, StoreOptions, Synchronous};
use tempfile::TempDir;

/// A directory for one store, and how to open it.
pub(crate) struct Place {
    directory: TempDir,
    pub(crate) options: StoreOptions,
}

impl Place {
    /// Sealed, and without waiting for the disk.
    pub(crate) fn new() -> Self {
        let directory = tempfile::tempdir().unwrap();
        let mut options = StoreOptions::new(directory.path().join("store.db"), key(7));
        options.synchronous = Synchronous::Off;
        Self { directory, options }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub(crate) fn open(&self) -> Store {
        Store::open(&self.options).unwrap().0
    }

    pub(crate) fn with_key(&self, key: Key) -> StoreOptions {
        let mut options = self.options.clone();
        options.key = key;
        options
    }

    /// Every byte of the database and of its write-ahead log.
    pub(crate) fn bytes(&self) -> Vec<u8> {
        let read = |name| std::fs::read(self.path(name)).unwrap_or_default();
        [read("store.db"), read("store.db-wal")].concat()
    }
}

pub(crate) fn key(byte: u8) -> Key {
    Key::Bytes(Secret::from_bytes([byte; 32]))
}

pub(crate) fn commit(store: &Store, ops: Vec<StoreOp>) -> Result<(), CommitError> {
    let (done, result) = mpsc::channel();
    store.submit(ops, move |committed| done.send(committed).unwrap());
    result.recv().unwrap()
}

pub(crate) fn peer() -> RuntimeId {
    RuntimeId::from_bytes([0x51; 32])
}

pub(crate) fn channel(number: u8) -> ChannelId {
    ChannelId::from_bytes([number; 16])
}

pub(crate) fn message(of: u8, q: u64, payload: &[u8]) -> MessageRecord {
    MessageRecord {
        channel: channel(of),
        from: Side::Second,
        q,
        id: MessageId::derive(&StoreId::from_bytes([9; 16]), &channel(of), q),
        reply_to: None,
        meta: None,
        attempts: 0,
        payload: payload.into(),
    }
}

pub(crate) fn item(seq: u64, n: u64, body: &[u8]) -> OutboxRecord {
    OutboxRecord {
        peer: peer(),
        seq,
        n: NonZeroU64::new(n),
        channel: channel(2),
        kind: Kind::Data,
        answer: false,
        q: seq,
        ttl: None,
        body: body.into(),
    }
}

/// Operations that leave something in every table, and every optional part once.
pub(crate) fn everything() -> Vec<StoreOp> {
    let agent = AgentId::from_bytes([0x61; 32]);
    let [alice, bob] = ["alice", "bob"].map(|name| AgentName::new(name).unwrap());
    let history = |byte| Secret::from_bytes([byte; 32]);
    let meta = Meta { content_type: Some("text/plain".into()), trace: Some([5; 26]) };
    let state = LinkState {
        peer_store: Some(StoreId::from_bytes([0x52; 16])),
        chan_max: 64,
        acked: 3,
        cursor: Some(Cursor { n: 8, session: SessionId::from_bytes([0x53; 16]), history: history(0xa1) }),
        suspended: Some(Suspension { diagnosis: Diagnosis::PeerRollback, claimed: 2 }),
        accepting: NonZeroU64::new(9),
    };
    let session =
        SessionRecord { id: SessionId::from_bytes([0x54; 16]), history: history(0xa2), first_n: 4, closed: Some(6) };
    let remote = RemoteChannelRecord {
        id: channel(2),
        peer: peer(),
        agent,
        local_name: alice.clone(),
        remote_name: bob,
        remote: Some(AgentId::from_bytes([0x62; 32])),
        opener: true,
        quarantined: false,
        phase: Some(Phase::Closing { unanswered: false, acked: true, theirs: false }),
        bind: Some([0x55; 32]),
        padding: true,
        counts: RemoteCounts { q: 7, sent: 6, received: 5, received_q: 4, done: 3 },
    };
    let letter = message(1, 2, b"a letter that nobody reads");
    vec![
        StoreOp::PutRuntime(RuntimeRecord { store_id: StoreId::from_bytes([9; 16]), agent_counter: 2 }),
        StoreOp::PutAgent(AgentRecord { id: agent, name: alice, quarantined: true }),
        StoreOp::PutChannel(ChannelRecord {
            id: channel(1),
            agents: [agent; 2],
            depth: mfp_proto::frame::Depth::default(),
            quarantined: false,
            q: 1,
        }),
        StoreOp::PutMessage(MessageRecord {
            reply_to: Some(MessageId::from_bytes([4; 16])),
            meta: Some(Box::new(meta)),
            ..message(1, 1, b"a payload in plain words")
        }),
        StoreOp::SetAttempts { channel: channel(1), q: 1, attempts: 2 },
        StoreOp::PutMessage(message(2, 3, b"what the peer has said")),
        StoreOp::PutDeadLetter(DeadLetter {
            message: letter,
            sender: agent,
            receiver: agent,
            cause: Undelivered::ChannelClosed,
        }),
        StoreOp::PutPeer(Box::new(PeerRecord { peer: peer(), store_id: StoreId::from_bytes([0x56; 16]), state })),
        StoreOp::PutSession { peer: peer(), record: session },
        StoreOp::PutRemoteChannel(Box::new(remote)),
        StoreOp::PutOutbox(item(1, 4, b"what the peer will hear")),
        StoreOp::PutOutbox(OutboxRecord { ttl: Some(std::time::Duration::from_millis(1_500)), ..item(2, 0, b"later") }),
    ]
}
