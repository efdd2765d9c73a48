//! The durable store: for any operations it loads what a store in memory does, and whatever is done to its file, it loads
//! nothing that was never in it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a property that fails panics"
)]

use std::fs;
use std::path::PathBuf;
use std::sync::mpsc;

use arbitrary::{Arbitrary, Unstructured};
use mfp_proto::crypto::Secret;
use mfp_proto::id::{AgentId, ChannelId, MessageId, RuntimeId, SessionId};
use mfp_proto::store::{AgentRecord, MemoryStore, MessageRecord, Snapshot, Store as _, StoreOp};
use mfp_store::{Key, Store, StoreOptions, Synchronous};
use tempfile::TempDir;

/// A body: takes any bytes.
pub type Target = fn(&[u8]);

/// The target by name. Its seeds are the files in `seeds/store/`.
pub const TARGETS: [(&str, Target); 1] = [("store", as_in_memory)];

/// Steps of one run, and operations of one batch.
const MOST: usize = 24;

#[derive(Debug, Arbitrary)]
enum Step {
    Commit(Vec<StoreOp>),
    /// Batches that are under way together.
    Gather(Vec<StoreOp>, Vec<StoreOp>),
    Load,
    Reopen,
    Rekey(u8),
    /// Goes on from a copy of itself.
    Backup,
}

#[derive(Debug, Arbitrary)]
struct Case {
    sealed: bool,
    steps: Vec<Step>,
    /// What is done to the file in the end.
    spoiled: Vec<(u32, u8)>,
}

/// Any batches, with reopening, other keys and backups between them.
///
/// # Panics
/// If the property fails.
pub fn as_in_memory(data: &[u8]) {
    let Ok(case) = Case::arbitrary_take_rest(Unstructured::new(data)) else { return };
    let mut both = Both::new(case.sealed);
    for step in case.steps.into_iter().take(MOST) {
        both.take(step);
    }
    let expected = both.memory.load().unwrap();
    assert_eq!(both.store.load().unwrap(), expected);
    both.reopen();
    assert_eq!(both.store.load().unwrap(), expected);
    if !case.spoiled.is_empty() {
        both.spoil(&case.spoiled);
    }
}

struct Both {
    directory: TempDir,
    key: Key,
    file: PathBuf,
    copies: usize,
    store: Store,
    memory: MemoryStore,
    /// Every message and every agent that was ever put.
    messages: Vec<MessageRecord>,
    agents: Vec<AgentRecord>,
}

fn key(of: u8) -> Key {
    Key::Bytes(Secret::from_bytes([of; 32]))
}

/// Nothing waits for the disk: what is lost with the machine is not looked for here.
fn options(file: &PathBuf, key: &Key) -> StoreOptions {
    let mut options = StoreOptions::new(file, key.clone());
    options.synchronous = Synchronous::Off;
    options
}

