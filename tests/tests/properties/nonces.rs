//! Over any schedule of two runtimes that shake hands, send, rotate and lose their sessions: no key and nonce seals twice,
//! and what is sent arrives.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "what fails here is a bug of a test")]

use std::collections::VecDeque;

use mfp_proto::crypto::aead::{Aead, RustCrypto, Suite};
use mfp_proto::crypto::rng::Rng;
use mfp_proto::id::ChannelId;
use mfp_proto::link::lane::SealError;
use mfp_proto::testing::RecordingAead;
use mfp_proto::wire::Item;
use mfp_proto::wire::item::Kind;
use mfp_tests::aead::{BACK_ENDS, SUITES};
use proptest::prelude::*;

use super::config;
use crate::sides::{CHANNEL, Ends, Side, TestSession, data, pair, receive, refusal, send};

#[derive(Clone, Copy, Debug)]
enum Step {
    /// A side sends a message of an agent, on one of two channels.
    Send { responder: bool, second: bool, len: usize },
    /// The same with too little room: nothing is sent.
    SendWithoutRoom { responder: bool, len: usize },
    /// A side wants to rotate.
    Rotate { responder: bool },
    /// A side sends its marker, if one is due.
    Marker { responder: bool },
    /// A side receives the next message, if one is under way.
    Receive { responder: bool },
    /// A side is fed garbage made of the next message.
    Garbage { responder: bool, bit: usize },
    /// The connection is lost: a new handshake and session, whatever is under way.
    Drop,
    /// An attempt of either side whose message 2 is lost; the session goes on.
    Attempt { responder: bool },
    /// Somebody sends the last message 1 again, and the responder answers.
    Replay,
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        6 => (any::<bool>(), any::<bool>(), 0..200_usize)
            .prop_map(|(responder, second, len)| Step::Send { responder, second, len }),
        1 => (any::<bool>(), 0..200_usize).prop_map(|(responder, len)| Step::SendWithoutRoom { responder, len }),
        2 => any::<bool>().prop_map(|responder| Step::Rotate { responder }),
        4 => any::<bool>().prop_map(|responder| Step::Marker { responder }),
        8 => any::<bool>().prop_map(|responder| Step::Receive { responder }),
        1 => (any::<bool>(), any::<usize>()).prop_map(|(responder, bit)| Step::Garbage { responder, bit }),
        1 => Just(Step::Drop),
        1 => any::<bool>().prop_map(|responder| Step::Attempt { responder }),
        1 => Just(Step::Replay),
    ]
}

const SECOND: ChannelId = ChannelId::from_bytes([0x99; 16]);

/// Messages, each with the payload that it must give; markers have none.
type Stream = VecDeque<(Vec<u8>, Option<Vec<u8>>)>;

struct World {
    a: Side,
    b: Side,
    ends: Ends,
    /// To the initiator and to the responder.
    under_way: [Stream; 2],
    /// The last message 1.
    message1: Vec<u8>,
    rng: Rng,
    handshakes: u32,
    rotations: u32,
}

impl World {
    fn new(suite: Suite, aead: &'static dyn Aead) -> Self {
        let (a, b) = pair(suite, aead);
        let (ends, under_way, rng) = (Ends::connect(&a, &b), <[Stream; 2]>::default(), Rng::new([7; 32]));
        let mut world = Self { a, b, ends, under_way, message1: Vec::new(), rng, handshakes: 1, rotations: 0 };
        world.connect();
        world
    }

    fn connect(&mut self) {
        self.rotations += self.ends.initiator.rotation().finished();
        self.handshakes += 1;
        (self.a.e, self.b.e) = (self.rng.array(), self.rng.array());
        let (initiator, message1) = self.a.start(&self.b);
        self.ends = Ends::answer(&self.a, &self.b, initiator, &message1);
        self.message1 = message1.to_vec();
        let mut negotiate = self.ends.negotiate();
        receive(&mut self.ends.responder, &mut negotiate).unwrap();
        self.under_way = <[Stream; 2]>::default();
        for session in [&mut self.ends.initiator, &mut self.ends.responder] {
            session.bind(SECOND, [2; 32]).unwrap();
        }
    }

    fn attempt(&mut self, responder: bool) {
        (self.a.e, self.b.e) = (self.rng.array(), self.rng.array());
        let (from, to) = if responder { (&self.b, &self.a) } else { (&self.a, &self.b) };
        let (_, message1) = from.start(to);
        to.respond(from, &message1).unwrap();
    }

    fn replay(&mut self) {
        self.b.e = self.rng.array();
        self.b.respond(&self.a, &self.message1).unwrap();
    }

    fn side(&mut self, responder: bool) -> &mut TestSession {
        if responder { &mut self.ends.responder } else { &mut self.ends.initiator }
    }

    fn send(&mut self, responder: bool, channel: &ChannelId, len: usize, room: usize) {
        let mut payload = vec![0; len];
        self.rng.fill(&mut payload);
        let mut out = vec![0; room];
        let (n, item) = data(1, &payload);
        let before = self.side(responder).clone();
        match self.side(responder).seal(channel, 0, n, &item, None, &mut out) {
            Ok(sealed) => {
                out.truncate(sealed);
                self.under_way[usize::from(!responder)].push_back((out, Some(payload)));
            }
            Err(error) => {
                assert!(matches!(error, SealError::TooSmall { need } if need > room));
                assert!(self.side(responder).same_state(&before));
            }
        }
    }

