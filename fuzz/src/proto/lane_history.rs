//! One lane through sessions, crashes and rollbacks, with what its two ends keep for recovery and nothing else.
//!
//! The sender numbers messages that differ from each other, the receiver keeps what it got. Whenever a claim is accepted,
//! what the receiver has up to the claimed number must be what its sender remembers under those numbers.

use arbitrary::{Arbitrary, Unstructured};
use mfp_proto::crypto::Secret;
use mfp_proto::crypto::dh::PublicKey;
use mfp_proto::id::{RuntimeId, SessionId};
use mfp_proto::link::Records;
use mfp_proto::link::recovery::{Context, Diagnosis};
use mfp_proto::wire::item::Pos;

/// Steps of one run.
const MOST: usize = 300;
/// Session records that the sender may have.
const RECORDS: usize = 3;
/// Messages of one run: enough for every order of events.
const MESSAGES: usize = 500;

/// What happens.
#[derive(Debug, Arbitrary)]
enum Step {
    /// The old session, if there is one, is replaced.
    Connect,
    /// What is in flight is lost, and the sender notices.
    Cut,
    Number(u8),
    Transmit(u8),
    Deliver(u8),
    /// The receiver's cursor reaches the sender.
    Ack,
    /// The first message of the receiver opens at the sender.
    Confirm,
    CrashSender,
    Keep {
        sender: bool,
    },
    RollBack {
        sender: bool,
        to: u8,
    },
}

/// What the sender keeps: its own state is durable before anything is sent.
#[derive(Clone, Default)]
struct Sender {
    records: Records<RECORDS>,
    acked: u64,
    /// The message under each number, from 1.
    items: Vec<u64>,
}

/// What the receiver keeps.
#[derive(Clone, Default)]
struct Receiver {
    cursor: Option<(SessionId, Secret)>,
    got: Vec<u64>,
}

impl Receiver {
    fn n(&self) -> u64 {
        self.got.len() as u64
    }
}

/// A live session, at the sender.
struct Session {
    id: SessionId,
    history: Secret,
    /// The session that the claim named.
    named: SessionId,
    begun: bool,
    confirmed: bool,
    transmitted: u64,
}

#[derive(Default)]
struct Lane {
    sender: Sender,
    receiver: Receiver,
    session: Option<Session>,
    kept: (Vec<Sender>, Vec<Receiver>),
    sessions: u32,
    messages: u64,
    rolled_back: bool,
}

/// # Panics
/// If a loss is not noticed, or one is noticed that is none.
pub fn run(data: &[u8]) {
    let (mut lane, mut input) = (Lane::default(), Unstructured::new(data));
    for _ in 0..MOST {
        if input.is_empty() {
            break;
        }
        let Ok(step) = input.arbitrary() else { break };
        if !lane.step(&step) {
            break;
        }
        assert!(lane.sender.records.len() <= RECORDS);
    }
}

impl Lane {
    /// `false`: the link is suspended.
    fn step(&mut self, step: &Step) -> bool {
        match *step {
            Step::Connect => return self.connect(),
            Step::Cut => self.end(),
            Step::Number(count) => {
                for _ in 0..=count % 8 {
                    if self.sender.items.len() < MESSAGES {
                        self.messages += 1;
                        self.sender.items.push(self.messages);
                    }
                }
            }
            Step::Transmit(count) => (0..=count % 8).for_each(|_| self.transmit()),
            Step::Deliver(count) => (0..=count % 8).for_each(|_| self.deliver()),
            Step::Ack => self.ack(),
            Step::Confirm => self.confirm(),
            Step::CrashSender => self.restart_sender(self.sender.clone()),
            Step::Keep { sender: true } => self.kept.0.push(self.sender.clone()),
            Step::Keep { sender: false } => self.kept.1.push(self.receiver.clone()),
            Step::RollBack { sender: true, to } => {
                if let Some(at) = usize::from(to).checked_rem(self.kept.0.len()) {
                    self.rolled_back = true;
                    self.restart_sender(self.kept.0[at].clone());
                }
            }
            Step::RollBack { sender: false, to } => {
                if let Some(at) = usize::from(to).checked_rem(self.kept.1.len()) {
                    self.rolled_back = true;
                    self.end();
                    self.receiver = self.kept.1[at].clone();
                }
            }
        }
        true
    }

