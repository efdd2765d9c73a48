//! A process that dies at any moment, and two that want the same store.

use std::env;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;

use mfp_proto::id::StoreId;
use mfp_proto::store::{MemoryStore, RuntimeRecord, Store as _, StoreOp};
use mfp_store::{Store, StoreError, StoreOptions, Synchronous};

use crate::support::{Place, channel, item, key, message, peer};

/// Tells the test below that it is the child, and where the store is.
const CHILD: &str = "MFP_STORE_TEST_CHILD";

/// The `number`th batch: it names itself, and every part of it matters.
fn batch(number: u64) -> Vec<StoreOp> {
    let body = vec![number.to_le_bytes()[0]; 100 + usize::try_from(number * 37 % 6_000).unwrap()];
    vec![
        StoreOp::PutMessage(message(1, number, &body)),
        StoreOp::PutOutbox(item(number, number, &body)),
        StoreOp::DeleteMessage { channel: channel(1), q: number.saturating_sub(20) },
        StoreOp::DeleteAcked { peer: peer(), up_to: number.saturating_sub(number % 50) },
        StoreOp::PutRuntime(RuntimeRecord { store_id: StoreId::from_bytes([9; 16]), agent_counter: number }),
    ]
}

fn spawn(path: &Path) -> Child {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "crash::child", "--nocapture"])
        .env(CHILD, path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap()
}

/// Commits until it is killed, with many batches under way, and says which are durable. Not a test but in the child.
#[test]
fn child() {
    let Some(path) = env::var_os(CHILD) else { return };
    let mut options = StoreOptions::new(path, key(7));
    options.synchronous = Synchronous::Normal;
    let (store, snapshot) = Store::open(&options).unwrap();
    let first = snapshot.runtime.map_or(1, |runtime| runtime.agent_counter + 1);
    let (durable, told) = mpsc::channel();
    for number in first.. {
        let durable = durable.clone();
        store.submit(batch(number), move |committed| {
            committed.unwrap();
            durable.send(number).unwrap();
        });
        let wait = (number - first >= 16).then(|| told.recv().unwrap());
        for number in wait.into_iter().chain(told.try_iter()) {
            writeln!(std::io::stdout(), "durable {number}").unwrap();
        }
    }
}

#[test]
fn after_a_kill_there_is_every_acknowledged_batch_and_no_part_of_another() {
    let place = Place::new();
    let (mut memory, mut applied) = (MemoryStore::new(), 0);
    for acknowledged in [1, 90, 7, 211, 40, 3, 150, 64] {
        let mut child = spawn(&place.options.path);
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines().map(Result::unwrap);
        let said = |line: String| line.split_once("durable ").map(|(_, number)| number.parse::<u64>().unwrap());
        let last = lines.by_ref().filter_map(said).nth(acknowledged).unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
        // What it still said before it died counts too, if the line is whole.
        let last = lines.filter(|line| line.starts_with("durable ")).filter_map(said).fold(last, u64::max);

        let (store, snapshot) = Store::open(&place.options).unwrap();
        let found = snapshot.runtime.as_ref().unwrap().agent_counter;
        assert!(found >= last, "{last} was acknowledged, and the last one is {found}");
        for number in applied + 1..=found {
            memory.commit(&batch(number)).unwrap();
        }
        applied = found;
        assert_eq!(snapshot, memory.load().unwrap());
        store.close();
    }
}

#[test]
fn two_processes_never_share_a_store() {
    let place = Place::new();
    let mut child = spawn(&place.options.path);
    let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
    lines.find(|line| line.as_ref().unwrap().contains("durable")).unwrap().unwrap();
    let error = Store::open(&place.options).unwrap_err();
    assert!(matches!(error, StoreError::InUse(_)), "{error}");
    assert!(error.to_string().contains("in use"), "{error}");
    child.kill().unwrap();
    child.wait().unwrap();
    let store = place.open();
    assert!(matches!(Store::open(&place.options), Err(StoreError::InUse(_))), "nor does one process twice");
    #[cfg(unix)]
    {
        let mut other = place.options.clone();
        other.path = place.path("other.db");
        std::os::unix::fs::symlink(&place.options.path, &other.path).unwrap();
        assert!(matches!(Store::open(&other), Err(StoreError::InUse(_))), "whatever name it has");
    }
    drop(store);
    place.open();
}
