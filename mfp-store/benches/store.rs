//! What sealing, the index in memory, the thread and the callbacks cost, against bare SQLite that writes the same rows.
//!
//! A message costs its sender's store an item, its count and an ack, and its receiver's a message, a cursor, a count and a
//! deletion: both are done here in one store. Both sides have the same tables, the same settings and the same number of
//! bytes in each row, and are measured in turns. A line `bar NAME VALUE LIMIT` holds if VALUE, the median of the rounds'
//! ratios, is at most LIMIT; lines `figure NAME: VALUE UNIT` give what it was made of. `BENCH_DIR` says on which disk.
//!
//! The bars are for commits that the disk has, which is the default. Where nothing waits for the disk, bare SQLite takes
//! about 2 µs for the six rows of a message, and what is measured is the cryptography and the way between two threads:
//! those lines are figures only.
#![allow(clippy::cast_precision_loss, reason = "figures")]
#![allow(clippy::unwrap_used, reason = "a bench stops at what it does not expect")]

use std::num::NonZeroU64;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use mfp_proto::crypto::Secret;
use mfp_proto::id::{AgentId, AgentName, ChannelId, MessageId, RuntimeId, SessionId, StoreId};
use mfp_proto::link::{Cursor, LinkState};
use mfp_proto::store::{
    MessageRecord, OutboxRecord, Payload, PeerRecord, RemoteChannelRecord, RemoteCounts, Side, StoreOp,
};
use mfp_proto::wire::item::Kind;
use mfp_store::{CommitError, Key, Store, StoreOptions, Synchronous};
use rusqlite::{Connection, Statement};

const PEER: RuntimeId = RuntimeId::from_bytes([1; 32]);
const CHANNEL: ChannelId = ChannelId::from_bytes([2; 16]);
/// What is not yet acked, nor done.
const BEHIND: u64 = 64;
const MEASURED: Duration = Duration::from_millis(2_500);

/// What message `n` changes.
fn message(n: u64, payload: &Payload) -> [Vec<StoreOp>; 2] {
    let counts = RemoteCounts { q: n, sent: n, received: n, received_q: n, done: n.saturating_sub(BEHIND) };
    let cursor = Cursor { n, session: SessionId::from_bytes([3; 16]), history: Secret::from_bytes([4; 32]) };
    let state = LinkState { acked: n.saturating_sub(BEHIND), cursor: Some(cursor), ..LinkState::default() };
    let item = OutboxRecord {
        peer: PEER,
        seq: n,
        n: NonZeroU64::new(n),
        channel: CHANNEL,
        kind: Kind::Data,
        answer: false,
        q: n,
        ttl: None,
        body: Payload::clone(payload),
    };
    let received = MessageRecord {
        channel: CHANNEL,
        from: Side::Second,
        q: n,
        id: MessageId::from_bytes([5; 16]),
        reply_to: None,
        meta: None,
        attempts: 0,
        payload: Payload::clone(payload),
    };
    [
        vec![
            StoreOp::PutOutbox(item),
            StoreOp::PutMessage(received),
            StoreOp::PutPeer(Box::new(PeerRecord { peer: PEER, store_id: StoreId::from_bytes([6; 16]), state })),
            StoreOp::SetRemoteCounts { channel: CHANNEL, counts },
        ],
        vec![
            StoreOp::DeleteAcked { peer: PEER, up_to: n.saturating_sub(BEHIND) },
            StoreOp::DeleteMessage { channel: CHANNEL, q: n.saturating_sub(BEHIND) },
        ],
    ]
}

/// Ours: `window` messages under way, two batches each.
struct Ours {
    store: Store,
    next: u64,
    payload: Payload,
}