    fn marker(&mut self, responder: bool) {
        let entropy = self.rng.array();
        let mut out = vec![0; 300];
        if let Some(sealed) = self.side(responder).seal_rotation(0, || entropy, &mut out).unwrap() {
            out.truncate(sealed);
            self.under_way[usize::from(!responder)].push_back((out, None));
        }
    }

    fn receive(&mut self, responder: bool) {
        let Some((mut wire, expected)) = self.under_way[usize::from(responder)].pop_front() else { return };
        let received = receive(self.side(responder), &mut wire).unwrap();
        match (received.item, expected) {
            (Item::Data(data), Some(payload)) => assert_eq!(data.payload, payload),
            (item, expected) => assert!(expected.is_none() && item.kind() != Kind::Data),
        }
    }

    fn garbage(&mut self, responder: bool, bit: usize) {
        let Some((wire, _)) = self.under_way[usize::from(responder)].front() else { return };
        let mut wire = wire.clone();
        let bit = bit % (wire.len() * 8);
        wire[bit / 8] ^= 1 << (bit % 8);
        assert!(refusal(self.side(responder), &wire).is_some());
    }

    fn take(&mut self, step: Step) {
        match step {
            Step::Send { responder, second, len } => {
                let channel = if second { SECOND } else { CHANNEL };
                self.send(responder, &channel, len, 1_500);
            }
            Step::SendWithoutRoom { responder, len } => self.send(responder, &CHANNEL, len, len),
            Step::Rotate { responder } => {
                let session = self.side(responder);
                assert_eq!(session.rotation().under_way(), session.request_rotation().is_err());
            }
            Step::Marker { responder } => self.marker(responder),
            Step::Receive { responder } => self.receive(responder),
            Step::Garbage { responder, bit } => self.garbage(responder, bit),
            Step::Drop => self.connect(),
            Step::Attempt { responder } => self.attempt(responder),
            Step::Replay => self.replay(),
        }
    }

    /// Lets all that is under way arrive, and rotations finish.
    fn settle(&mut self) {
        loop {
            for responder in [false, true] {
                self.marker(responder);
            }
            if self.under_way.iter().all(VecDeque::is_empty) {
                break;
            }
            for responder in [false, true] {
                while !self.under_way[usize::from(responder)].is_empty() {
                    self.receive(responder);
                }
            }
        }
        let Ends { initiator, responder } = &self.ends;
        assert!(initiator.sending_lane() == responder.receiving_lane());
        assert!(responder.sending_lane() == initiator.receiving_lane());
        assert!(!initiator.rotation().under_way() && !responder.rotation().under_way());
        assert_eq!(initiator.rotation().finished(), responder.rotation().finished());
    }
}

fn run(suite: Suite, aead: &'static dyn Aead, steps: &[Step]) -> World {
    let recorder = RecordingAead::leak(aead);
    let mut world = World::new(suite, recorder);
    for step in steps {
        world.take(*step);
        assert_eq!(recorder.repeats(), 0, "a key and nonce have sealed twice");
    }
    world.settle();
    assert_eq!(recorder.repeats(), 0, "a key and nonce have sealed twice");
    assert!(recorder.seals() > 0);
    world
}

proptest! {
    #![proptest_config(config(96))]

    #[test]
    fn no_key_and_nonce_seals_twice(steps in prop::collection::vec(any_step(), 1..200)) {
        for (suite, aead) in SUITES.into_iter().zip(BACK_ENDS) {
            run(suite, aead, &steps);
        }
    }
}

/// The schedules are not idle: crossing requests, switches in flight and lost sessions all occur.
#[test]
fn a_busy_schedule_rotates_and_reconnects() {
    let mut steps = Vec::new();
    for round in 0..20 {
        for responder in [false, true] {
            steps.extend([
                Step::Rotate { responder },
                Step::Marker { responder },
                Step::Send { responder, second: responder, len: round },
            ]);
        }
        for _ in 0..6 {
            for responder in [true, false] {
                let send = Step::Send { responder, second: !responder, len: 3 };
                steps.extend([Step::Receive { responder }, Step::Marker { responder }, send]);
            }
        }
        steps.push(Step::Attempt { responder: round % 2 == 0 });
        if round % 7 == 6 {
            steps.extend([Step::Drop, Step::Replay]);
        }
    }
    for (suite, aead) in SUITES.into_iter().zip(BACK_ENDS) {
        let world = run(suite, aead, &steps);
        let rotations = world.rotations + world.ends.initiator.rotation().finished();
        let handshakes = world.handshakes;
        assert!(handshakes > 2 && rotations > 5, "{handshakes} handshakes, {rotations} rotations");
    }
}

/// The recorder would see it: two sessions that seal from one state use a key twice, and so do two handshakes with one
/// ephemeral.
#[test]
fn a_repeated_key_is_seen() {
    let recorder = RecordingAead::leak(&RustCrypto);
    let (a, b) = pair(Suite::default(), recorder);
    let mut ends = Ends::connect(&a, &b);
    let mut twin = ends.initiator.clone();
    send(&mut ends.initiator, b"one");
    send(&mut twin, b"two");
    assert_eq!(recorder.repeats(), 1);
    a.start(&b);
    assert_eq!(recorder.repeats(), 3, "the static key and payload 1");
}
