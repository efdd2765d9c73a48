//! The protocol's constructions, used as a program on a small machine would use them.

use core::hint::black_box;
use core::time::Duration;

use mfp_proto::crypto::Secret;
use mfp_proto::crypto::aead::{Aead, RustCrypto, Suite};
use mfp_proto::crypto::hash::{HmacKey, hmac, sha256};
use mfp_proto::crypto::rng::Rng;
use mfp_proto::crypto::stream::keystream;
use mfp_proto::encoding::{encoding_key, local_aad, local_nonce};
use mfp_proto::frame::{Depth, distribution_seed, mirror_into, mirrors, sample};
use mfp_proto::id::{AgentId, ChannelId, Identity};
use mfp_proto::policy::{Backoff, BackoffConfig, Breaker, BreakerConfig, Rate, RateLimiter};
use mfp_proto::ratchet;
use mfp_proto::time::Instant;

use crate::{inside, links, peers};

/// Runs every check: 0 if all are right, else the number of the first that is wrong, from 1.
///
/// The inputs pass through `black_box`, so that nothing is computed by the compiler instead.
pub fn exercise() -> u8 {
    let checks: &[fn() -> Option<()>] = &[
        memory,
        published_values,
        key_exchange,
        message,
        policies,
        inside::trie,
        inside::channel,
        peers::peers,
        links::links,
        #[cfg(any(feature = "alloc", feature = "let-in-alloc"))]
        allocating,
        #[cfg(feature = "alloc")]
        inside::runtime,
    ];
    (1..).zip(checks).find(|(_, check)| check().is_none()).map_or(0, |(number, _)| number)
}

/// `Some` if it holds.
pub fn holds(claim: bool) -> Option<()> {
    claim.then_some(())
}

/// What everything else stands on: the memory functions of this program, also where regions overlap.
fn memory() -> Option<()> {
    let counted: [u8; 100] = black_box(core::array::from_fn(|i| u8::try_from(i).unwrap_or(0)));
    let expect = |from: &dyn Fn(u8) -> u8, found: &[u8; 100]| holds((0..100).map(from).eq(found.iter().copied()));
    let (mut up, mut down, mut filled) = (counted, counted, counted);
    expect(&|i| i, &counted)?;
    up.copy_within(black_box(0..60), black_box(30));
    expect(&|i| if (30..90).contains(&i) { i - 30 } else { i }, &up)?;
    down.copy_within(black_box(30..90), black_box(0));
    expect(&|i| if i < 60 { i + 30 } else { i }, &down)?;
    filled.get_mut(black_box(10..90))?.fill(black_box(0xa5));
    expect(&|i| if (10..90).contains(&i) { 0xa5 } else { i }, &filled)?;
    holds(counted == black_box(counted) && counted < down && up < counted && counted.get(..30) == up.get(..30))
}

/// Values from FIPS 180-4, RFC 4231 and RFC 8439.
fn published_values() -> Option<()> {
    let hash = sha256(&[black_box(b"a"), black_box(b"bc")]);
    holds(hash.starts_with(&[0xba, 0x78, 0x16, 0xbf]) && hash.ends_with(&[0xf2, 0x00, 0x15, 0xad]))?;
    let mac = hmac(black_box(b"Jefe"), &[black_box(b"what do ya want for nothing?")]);
    holds(mac.expose_secret().starts_with(&[0x5b, 0xdc, 0xc1, 0x46]))?;
    let mut stream = [0; 200];
    keystream(&Secret::from_bytes(black_box([0; 32])), &mut stream);
    holds(stream.starts_with(&[0x76, 0xb8, 0xe0, 0xad]) && stream.get(64..68) == Some(&[0x9f, 0x07, 0xe7, 0xbe]))
}

/// Two identities, and the secret that they share.
fn key_exchange() -> Option<()> {
    let mut rng = Rng::new(black_box([7; 32]));
    let one = Identity::new(rng.array(), "proof", "one").ok()?;
    let other = Identity::new(rng.array(), "proof", "other").ok()?;
    holds(one.id() != other.id())?;
    let shared = one.secret().exchange(other.public()).ok()?;
    holds(shared == other.secret().exchange(one.public()).ok()?)?;
    holds(one.secret().exchange(one.public()).ok()? != shared)
}

