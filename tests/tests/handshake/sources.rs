use core::net::IpAddr;
use core::time::Duration;
use std::collections::BTreeMap;

use mfp_proto::handshake::{Admission, AdmissionConfig, HandshakeError, Source};
use mfp_proto::policy::{Rate, RateLimiter};
use mfp_proto::time::Instant;
use proptest::prelude::*;

use crate::properties::config;
use crate::sides::{NOW, plain_pair};

fn source(address: &str) -> Source {
    address.parse::<IpAddr>().unwrap().into()
}

fn named(name: u8) -> Source {
    Source::Named([name; 16])
}

#[test]
fn a_source_is_an_address_or_a_prefix() {
    assert_eq!(source("192.0.2.1"), Source::Ipv4([192, 0, 2, 1]));
    assert_eq!(source("::ffff:192.0.2.1"), source("192.0.2.1"));
    assert_ne!(source("::ffff:192.0.2.1"), source("::ffff:192.0.2.2"));
    assert_eq!(source("2001:db8:1:2:3::1"), source("2001:db8:1:2:ffff::9"));
    assert_ne!(source("2001:db8:1:2::1"), source("2001:db8:1:3::1"));
    assert_ne!(source("0.0.0.0"), source("::"));
}

/// `message` with a byte changed.
fn flipped(message: &[u8], byte: usize) -> Vec<u8> {
    let mut message = message.to_vec();
    message[byte] ^= 1;
    message
}

/// Lets message 1 of `pair` through, at the time and from the source given.
fn admit<const N: usize>(table: &mut Admission<N>, now: Instant, source: Source) -> Result<(), HandshakeError> {
    let (a, b) = plain_pair();
    let (_, message1) = a.start(&b);
    table.admit(now, source, 0, &b.local().frame_key, &message1).map(|_| ())
}

#[test]
fn each_source_has_its_bucket() {
    let mut table = Admission::<4096>::default();
    for _ in 0..10 {
        assert_eq!(admit(&mut table, NOW, named(1)), Ok(()));
    }
    assert_eq!(admit(&mut table, NOW, named(1)), Err(HandshakeError::RateLimited));
    assert_eq!(admit(&mut table, NOW, named(2)), Ok(()));
    let later = NOW + Duration::from_millis(200);
    assert_eq!(admit(&mut table, later, named(1)), Ok(()));
    assert_eq!(admit(&mut table, later, named(1)), Err(HandshakeError::RateLimited));
    assert_eq!(table.sources(), 2);
}

#[test]
fn the_checks_come_in_their_order() {
    let (a, b) = plain_pair();
    let key = b.local().frame_key;
    let (_, message1) = a.start(&b);
    let config = AdmissionConfig { rate: Rate::new(1, Duration::from_secs(1), 2).unwrap(), max_pending: 128 };
    let mut table = Admission::<4>::new(config);
    let before = table.clone();
    let mut admit = |pending, message: &[u8]| {
        let result = table.admit(NOW, named(1), pending, &key, message).map(|_| ());
        (result.err(), table == before)
    };
    // Neither the bucket nor the number of pending sessions is looked at before header and frame.
    assert_eq!(admit(128, &message1[..295]), (Some(HandshakeError::Length), true));
    assert_eq!(admit(128, &flipped(&message1, 0)), (Some(HandshakeError::Header), true));
    assert_eq!(admit(128, &flipped(&message1, 64)), (Some(HandshakeError::FrameOpen), true));
    assert_eq!(admit(128, &flipped(&message1, 295)), (Some(HandshakeError::FrameClose), true));
    assert_eq!(admit(128, &message1), (Some(HandshakeError::TooManyPending), false));
    assert_eq!(admit(127, &message1).0, None);
    assert_eq!(admit(128, &message1).0, Some(HandshakeError::RateLimited));
}

#[test]
fn a_full_table_makes_further_sources_share_until_a_bucket_is_full_again() {
    let mut table = Admission::<3>::default();
    for name in 100..103 {
        assert_eq!(admit(&mut table, NOW, named(name)), Ok(()));
    }
    // Ten further sources get what one would get.
    for name in 10..20 {
        assert_eq!(admit(&mut table, NOW, named(name)), Ok(()));
    }
    assert_eq!(admit(&mut table, NOW, named(20)), Err(HandshakeError::RateLimited));
    assert_eq!(admit(&mut table, NOW, named(101)), Ok(()), "who has a bucket is not touched");
    // 100 and 102 are full again after 200 ms, 101 is not.
    let later = NOW + Duration::from_millis(200);
    assert_eq!(admit(&mut table, later, named(21)), Ok(()));
    assert_eq!(table.sources(), 2);
    for _ in 0..9 {
        assert_eq!(admit(&mut table, later, named(21)), Ok(()));
    }
    assert_eq!(admit(&mut table, later, named(21)), Err(HandshakeError::RateLimited), "a bucket of its own");
}

proptest! {
    #![proptest_config(config(16))]

    /// Dropping buckets that are full again is not seen by anyone, while no more sources than fit are active.
    #[test]
    fn the_table_is_as_good_as_one_without_bound(
        attempts in prop::collection::vec((0..40_u8, 0..400_u64), 1..300),
    ) {
        let mut table = Admission::<8>::default();
        let mut model: BTreeMap<Source, RateLimiter> = BTreeMap::new();
        let (rate, mut now) = (Rate::default(), NOW);
        for (name, pause) in attempts {
            now = now + Duration::from_millis(pause);
            let source = named(name);
            let active = model.values().filter(|bucket| !bucket.is_full(now, &rate)).count();
            prop_assume!(active < 8);
            let expected = model.entry(source).or_default().check(now, &rate).is_ok();
            prop_assert_eq!(admit(&mut table, now, source).is_ok(), expected);
        }
    }
}