impl Ours {
    fn new(options: &StoreOptions, len: usize) -> Self {
        let (store, _) = Store::open(options).unwrap();
        let name = AgentName::new("agent").unwrap();
        let channel = RemoteChannelRecord {
            id: CHANNEL,
            peer: PEER,
            agent: AgentId::from_bytes([7; 32]),
            local_name: name.clone(),
            remote_name: name,
            remote: Some(AgentId::from_bytes([8; 32])),
            opener: true,
            quarantined: false,
            phase: None,
            bind: Some([9; 32]),
            padding: false,
            counts: RemoteCounts::default(),
        };
        store.submit(vec![StoreOp::PutRemoteChannel(Box::new(channel))], Result::unwrap);
        Self { store, next: 1, payload: vec![7; len].into() }
    }

    fn run(&mut self, messages: u64, window: u64) {
        let (told, durable) = mpsc::sync_channel::<Result<(), CommitError>>(1 << 16);
        let mut under_way = 0;
        for _ in 0..messages {
            if under_way == window {
                durable.recv().unwrap().unwrap();
                under_way -= 1;
            }
            under_way -= count(durable.try_iter());
            let [first, second] = message(self.next, &self.payload);
            let told = told.clone();
            self.store.submit(first, Result::unwrap);
            self.store.submit(second, move |committed| told.send(committed).unwrap());
            self.next += 1;
            under_way += 1;
        }
        drop(told);
        count(durable.iter());
    }
}

fn count(results: impl Iterator<Item = Result<(), CommitError>>) -> u64 {
    results.map(Result::unwrap).map(|()| 1).sum()
}

/// Bare: prepared statements, and as many messages in each transaction as it is told.
struct Bare<'c> {
    begin: Statement<'c>,
    commit: Statement<'c>,
    put_item: Statement<'c>,
    put_message: Statement<'c>,
    put_peer: Statement<'c>,
    set_counts: Statement<'c>,
    delete_item: Statement<'c>,
    delete_message: Statement<'c>,
    next: i64,
    /// As long as the cells of the sealed store.
    cells: [Vec<u8>; 3],
}

fn connect(options: &StoreOptions) -> Connection {
    let connection = Connection::open(&options.path).unwrap();
    let synchronous = match options.synchronous {
        Synchronous::Full => "FULL",
        Synchronous::Normal => "NORMAL",
        Synchronous::Off => "OFF",
    };
    connection
        .execute_batch(&format!(
            "PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = {synchronous};
             PRAGMA wal_autocheckpoint = 4000; PRAGMA cache_size = -16384;
             CREATE TABLE outbox (k INTEGER PRIMARY KEY, n BLOB NOT NULL, cell BLOB NOT NULL) STRICT;
             CREATE TABLE message (k INTEGER PRIMARY KEY, attempts INTEGER NOT NULL, cell BLOB NOT NULL) STRICT;
             CREATE TABLE peer (k INTEGER PRIMARY KEY, cell BLOB NOT NULL) STRICT;
             CREATE TABLE remote_channel (k INTEGER PRIMARY KEY, counts BLOB NOT NULL, cell BLOB NOT NULL) STRICT;
             INSERT INTO remote_channel VALUES (1, zeroblob(40), zeroblob(220));"
        ))
        .unwrap();
    connection
}

impl<'c> Bare<'c> {
    fn new(connection: &'c Connection, len: usize) -> Self {
        let prepare = |sql| connection.prepare(sql).unwrap();
        Self {
            begin: prepare("BEGIN IMMEDIATE"),
            commit: prepare("COMMIT"),
            put_item: prepare("INSERT INTO outbox (k, n, cell) VALUES (?1, ?2, ?3)"),
            put_message: prepare("INSERT INTO message (k, attempts, cell) VALUES (?1, 0, ?2)"),
            put_peer: prepare("INSERT OR REPLACE INTO peer (k, cell) VALUES (1, ?1)"),
            set_counts: prepare("UPDATE remote_channel SET counts = ?1 WHERE k = 1"),
            delete_item: prepare("DELETE FROM outbox WHERE k = ?1"),
            delete_message: prepare("DELETE FROM message WHERE k = ?1"),
            next: 1,
            cells: [vec![7; len + 66 + 40], vec![7; len + 41 + 40], vec![7; 115 + 40]],
        }
    }

