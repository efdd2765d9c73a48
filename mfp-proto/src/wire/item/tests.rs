extern crate std;
use std::boxed::Box;
use std::vec::Vec;
use std::{format, vec};

use proptest::option;
use proptest::prelude::*;

use super::*;
use crate::id::{AgentId, AgentName, MessageId};

fn channel() -> impl Strategy<Value = AgentChannel> {
    any::<[u8; 16]>().prop_filter_map("control", |bytes| AgentChannel::new(bytes.into()))
}

fn code() -> impl Strategy<Value = WireCode> {
    any::<u8>().prop_map(WireCode::from_byte)
}

fn name() -> impl Strategy<Value = AgentName> {
    "[a-zé語]{1,21}".prop_map(|text| AgentName::new(&text).unwrap())
}

fn key() -> impl Strategy<Value = PublicKey> {
    any::<[u8; 32]>().prop_map(PublicKey::from_bytes)
}

fn nonzero() -> impl Strategy<Value = NonZeroU64> {
    (1..=u64::MAX).prop_map(|value| NonZeroU64::new(value).unwrap())
}

fn meta() -> impl Strategy<Value = Meta<'static>> {
    (option::of(any::<[u8; 26]>()), option::of(any::<[u8; 16]>()), option::of("[ -~]{0,64}")).prop_map(
        |(trace, reply_to, text)| {
            let content = text.as_deref().map(|text| ContentType::new(text).unwrap());
            let trace = trace.map(TraceContext::from_bytes);
            let built = MetaBuf::new(trace, reply_to.map(MessageId::from_bytes), content);
            Meta::parse(Vec::leak(built.as_meta().as_bytes().to_vec())).unwrap()
        },
    )
}

fn data() -> impl Strategy<Value = Item<'static>> {
    (nonzero(), meta(), proptest::collection::vec(any::<u8>(), 0..400))
        .prop_map(|(q, meta, payload)| Item::Data(Data { q, meta, payload: Box::leak(payload.into()) }))
}

fn pos() -> impl Strategy<Value = Item<'static>> {
    let claim = (nonzero(), any::<[u8; 16]>(), any::<[u8; 16]>())
        .prop_map(|(n, session, proof)| Pos::new(n, session.into(), Proof::from_bytes(proof)));
    prop_oneof![1 => Just(Pos::ZERO), 4 => claim].prop_map(Item::Negotiate)
}

/// An item of any kind with a number that fits it.
fn any_item() -> impl Strategy<Value = (u64, Item<'static>)> {
    let agent = || any::<[u8; 32]>().prop_map(AgentId::from_bytes);
    let item = prop_oneof![
        Just(Item::Ack),
        data(),
        (channel(), agent(), name(), name(), any::<bool>())
            .prop_map(|(channel, agent, from, to, padding)| Item::Open(Open { channel, agent, from, to, padding })),
        (channel(), agent(), name()).prop_map(|(channel, agent, name)| Item::Accept(Accept { channel, agent, name })),
        (channel(), code()).prop_map(|(channel, code)| Item::Reject { channel, code }),
        (channel(), code()).prop_map(|(channel, code)| Item::Close { channel, code }),
        pos(),
        (any::<u32>(), key()).prop_map(|(g, ephemeral)| Item::RotateReq { g, ephemeral }),
        (any::<u32>(), key()).prop_map(|(g, ephemeral)| Item::RotateAck { g, ephemeral }),
        any::<u32>().prop_map(|g| Item::RotateDone { g }),
        nonzero().prop_map(|next| Item::Gap { next }),
        code().prop_map(|code| Item::Bye { code }),
        (channel(), any::<u64>()).prop_map(|(channel, limit)| Item::Credit { channel, limit }),
    ];
    (1..=u64::MAX, item).prop_map(|(n, item)| (if item.kind().is_numbered() { n } else { 0 }, item))
}

fn encoded(n: u64, item: &Item<'_>) -> Vec<u8> {
    let mut out = vec![0; item.encoded_len()];
    assert_eq!(item.encode_into(n, &mut out, None), Ok(out.len()));
    out
}