/// One message through the stages of section 3, at every depth of frame; then the same with one bit wrong.
fn message() -> Option<()> {
    let boot = HmacKey::new(&black_box([9; 32]));
    let (one, other) = (AgentId::from_bytes([1; 32]), AgentId::from_bytes([2; 32]));
    let channel = ChannelId::from_bytes(black_box([3; 16]));
    let mut rng = Rng::new(black_box([4; 32]));
    let mut state = ratchet::seed(&boot, &one, &other, &channel);
    holds(state == ratchet::seed(&boot, &other, &one, &channel))?;
    for (t, blocks) in (0..).zip(2..=32) {
        state = step(&state, &channel, t, Depth::new(blocks).ok()?, &mut rng)?;
    }
    holds(Depth::new(33).is_err())
}

/// Seals, checks and opens one message, and returns the state after it.
fn step(state: &Secret, channel: &ChannelId, t: u64, depth: Depth, rng: &mut Rng) -> Option<Secret> {
    const PAYLOAD: &[u8] = b"an agent's words, without a heap";
    let local = HmacKey::new(state.expose_secret());
    let (mut open, mut close) = ([0; Depth::MAX_FRAME_LEN], [0; Depth::MAX_FRAME_LEN]);
    let (open, close) = (open.get_mut(..depth.frame_len())?, close.get_mut(..depth.frame_len())?);
    rng.fill(open);
    sample(&distribution_seed(&local, t, &[&[5; 32], &[]]), open);
    mirror_into(open, close);
    holds(mirrors(open, close))?;

    let key = encoding_key(&local, Suite::ChaCha20Poly1305);
    let (nonce, aad) = (local_nonce(&key, channel, t), local_aad(channel, t));
    let mut body = [0; PAYLOAD.len()];
    body.copy_from_slice(black_box(PAYLOAD));
    let tag = RustCrypto.seal_in_place(Suite::ChaCha20Poly1305, &key, &nonce, &aad, &mut body).ok()?;
    holds(body != PAYLOAD)?;

    let mut forged = body;
    *forged.first_mut()? ^= 1;
    holds(RustCrypto.open_in_place(Suite::ChaCha20Poly1305, &key, &nonce, &aad, &mut forged, &tag).is_err())?;
    RustCrypto.open_in_place(Suite::ChaCha20Poly1305, &key, &nonce, &aad, &mut body, &tag).ok()?;
    holds(body == PAYLOAD)?;

    let next = ratchet::advance(&local, open);
    *close.last_mut()? ^= 0x80;
    holds(!mirrors(open, close) && next != *state)?;
    Some(next)
}

/// A bucket that empties and fills, a breaker that opens and closes, and a delay within its bounds.
fn policies() -> Option<()> {
    let (rate, mut bucket, now) = (Rate::default(), RateLimiter::new(), Instant::from_micros(black_box(1_000_000)));
    let admitted = (0..20).take_while(|_| bucket.check(now, &rate).is_ok()).count();
    let retry_after = bucket.check(now, &rate).err()?.retry_after;
    holds(admitted == 10 && bucket.check(now + retry_after, &rate).is_ok())?;

    let mut breaker = Breaker::new(BreakerConfig::new(1, Duration::from_secs(1), 1).ok()?);
    breaker.on_failure(now);
    let half_open = breaker.poll_timeout()?;
    holds(breaker.allow(now).is_err() && breaker.allow(half_open).is_ok())?;
    breaker.on_success(half_open);
    holds(breaker.poll_timeout().is_none())?;

    let delay = Backoff::new(BackoffConfig::default()).next_delay(&mut Rng::new(black_box([6; 32])));
    holds((50..=150).contains(&delay.as_millis()))
}

/// What needs an allocator.
#[cfg(any(feature = "alloc", feature = "let-in-alloc"))]
fn allocating() -> Option<()> {
    use alloc::vec::Vec;

    let mut rng = Rng::new(black_box([8; 32]));
    let hashes: Vec<[u8; 32]> = (0..100u64).map(|n| sha256(&[&n.to_be_bytes(), &rng.array::<8>()])).collect();
    let mut sorted = hashes.clone();
    sorted.sort_unstable();
    sorted.dedup();
    holds(sorted.len() == 100 && hashes.iter().all(|hash| sorted.binary_search(hash).is_ok()))
}
