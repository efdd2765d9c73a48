use std::collections::VecDeque;

use proptest::prelude::*;

use super::*;

const LOW: RuntimeId = RuntimeId::from_bytes([1; 32]);
const HIGH: RuntimeId = RuntimeId::from_bytes([2; 32]);

#[test]
fn only_the_peers_ids_are_its_to_choose() {
    let (low, high) = (ChannelId::from_bytes([0x11; 16]), ChannelId::from_bytes([0x91; 16]));
    assert_eq!(judge_open(&low, false, &HIGH, &LOW), Request::Ask);
    assert_eq!(judge_open(&low, true, &HIGH, &LOW), Request::Refuse(Code::ChannelInUse));
    assert_eq!(judge_open(&high, false, &HIGH, &LOW), Request::Refuse(Code::ProtocolError));
    assert_eq!(judge_open(&high, false, &LOW, &HIGH), Request::Ask);
}

#[test]
fn code_255_is_never_answered() {
    for byte in 0..=u8::MAX {
        let answer = (byte != 255).then_some(Code::NoSuchChannel);
        assert_eq!(answer_unknown(WireCode::from_byte(byte)), answer, "{byte}");
    }
}

#[test]
fn answers_are_legal_once_and_only_to_who_asked() {
    let mut opening = Phase::Opening;
    assert_eq!(opening.handle_data(), Err(IllegalItem));
    assert_eq!(opening.handle_accept(), Ok(Reaction::Opened));
    assert!(opening.may_send());
    assert_eq!((opening.handle_accept(), opening.handle_reject()), (Err(IllegalItem), Err(IllegalItem)));
    let mut accepted = Phase::Open { sends: false };
    assert_eq!((accepted.handle_accept(), accepted.handle_reject()), (Err(IllegalItem), Err(IllegalItem)));
    assert!(!accepted.may_send(), "the acceptor sends once its ACCEPT has its number");
    accepted.handle_accept_numbered();
    assert!(accepted.may_send());
}

#[test]
fn data_between_is_taken_also_when_accept_crosses_close() {
    let mut phase = Phase::Opening;
    assert!(phase.close() && !phase.close());
    assert_eq!(phase.handle_accept(), Ok(Reaction::Bind));
    assert_eq!(phase.handle_accept(), Ok(Reaction::Nothing));
    assert_eq!(phase.handle_data(), Ok(()));
    assert_eq!(phase.handle_close(), Reaction::Nothing);
    assert_eq!((phase.handle_close(), phase.handle_data()), (Reaction::Nothing, Err(IllegalItem)));
    assert_eq!(phase.handle_close_acked(), Reaction::Erase);
}

#[test]
fn a_channel_closed_before_its_accept_has_a_number_stays_closed() {
    let mut phase = Phase::Open { sends: false };
    assert_eq!(phase.handle_close(), Reaction::Answer);
    phase.handle_accept_numbered();
    assert!(!phase.may_send() && !phase.close());
    assert_eq!(phase.handle_close_acked(), Reaction::Erase);
}

/// What travels between the two ends, in order.
#[derive(Clone, Copy, Debug)]
enum Wire {
    Open,
    Accept,
    Reject,
    Close(Code),
    Data,
}

/// One end, what it has sent, first what has not arrived and then what is not acked, and how many CLOSEs it has sent.
#[derive(Debug, Default)]
struct End {
    phase: Option<Phase>,
    /// What policy says to OPEN.
    accepts: bool,
    bound: bool,
    sent: VecDeque<Wire>,
    unacked: VecDeque<Wire>,
    closes: u32,
}

impl End {
    fn send(&mut self, item: Wire) {
        self.sent.push_back(item);
        if matches!(item, Wire::Close(code) if code != Code::NoSuchChannel) {
            self.closes += 1;
        }
    }

    fn react(&mut self, reaction: Reaction) {
        match reaction {
            Reaction::Nothing => {}
            Reaction::Opened | Reaction::Bind => self.bound = true,
            Reaction::Rejected | Reaction::Erase => self.phase = None,
            Reaction::Answer => self.send(Wire::Close(Code::Done)),
        }
    }

    /// The other end's next item arrives.
    fn receive(&mut self, item: Wire) {
        let Some(phase) = &mut self.phase else {
            match item {
                Wire::Open if self.accepts => {
                    (self.phase, self.bound) = (Some(Phase::Open { sends: false }), true);
                    self.send(Wire::Accept);
                }
                Wire::Open => self.send(Wire::Reject),
                Wire::Close(code) => {
                    if let Some(code) = answer_unknown(WireCode::from(code)) {
                        self.send(Wire::Close(code));
                    }
                }
                Wire::Accept | Wire::Reject => {}
                Wire::Data => panic!("data of a channel that is not bound cannot be read"),
            }
            return;
        };
        let reaction = match item {
            Wire::Open => panic!("an id is used once"),
            Wire::Accept => phase.handle_accept().unwrap(),
            Wire::Reject => phase.handle_reject().unwrap(),
            Wire::Close(_) => phase.handle_close(),
            Wire::Data => {
                assert!(self.bound);
                phase.handle_data().unwrap();
                Reaction::Nothing
            }
        };
        self.react(reaction);
    }

    /// The first item that has arrived is acked.
    fn ack(&mut self) {
        if let (Some(Wire::Close(_)), Some(phase)) = (self.unacked.pop_front(), &mut self.phase) {
            let reaction = phase.handle_close_acked();
            self.react(reaction);
        }
    }

    fn act(&mut self, action: u8) {
        let Some(phase) = &mut self.phase else { return };
        match action {
            0 => phase.handle_accept_numbered(),
            1 if phase.close() => self.send(Wire::Close(Code::Done)),
            _ if phase.may_send() => self.send(Wire::Data),
            _ => {}
        }
    }
}

fn deliver(ends: &mut [End; 2], from: usize) {
    if let Some(item) = ends[from].sent.pop_front() {
        ends[1 - from].receive(item);
        ends[from].unacked.push_back(item);
    }
}

fn settle(ends: &mut [End; 2]) {
    while ends.iter().any(|end| !end.sent.is_empty() || !end.unacked.is_empty()) {
        for side in 0..2 {
            deliver(ends, side);
            ends[side].ack();
        }
    }
}

proptest! {
    /// Whatever two honest ends do, in whatever order items arrive: no item is illegal, no DATA comes on a channel that
    /// cannot be read, nobody closes twice, and once somebody has closed and all has arrived both have forgotten it.
    #[test]
    fn two_ends_never_disagree(
        accepts in any::<bool>(),
        steps in prop::collection::vec((any::<bool>(), 0..6_u8), 0..60),
    ) {
        let mut ends = [End::default(), End::default()];
        (ends[0].phase, ends[1].accepts) = (Some(Phase::Opening), accepts);
        ends[0].send(Wire::Open);
        for (side, action) in steps {
            let side = usize::from(side);
            match action {
                0..3 => ends[side].act(action),
                3 => ends[side].ack(),
                _ => deliver(&mut ends, side),
            }
        }
        for end in &mut ends {
            end.act(1);
        }
        settle(&mut ends);
        // The other end may be asked only now.
        ends[1].act(1);
        settle(&mut ends);
        prop_assert!(ends.iter().all(|end| end.phase.is_none() && end.closes <= 1), "{:?}", ends);
    }
}