fn example(kind: Kind) -> Item<'static> {
    let channel = AgentChannel::new([7; 16].into()).unwrap();
    let agent = AgentId::from_bytes([8; 32]);
    let name = |text| AgentName::new(text).unwrap();
    let ephemeral = PublicKey::from_bytes([9; 32]);
    let code = Code::Limit.into();
    match kind {
        Kind::Ack => Item::Ack,
        Kind::Data => Item::Data(Data { q: NonZeroU64::MIN, meta: Meta::EMPTY, payload: b"hello" }),
        Kind::Open => Item::Open(Open { channel, agent, from: name("a"), to: name("b"), padding: true }),
        Kind::Accept => Item::Accept(Accept { channel, agent, name: name("b") }),
        Kind::Reject => Item::Reject { channel, code },
        Kind::Close => Item::Close { channel, code },
        Kind::Negotiate => Item::Negotiate(Pos::ZERO),
        Kind::RotateReq => Item::RotateReq { g: 1, ephemeral },
        Kind::RotateAck => Item::RotateAck { g: 1, ephemeral },
        Kind::RotateDone => Item::RotateDone { g: 1 },
        Kind::Gap => Item::Gap { next: NonZeroU64::MIN },
        Kind::Bye => Item::Bye { code },
        Kind::Credit => Item::Credit { channel, limit: 64 },
    }
}

fn with_body(kind: Kind, body: &[u8]) -> Vec<u8> {
    let mut bytes = vec![kind.byte()];
    bytes.extend_from_slice(&u64::from(kind.is_numbered()).to_be_bytes());
    bytes.extend_from_slice(&u32::try_from(body.len()).unwrap().to_be_bytes());
    bytes.extend_from_slice(body);
    bytes
}

#[test]
fn bytes_of_a_data_item() {
    let Item::Data(data) = example(Kind::Data) else { panic!("not DATA") };
    let built = MetaBuf::new(None, None, ContentType::new("a/b"));
    let item = Item::Data(Data { meta: built.as_meta(), ..data });
    let expected = b"\x01\0\0\0\0\0\0\x01\x02\0\0\0\x13\0\0\0\0\0\0\0\x01\x05\x03\x03a/bhello";
    assert_eq!(encoded(0x0102, &item), expected);
    assert_eq!(Item::parse(expected), Ok((0x0102, item)));
}

#[test]
fn a_number_fits_its_kind_both_ways() {
    for kind in Kind::ALL {
        let item = example(kind);
        let right = u64::from(kind.is_numbered());
        let mut bytes = encoded(right, &item);
        assert_eq!(Item::parse(&bytes), Ok((right, item.clone())));
        let mut out = [0xee; 200];
        assert_eq!(item.encode_into(1 - right, &mut out, None), Err(EncodeError::Number));
        assert_eq!(out, [0xee; 200]);
        bytes[8] ^= 1;
        assert_eq!(Item::parse(&bytes), Err(ItemError::Number));
    }
}

#[test]
fn lengths_are_exact() {
    for kind in Kind::ALL {
        let item = example(kind);
        let mut body = vec![0; item.body_len()];
        item.encode_body(&mut body).unwrap();
        assert_eq!(Item::parse_body(kind, &body), Ok(item));
        let mut longer = body.clone();
        longer.push(0);
        if kind != Kind::Data {
            assert_eq!(Item::parse_body(kind, &longer), Err(ItemError::Length), "{kind:?}");
        }
        // The last five bytes of DATA are its payload, which may have any length.
        for len in 0..body.len() - if kind == Kind::Data { 5 } else { 0 } {
            assert_eq!(Item::parse_body(kind, &body[..len]), Err(ItemError::Length), "{kind:?} {len}");
        }
    }
}

#[test]
fn every_rule_has_its_error() {
    let open = |edit: fn(&mut Vec<u8>)| {
        let mut body = vec![7; 48];
        body.extend_from_slice(b"\x01a\x01b\0\0");
        edit(&mut body);
        with_body(Kind::Open, &body)
    };
    assert!(Item::parse(&open(|_| ())).is_ok());
    let cases: [(Vec<u8>, ItemError); 15] = [
        (vec![], ItemError::Truncated),
        (vec![0; 12], ItemError::Truncated),
        (with_body(Kind::Ack, &[])[..12].to_vec(), ItemError::Truncated),
        (b"\x15\0\0\0\0\0\0\0\0\xff\xff\xff\xff\x01".to_vec(), ItemError::Truncated),
        (b"\x06\0\0\0\0\0\0\0\0\0\0\0\0".to_vec(), ItemError::Kind),
        (with_body(Kind::Gap, &[0; 8]), ItemError::Zero),
        (with_body(Kind::Data, &[0; 9]), ItemError::Zero),
        (with_body(Kind::Negotiate, &[[0; 39].as_slice(), &[1]].concat()), ItemError::Pos),
        (with_body(Kind::Close, &[0; 17]), ItemError::Channel),
        (with_body(Kind::Credit, &[0; 24]), ItemError::Channel),
        (open(|body| drop(body.splice(48..50, [0]))), ItemError::Name),
        (open(|body| body[49] = 0xff), ItemError::Name),
        (open(|body| drop(body.splice(48..50, [[65].as_slice(), &[b'x'; 65]].concat()))), ItemError::Name),
        (open(|body| body[53] = 2), ItemError::Options),
        (with_body(Kind::Data, b"\0\0\0\0\0\0\0\x01\x02\x03\x01"), ItemError::Meta),
    ];
    for (at, (bytes, error)) in cases.into_iter().enumerate() {
        assert_eq!(Item::parse(&bytes), Err(error), "case {at}");
    }
}