    fn context(&self) -> Context {
        let [sender, receiver] = [1, 2].map(|end| RuntimeId::from_bytes([end; 32]));
        let of_session = |side: u8| {
            let mut bytes = [side; 32];
            bytes[..4].copy_from_slice(&self.sessions.to_be_bytes());
            PublicKey::from_bytes(bytes)
        };
        Context::new(&sender, &receiver, of_session(1), of_session(2))
    }

    fn connect(&mut self) -> bool {
        self.end();
        self.sessions += 1;
        let context = self.context();
        let pos = match &self.receiver.cursor {
            Some((id, history)) => context.claim(self.receiver.n(), *id, history),
            None => Pos::ZERO,
        };
        let verdict = context.judge(&pos, false, self.sender.acked, &self.sender.records);
        match verdict {
            Diagnosis::Fresh => assert_eq!(pos.n(), 0),
            Diagnosis::Ok => {
                let has = self.receiver.got.as_slice();
                assert_eq!(self.sender.items.get(..has.len()), Some(has), "a loss is not noticed");
                self.sender.acked = pos.n();
                self.sender.records.handle_acked(pos.n(), |_| ());
            }
            diagnosis => {
                assert!(self.rolled_back, "nothing has gone back: {diagnosis}");
                return false;
            }
        }
        let mut id = [0; 16];
        id[..4].copy_from_slice(&self.sessions.to_be_bytes());
        self.session = Some(Session {
            id: SessionId::from_bytes(id),
            history: Secret::from_bytes(std::array::from_fn(|at| id[at % 16])),
            named: pos.session(),
            begun: false,
            confirmed: false,
            transmitted: self.sender.acked,
        });
        true
    }

    fn end(&mut self) {
        if let Some(session) = self.session.take() {
            self.sender.records.handle_ended(&session.id);
        }
    }

    /// It loads what is durable: a record that is open is closed at the highest number given (rule W2).
    fn restart_sender(&mut self, durable: Sender) {
        self.session = None;
        let given = durable.items.len() as u64;
        let mut records = Records::new();
        for record in durable.records.iter() {
            records.restore(record.clone(), given).unwrap();
        }
        self.sender = Sender { records, ..durable };
    }

    fn transmit(&mut self) {
        let Self { sender, session: Some(session), .. } = self else { return };
        let next = session.transmitted + 1;
        if next > sender.items.len() as u64 {
            return;
        }
        if !session.begun {
            if sender.records.begin(session.id, &session.history, next).is_err() {
                assert!(sender.records.is_full() && !session.confirmed, "rule W5");
                return;
            }
            session.begun = true;
        }
        sender.records.handle_transmitted(&session.id, next);
        session.transmitted = next;
    }

    fn deliver(&mut self) {
        let Self { sender, receiver, session: Some(session), .. } = self else { return };
        let next = receiver.n() + 1;
        if next <= session.transmitted {
            receiver.got.push(sender.items[usize::try_from(next - 1).unwrap()]);
            receiver.cursor = Some((session.id, session.history.clone()));
        }
    }

    fn ack(&mut self) {
        if self.session.is_some() {
            self.confirm();
            self.sender.acked = self.sender.acked.max(self.receiver.n());
            self.sender.records.handle_acked(self.sender.acked, |_| ());
        }
    }

    fn confirm(&mut self) {
        let Self { sender, session: Some(session), .. } = self else { return };
        if !std::mem::replace(&mut session.confirmed, true) {
            sender.records.handle_confirmed(&session.id, &session.named, |_| ());
        }
    }
}