impl Both {
    fn new(sealed: bool) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let (file, key) = (directory.path().join("0.db"), if sealed { key(1) } else { Key::Unencrypted });
        let (store, snapshot) = Store::open(&options(&file, &key)).unwrap();
        assert_eq!(snapshot, Snapshot::default());
        Self {
            directory,
            key,
            file,
            copies: 0,
            store,
            memory: MemoryStore::new(),
            messages: Vec::new(),
            agents: Vec::new(),
        }
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Commit(ops) => {
                let waits = self.submit(ops);
                waits.recv().unwrap().unwrap();
            }
            Step::Gather(one, other) => {
                let waits = [one, other].map(|ops| self.submit(ops));
                for result in waits {
                    result.recv().unwrap().unwrap();
                }
            }
            Step::Load => assert_eq!(self.store.load().unwrap(), self.memory.load().unwrap()),
            Step::Reopen => self.reopen(),
            Step::Rekey(of) => self.rekey(if of == 0 { Key::Unencrypted } else { key(of) }),
            Step::Backup => {
                self.copies += 1;
                let file = self.directory.path().join(format!("{}.db", self.copies));
                self.store.backup(&file).unwrap();
                self.file = file;
                self.reopen();
            }
        }
    }

    fn submit(&mut self, mut ops: Vec<StoreOp>) -> mpsc::Receiver<Result<(), mfp_store::CommitError>> {
        ops.truncate(MOST);
        ops.iter_mut().for_each(gather);
        self.memory.commit(&ops).unwrap();
        for op in &ops {
            match op {
                StoreOp::PutMessage(record) => self.messages.push(record.clone()),
                StoreOp::PutAgent(record) => self.agents.push(record.clone()),
                _ => {}
            }
        }
        let (done, result) = mpsc::channel();
        self.store.submit(ops, move |committed| done.send(committed).unwrap());
        result
    }

    fn reopen(&mut self) {
        let elsewhere = self.directory.path().join("other.db");
        let (other, _) = Store::open(&options(&elsewhere, &key(9))).unwrap();
        std::mem::replace(&mut self.store, other).close();
        let (opened, snapshot) = Store::open(&options(&self.file, &self.key)).unwrap();
        assert_eq!(snapshot, self.memory.load().unwrap());
        self.store = opened;
    }

    fn rekey(&mut self, new: Key) {
        let elsewhere = self.directory.path().join("other.db");
        let (other, _) = Store::open(&options(&elsewhere, &key(9))).unwrap();
        std::mem::replace(&mut self.store, other).close();
        Store::rekey(&self.file, self.key.clone(), &new).unwrap();
        self.key = new;
        let (opened, snapshot) = Store::open(&options(&self.file, &self.key)).unwrap();
        assert_eq!(snapshot, self.memory.load().unwrap());
        self.store = opened;
    }

    /// Changes bytes of the file. It may open no more; if it does, every message in it was once put there.
    fn spoil(self, spoiled: &[(u32, u8)]) {
        let Self { directory, key, file, store, messages, agents, .. } = self;
        store.close();
        let mut bytes = fs::read(&file).unwrap();
        for (at, xor) in spoiled.iter().take(MOST) {
            let at = usize::try_from(*at).unwrap() % bytes.len();
            bytes[at] ^= xor;
        }
        fs::write(&file, &bytes).unwrap();
        assert!(directory.path().exists());
        let Ok((_store, snapshot)) = Store::open(&options(&file, &key)) else { return };
        if matches!(key, Key::Unencrypted) {
            return;
        }
        // Attempts, and how much a channel has carried, are in the clear.
        for record in snapshot.messages {
            let is = |put: &&MessageRecord| MessageRecord { attempts: record.attempts, ..(*put).clone() } == record;
            assert!(messages.iter().any(|put| is(&put)), "a message that nobody has put: {record:?}");
        }
        assert!(snapshot.agents.iter().all(|agent| agents.contains(agent)), "an agent that nobody has put");
    }
}

fn peer(id: &mut RuntimeId) {
    *id = RuntimeId::from_bytes([id.as_bytes()[0] % 2; 32]);
}

fn agent(id: &mut AgentId) {
    *id = AgentId::from_bytes([id.as_bytes()[0] % 3; 32]);
}

fn channel(id: &mut ChannelId) {
    *id = ChannelId::from_bytes([id.as_bytes()[0] % 4; 16]);
}

fn message(id: &mut MessageId) {
    *id = MessageId::from_bytes([id.as_bytes()[0] % 4; 16]);
}

fn session(id: &mut SessionId) {
    *id = SessionId::from_bytes([id.as_bytes()[0] % 3; 16]);
}

/// Makes what is named meet: few ids, and small numbers.
fn gather(op: &mut StoreOp) {
    let few = |number: &mut u64| {
        if *number < 1 << 60 {
            *number %= 8;
        }
    };
    match op {
        StoreOp::PutAgent(record) => agent(&mut record.id),
        StoreOp::DeleteAgent(id) => agent(id),
        StoreOp::PutChannel(record) => channel(&mut record.id),
        StoreOp::DeleteChannel(id)
        | StoreOp::DeleteRemoteChannel(id)
        | StoreOp::SetRemoteCounts { channel: id, .. } => channel(id),
        StoreOp::PutMessage(record) => {
            channel(&mut record.channel);
            few(&mut record.q);
        }
        StoreOp::SetAttempts { channel: id, q, .. } | StoreOp::DeleteMessage { channel: id, q } => {
            channel(id);
            few(q);
        }
        StoreOp::PutDeadLetter(letter) => {
            channel(&mut letter.message.channel);
            few(&mut letter.message.q);
            message(&mut letter.message.id);
        }
        StoreOp::DeleteDeadLetter(id) => message(id),
        StoreOp::PutPeer(record) => peer(&mut record.peer),
        StoreOp::DeletePeer(id) => peer(id),
        StoreOp::PutSession { peer: id, record } => {
            peer(id);
            session(&mut record.id);
        }
        StoreOp::DeleteSession { peer: of, id } => {
            peer(of);
            session(id);
        }
        StoreOp::PutRemoteChannel(record) => {
            peer(&mut record.peer);
            channel(&mut record.id);
        }
        StoreOp::PutOutbox(record) => {
            peer(&mut record.peer);
            channel(&mut record.channel);
            few(&mut record.seq);
        }
        StoreOp::NumberOutbox { peer: id, seq, .. }
        | StoreOp::DeleteOutbox { peer: id, seq }
        | StoreOp::DeleteAcked { peer: id, up_to: seq } => {
            peer(id);
            few(seq);
        }
        // It has no id, or is new here.
        _ => {}
    }
}