#[test]
fn the_longest_bodies_are_as_long_as_said() {
    let name = AgentName::new(&"x".repeat(64)).unwrap();
    let Item::Open(open) = example(Kind::Open) else { panic!("not OPEN") };
    let Item::Accept(accept) = example(Kind::Accept) else { panic!("not ACCEPT") };
    assert_eq!(Item::Open(Open { from: name.clone(), to: name.clone(), ..open }).body_len(), Open::MAX_LEN);
    assert_eq!(Item::Accept(Accept { name, ..accept }).body_len(), Accept::MAX_LEN);
}

#[test]
fn debug_does_not_show_a_payload() {
    let item = Item::Data(Data { q: NonZeroU64::MIN, meta: Meta::EMPTY, payload: &[77; 9] });
    let shown = format!("{item:?}");
    assert!(shown.contains("9 bytes") && !shown.contains("77"), "{shown}");
}

proptest! {
    #[test]
    fn what_is_built_is_parsed(
        (n, item) in any_item(),
        padded in option::of(0..600_usize),
        at in any::<prop::sample::Index>(),
        byte in 1..=u8::MAX,
    ) {
        let need = item.encoded_len().max(padded.unwrap_or(0));
        let mut out = vec![0xee; need + 3];
        for len in [0, need - 1] {
            prop_assert_eq!(item.encode_into(n, &mut out[..len], padded), Err(EncodeError::TooSmall { need }));
            prop_assert!(out.iter().all(|byte| *byte == 0xee));
        }
        prop_assert_eq!(item.encode_into(n, &mut out, padded), Ok(need));
        prop_assert_eq!(&out[need..], &[0xee; 3]);
        prop_assert_eq!(Item::parse(&out[..need]), Ok((n, item.clone())));
        if need > item.encoded_len() {
            *at.get_mut(&mut out[item.encoded_len()..need]) = byte;
            prop_assert_eq!(Item::parse(&out[..need]), Err(ItemError::Padding));
        }
    }

    #[test]
    fn what_is_parsed_is_built((n, item) in any_item(), at in any::<prop::sample::Index>(), byte: u8, zeros in 0..20_usize) {
        let mut bytes = encoded(n, &item);
        *at.get_mut(&mut bytes) = byte;
        bytes.resize(bytes.len() + zeros, 0);
        if let Ok((n, item)) = Item::parse(&bytes) {
            let mut out = vec![0xee; bytes.len()];
            prop_assert_eq!(item.encode_into(n, &mut out, Some(bytes.len())), Ok(bytes.len()));
            prop_assert_eq!(out, bytes);
        }
    }

    #[test]
    fn a_stored_body_is_the_body((n, item) in any_item()) {
        let mut body = vec![0; item.body_len()];
        prop_assert_eq!(item.encode_body(&mut body), Ok(body.len()));
        prop_assert_eq!(&encoded(n, &item)[HEAD_LEN..], &body);
        prop_assert_eq!(Item::parse_body(item.kind(), &body), Ok(item.clone()));
        if let Some(short) = body.len().checked_sub(1) {
            prop_assert_eq!(item.encode_body(&mut body[..short]), Err(EncodeError::TooSmall { need: short + 1 }));
        }
    }

    #[test]
    fn any_bytes_are_judged(bytes in proptest::collection::vec(any::<u8>(), 0..80), kind in 0..13_usize) {
        if let Ok(item) = Item::parse_body(Kind::ALL[kind], &bytes) {
            let mut out = vec![0; bytes.len()];
            prop_assert_eq!(item.encode_body(&mut out), Ok(bytes.len()));
            prop_assert_eq!(out, bytes);
        }
    }
}
