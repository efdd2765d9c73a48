//! What happens inside one runtime: the tree over its channels, a channel, and with an allocator the runtime itself.

use core::hint::black_box;

use mfp_proto::crypto::aead::{RustCrypto, Suite};
use mfp_proto::crypto::hash::HmacKey;
use mfp_proto::crypto::rng::Rng;
use mfp_proto::frame::Depth;
use mfp_proto::id::{AgentId, ChannelId};
use mfp_proto::local::{Channel, Pipeline};
use mfp_proto::merkle::{FixedTrie, LeafId, Verdict, verify};

#[cfg(feature = "alloc")]
use mfp_proto::{
    config::Config,
    id::{AgentName, Identity},
    runtime::{Effect, Message, Outcome, Runtime},
    store::{MemoryStore, Snapshot, Store},
    time::Instant,
};

use crate::exercise::holds;

#[cfg(feature = "alloc")]
const NOW: Instant = Instant::ZERO;

/// Eight leaves put in, changed, proved and taken out again, and one too many.
pub fn trie() -> Option<()> {
    let mut trie: FixedTrie<8> = FixedTrie::new();
    let empty = trie.root();
    let id = |n: u8| LeafId::Channel(ChannelId::from_bytes(black_box([n; 16])));
    for n in 0..8 {
        let leaf = trie.insert(id(n), &[n; 32]).ok()?;
        trie.update(leaf, &[n + 100; 32]).ok()?;
    }
    holds(trie.insert(id(8), &[8; 32]).is_err())?;
    let root = trie.root();
    for n in 0..9 {
        let state_of = |found: &LeafId| (0..8).find(|n| id(*n) == *found).map(|n| [n + 100; 32]);
        let proof = trie.prove(&id(n), state_of)?;
        let expected = if n < 8 { Verdict::Included } else { Verdict::Excluded };
        holds(verify(&root, &id(n), &proof) == Ok(expected) && verify(&empty, &id(n), &proof).is_err())?;
    }
    for n in 0..8 {
        let leaf = trie.find(&id(n))?;
        trie.remove(leaf).ok()?;
    }
    holds(root != empty && trie.root() == empty)
}

/// Messages through the six stages of a channel, in one buffer.
pub fn channel() -> Option<()> {
    const PAYLOAD: &[u8] = b"from one agent to another";
    let boot = HmacKey::new(&black_box([9; 32]));
    let (one, other) = (AgentId::from_bytes([1; 32]), AgentId::from_bytes([2; 32]));
    let mut channel = Channel::new(&boot, ChannelId::from_bytes([3; 16]), &one, &other, Depth::default());
    let (aead, suite) = (&RustCrypto, Suite::ChaCha20Poly1305);
    let pipeline = Pipeline { aead, suite, max_payload: 1_000, quarantine_after: 3 };
    let (mut rng, mut buffer) = (Rng::new(black_box([4; 32])), [0; 300]);
    let start = channel.depth().frame_len();
    for t in 0..3 {
        let before = channel.state().clone();
        let message = buffer.get_mut(..channel.message_len(PAYLOAD.len()))?;
        message.get_mut(start..start + PAYLOAD.len())?.copy_from_slice(PAYLOAD);
        let range = channel.transfer(&pipeline, &[5; 32], |jitter| rng.fill(jitter), message).ok()?;
        holds(message.get(range)? == PAYLOAD && channel.t() == t + 1 && *channel.state() != before)?;
    }
    Some(())
}

/// One message through a runtime and its store, from one agent's hand into another's.
#[cfg(feature = "alloc")]
pub fn runtime() -> Option<()> {
    const PAYLOAD: &[u8] = b"without an operating system";
    let identity = Identity::new(black_box([1; 32]), "proof", "runtime").ok()?;
    let mut runtime = Runtime::new(Config::default(), identity, [2; 32], NOW, Snapshot::default()).ok()?;
    let mut store = MemoryStore::new();
    let from = runtime.bind(NOW, &AgentName::new("from").ok()?).ok()?;
    let to = runtime.bind(NOW, &AgentName::new("to").ok()?).ok()?;
    settle(&mut runtime, &mut store, |_, _| Some(()))?;
    let channel = runtime.establish_channel(NOW, &from, &to, None).ok()?;
    let before = runtime.global_state();
    let ticket = runtime.send(NOW, from, channel, Message::new(PAYLOAD)).ok()?;
    holds(runtime.global_state() != before)?;
    let (mut accepted, mut delivered) = (false, false);
    settle(&mut runtime, &mut store, |runtime, effect| {
        match effect {
            Effect::Accepted(which, _) => accepted = which == ticket,
            Effect::Deliver(delivery) => {
                delivered = delivery.to == to && *delivery.payload == *PAYLOAD;
                runtime.handle_processed(NOW, delivery.id, Outcome::Done).ok()?;
            }
            _ => {}
        }
        Some(())
    })?;
    holds(accepted && delivered && store.load().ok()?.messages.is_empty())
}

/// Commits what is to be committed, and hands everything else to `handle`.
#[cfg(feature = "alloc")]
fn settle(
    runtime: &mut Runtime,
    store: &mut MemoryStore,
    mut handle: impl FnMut(&mut Runtime, Effect) -> Option<()>,
) -> Option<()> {
    while let Some(effect) = runtime.poll_effect() {
        match effect {
            Effect::Persist(batch) => {
                store.commit(&batch.ops).ok()?;
                runtime.handle_persisted(NOW, batch.id, Ok(()));
            }
            other => handle(runtime, other)?,
        }
    }
    Some(())
}
