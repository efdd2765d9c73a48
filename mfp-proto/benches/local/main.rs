//! A local send, from `send` to the handler's `handle_processed`, against the straight-line sum of its primitives.
//!
//! A line `bar NAME VALUE LIMIT` holds if VALUE ≤ LIMIT; lines `figure NAME: VALUE UNIT` give what it was made of. Both
//! sides of a ratio run in turn in the same process with the same back end, and the ratio is the median over many pairs
//! of rounds.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, reason = "a bench measures time")]
#![allow(clippy::unwrap_used, clippy::cast_precision_loss, clippy::indexing_slicing, reason = "a bench may panic")]

use std::hint::black_box;
use std::time::{Duration, Instant as Clock};

use mfp_proto::crypto::Secret;
use mfp_proto::crypto::aead::{Aead, Ring, Suite};
use mfp_proto::crypto::hash::HmacKey;
use mfp_proto::crypto::rng::Rng;
use mfp_proto::encoding::{encoding_key, local_aad, local_nonce};
use mfp_proto::frame::{distribution_seed, matches, mirror_into, mirrors, sample};
use mfp_proto::id::{ChannelId, MessageId, StoreId};
use mfp_proto::merkle::{LeafId, leaf_hash, node_hash, root_hash};
use mfp_proto::ratchet;

mod growth;
mod measure;
mod memory;
mod sends;
mod tree;

use measure::figure;
use sends::Bench;

static BACK_END: Ring = Ring;

/// The primitives of one local send, and nothing else.
struct Primitives {
    depth: usize,
    state: Secret,
    rng: Rng,
    buf: Vec<u8>,
    channel: ChannelId,
    leaf: [u8; 32],
}

impl Primitives {
    fn run(&mut self, t: u64) {
        let leaf = leaf_hash(&LeafId::Channel(self.channel), self.state.expose_secret());
        let top = (0..self.depth).fold(leaf, |hash, bit| node_hash(u8::try_from(bit).unwrap(), &hash, &self.leaf));
        let sg = root_hash(t, Some(&top));
        let local = HmacKey::new(self.state.expose_secret());
        let seed = distribution_seed(&local, t, &[&sg, &[]]);
        let mut frame = [0; 64];
        self.rng.fill(&mut frame);
        sample(&seed, &mut frame);
        let key = encoding_key(&local, Suite::ChaCha20Poly1305);
        let nonce = local_nonce(&key, &self.channel, t);
        let aad = local_aad(&self.channel, t);
        let tag = BACK_END.seal_in_place(Suite::ChaCha20Poly1305, &key, &nonce, &aad, &mut self.buf).unwrap();
        let mut close = [0; 64];
        mirror_into(&frame, &mut close);
        assert!(matches(black_box(&frame), black_box(&frame)) && mirrors(black_box(&frame), black_box(&close)));
        BACK_END.open_in_place(Suite::ChaCha20Poly1305, &key, &nonce, &aad, &mut self.buf, &tag).unwrap();
        self.state = ratchet::advance(&local, &frame);
        black_box(MessageId::derive(&StoreId::from_bytes([1; 16]), &self.channel, t));
    }
}

/// The median of the ratios of a round of `a` to a round of `b`, and the median nanoseconds of each.
fn ratio(rounds: usize, mut a: impl FnMut() -> Duration, mut b: impl FnMut() -> Duration) -> (f64, f64, f64) {
    let pairs: Vec<_> = (0..rounds).map(|_| (a(), b())).skip(rounds / 10).collect();
    let nanos = |time: &Duration| time.as_nanos() as f64;
    let mut ratios: Vec<_> = pairs.iter().map(|(a, b)| nanos(a) / nanos(b)).collect();
    let mut of_a: Vec<_> = pairs.iter().map(|(a, _)| nanos(a)).collect();
    let mut of_b: Vec<_> = pairs.iter().map(|(_, b)| nanos(b)).collect();
    (median(&mut ratios), median(&mut of_a), median(&mut of_b))
}

fn time(times: usize, mut f: impl FnMut()) -> Duration {
    let start = Clock::now();
    for _ in 0..times {
        f();
    }
    start.elapsed()
}

fn median(values: &mut [f64]) -> f64 {
    values.sort_by(f64::total_cmp);
    values[values.len() / 2]
}

fn send_against_primitives(bench: &mut Bench, size: usize, limit: f64) {
    let depth = bench.depth();
    let payload = vec![7; size];
    let mut primitives = Primitives {
        depth,
        state: Secret::from_bytes([1; 32]),
        rng: Rng::new([4; 32]),
        buf: payload.clone(),
        channel: ChannelId::from_bytes([5; 16]),
        leaf: [6; 32],
    };
    let mut t = 0;
    let per_round = if size > 10_000 { 50 } else { 500 };
    let sends = || {
        bench.pick(per_round);
        time(per_round, || bench.send(&payload))
    };
    let sums = || {
        time(per_round, || {
            t += 1;
            primitives.run(t);
        })
    };
    let (ratio, send, sum) = ratio(200, sends, sums);
    let (send, sum) = (send / per_round as f64, sum / per_round as f64);
    let channels = bench.channels.len();
    println!("# {channels} channels, {depth} nodes deep");
    figure(&format!("local send of {size} bytes, {channels} channels"), send, "ns");
    figure(&format!("its primitives, {size} bytes, {channels} channels"), sum, "ns");
    println!("bar local_send_{size}B_{channels}ch {ratio:.3} {limit}");
}

/// Whether a part of the bench was asked for; without a word, all are.
fn wanted(part: &str) -> bool {
    let mut words = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).peekable();
    words.peek().is_none() || words.any(|word| word == part)
}

fn main() {
    // `cargo test --benches` builds and starts it too; only a bench run measures.
    if !std::env::args().any(|arg| arg == "--bench") {
        return;
    }
    println!("# AEAD back end: {}", BACK_END.name());
    if wanted("memory") {
        memory::run();
    }
    for channels in [1, 1_024].into_iter().filter(|_| wanted("few")) {
        let mut bench = Bench::new(channels, Suite::default());
        for size in [64, 1_024, 65_536] {
            send_against_primitives(&mut bench, size, 1.3);
        }
    }
    if wanted("tree") {
        tree::run();
    }
    if wanted("million") {
        let mut bench = Bench::new(1 << 20, Suite::default());
        send_against_primitives(&mut bench, 64, 1.6);
    }
    if wanted("growth") {
        growth::run();
    }
}
