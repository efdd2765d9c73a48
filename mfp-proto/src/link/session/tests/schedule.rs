//! Over any schedule: no key and nonce seals twice, and what is sent arrives.

use std::collections::VecDeque;
use std::vec;
use std::vec::Vec;

use proptest::prelude::*;

use super::*;
use crate::crypto::rng::Rng;
use crate::link::vectors::back_ends;
use crate::testing::RecordingAead;

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
    /// The connection is lost: a new session, whatever is under way.
    Drop,
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
    ]
}

const SECOND: ChannelId = ChannelId::from_bytes([0x99; 16]);

/// Messages, each with the payload that it must give; markers have none.
type Stream = VecDeque<(Vec<u8>, Option<Vec<u8>>)>;

struct World {
    ends: Ends,
    /// To the initiator and to the responder.
    under_way: [Stream; 2],
    rng: Rng,
    sessions: u64,
    rotations: u32,
    suite: Suite,
    aead: &'static RecordingAead,
}

impl World {
    fn new(suite: Suite, aead: &'static RecordingAead) -> Self {
        let ends = ends(0, suite, aead);
        let (under_way, rng) = (<[Stream; 2]>::default(), Rng::new([7; 32]));
        let mut world = Self { ends, under_way, rng, sessions: 0, rotations: 0, suite, aead };
        world.connect();
        world
    }

    fn connect(&mut self) {
        self.rotations += self.ends.initiator.rotation().finished();
        self.sessions += 1;
        self.ends = ends(self.sessions, self.suite, self.aead);
        self.under_way = <[Stream; 2]>::default();
        negotiate(&mut self.ends);
        for session in [&mut self.ends.initiator, &mut self.ends.responder] {
            session.bind(SECOND, [2; 32]).unwrap();
        }
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
        let session = self.side(responder);
        let before = session.clone();
        assert!(refusal(session, &wire).is_some());
        assert!(session.same_state(&before));
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
        assert!(initiator.sends == responder.receives && responder.sends == initiator.receives);
        assert!(!initiator.rotation().under_way() && !responder.rotation().under_way());
        assert_eq!(initiator.rotation().finished(), responder.rotation().finished());
    }
}

fn run(suite: Suite, steps: &[Step]) -> Option<World> {
    let aead = RecordingAead::leak(*back_ends(suite).first()?);
    let mut world = World::new(suite, aead);
    for step in steps {
        world.take(*step);
        assert_eq!(aead.repeats(), 0, "a key and nonce have sealed twice");
    }
    world.settle();
    assert_eq!(aead.repeats(), 0, "a key and nonce have sealed twice");
    assert!(aead.seals() > 0);
    Some(world)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(128))]

    #[test]
    fn no_key_and_nonce_seals_twice(steps in prop::collection::vec(any_step(), 1..200)) {
        run(Suite::ChaCha20Poly1305, &steps);
        run(Suite::Aes256Gcm, &steps);
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
        if round % 7 == 6 {
            steps.push(Step::Drop);
        }
    }
    let world = run(Suite::ChaCha20Poly1305, &steps).expect("every build has it");
    let rotations = world.rotations + world.ends.initiator.rotation().finished();
    assert!(world.sessions > 2 && rotations > 5, "{} sessions, {rotations} rotations", world.sessions);
}

/// The recorder would see it: two sessions that seal from one state use a key twice.
#[test]
fn a_cloned_sender_repeats_a_key() {
    let aead = RecordingAead::leak(&RustCrypto);
    let mut ends = ends(1, Suite::default(), aead);
    negotiate(&mut ends);
    let mut twin = ends.initiator.clone();
    send(&mut ends.initiator, b"one");
    send(&mut twin, b"two");
    assert_eq!(aead.repeats(), 1);
}