    fn run(&mut self, messages: u64, window: u64) {
        let mut left = messages;
        while left > 0 {
            let group = left.min(window);
            self.begin.execute(()).unwrap();
            for _ in 0..group {
                let n = self.next;
                let done = n - BEHIND.cast_signed();
                self.put_item.execute((n, n.to_be_bytes(), &self.cells[0])).unwrap();
                self.put_message.execute((n, &self.cells[1])).unwrap();
                self.put_peer.execute([&self.cells[2]]).unwrap();
                self.set_counts.execute([[n.to_be_bytes(); 5].as_flattened()]).unwrap();
                self.delete_item.execute([done]).unwrap();
                self.delete_message.execute([done]).unwrap();
                self.next += 1;
            }
            self.commit.execute(()).unwrap();
            left -= group;
        }
    }
}

fn median(mut values: Vec<f64>) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn compare(name: &str, synchronous: Synchronous, len: usize, messages: u64, window: u64, limit: Option<f64>) {
    let directory = std::env::var_os("BENCH_DIR").map_or_else(tempfile::tempdir, tempfile::tempdir_in).unwrap();
    let options = |file: &str, key| {
        let mut options = StoreOptions::new(directory.path().join(file), key);
        options.synchronous = synchronous;
        options
    };
    let mut sealed = Ours::new(&options("sealed.db", Key::Bytes(Secret::from_bytes([7; 32]))), len);
    let mut clear = Ours::new(&options("clear.db", Key::Unencrypted), len);
    let connection = connect(&options("bare.db", Key::Unencrypted));
    let mut bare = Bare::new(&connection, len);
    let time = |run: &mut dyn FnMut()| {
        let start = Instant::now();
        run();
        start.elapsed().as_secs_f64()
    };
    let (start, mut rounds) = (Instant::now(), Vec::new());
    while start.elapsed() < MEASURED {
        let times = [
            time(&mut || sealed.run(messages, window)),
            time(&mut || bare.run(messages, window)),
            time(&mut || clear.run(messages, window)),
        ];
        rounds.push(times);
    }
    rounds.drain(..rounds.len() / 10);
    for (who, of) in ["sealed", "bare", "unencrypted"].iter().enumerate() {
        let rate = messages as f64 / median(rounds.iter().map(|times| times[who]).collect());
        println!("figure {name}, {of}: {rate:.0} messages/s");
    }
    let stats = sealed.store.stats();
    let (batches, commit) = (stats.batches / stats.commits, stats.commit_time / u32::try_from(stats.commits).unwrap());
    println!("# {name}: {batches} batches a commit, {commit:.1?} a commit, the longest {:.1?}", stats.longest_commit);
    println!(
        "# {name}, unencrypted over bare: {:.3}",
        median(rounds.iter().map(|times| times[2] / times[1]).collect())
    );
    let ratio = median(rounds.iter().map(|times| times[0] / times[1]).collect());
    match limit {
        Some(limit) => println!("bar {name} {ratio:.3} {limit}"),
        None => println!("# {name}, sealed over bare: {ratio:.3}"),
    }
}

fn main() {
    compare("store/full/64-under-way/256B", Synchronous::Full, 256, 1_024, 64, Some(1.5));
    compare("store/full/1-under-way/256B", Synchronous::Full, 256, 32, 1, Some(1.5));
    compare("store/full/256-under-way/4KiB", Synchronous::Full, 4 * 1024, 2_048, 256, Some(1.5));
    compare("store/off/64-under-way/256B", Synchronous::Off, 256, 8_192, 64, None);
    compare("store/off/64-under-way/16KiB", Synchronous::Off, 16 * 1024, 1_024, 64, None);
}
