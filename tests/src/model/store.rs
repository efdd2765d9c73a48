//! What a node keeps: the bodies of its items, its inbox, and the record of its link.

use std::cell::RefCell;
use std::collections::VecDeque;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use mfp_proto::id::ChannelId;
use mfp_proto::link::credit::{ReceiveCredit, SendCredit};
use mfp_proto::link::peer::Control;
use mfp_proto::link::state::ChannelState;
use mfp_proto::link::{LinkOp, LinkState, Outbox, SessionRecord};
use siphasher::sip128::{Hasher128, SipHasher13};

/// A message of an agent, queued or numbered.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub(super) struct Body {
    pub(super) message: u8,
    /// As on the wire.
    pub(super) bytes: Vec<u8>,
}

/// A message in an inbox.
#[derive(Clone, Copy, Debug, Hash, PartialEq, Eq)]
pub(super) struct Letter {
    pub(super) q: u64,
    pub(super) message: u8,
}

/// What the owner of a link has of it.
#[derive(Clone, Debug, Default, Hash, PartialEq, Eq)]
pub(super) struct Contents {
    /// Numbered items up to this one are acked, and gone.
    pub(super) acked: u64,
    pub(super) numbered: VecDeque<Body>,
    pub(super) queued: VecDeque<Body>,
    /// The highest q given.
    pub(super) q: u64,
    /// Messages accepted from the agent here.
    pub(super) accepted: Vec<u8>,
    pub(super) inbox: Vec<Letter>,
    /// Messages of the inbox that the agent has done.
    pub(super) done: usize,
}

impl Contents {
    /// Item `n`, if it has its number and is not acked.
    pub(super) fn item(&self, n: u64) -> Option<&Body> {
        self.numbered.get(usize::try_from(n.checked_sub(self.acked)?.checked_sub(1)?).ok()?)
    }
}

/// Lends bodies, and remembers of which items.
#[derive(Debug)]
pub(super) struct Lender<'a> {
    pub(super) contents: &'a Contents,
    pub(super) lent: RefCell<Vec<u64>>,
}

impl<'a> Lender<'a> {
    pub(super) fn new(contents: &'a Contents) -> Self {
        Self { contents, lent: RefCell::default() }
    }
}

impl Outbox for Lender<'_> {
    fn body(&self, n: u64) -> Option<&[u8]> {
        self.lent.borrow_mut().push(n);
        self.contents.item(n).map(|body| &body.bytes[..])
    }

    fn control(&self) -> Option<Control> {
        None
    }

    fn queued(&self, _: &ChannelId) -> Option<u32> {
        self.contents.queued.front().and_then(|body| u32::try_from(body.bytes.len()).ok())
    }
}

/// All that a store has.
#[derive(Clone, Debug, Hash, PartialEq, Eq)]
pub(super) struct Durable {
    pub(super) link: LinkState,
    pub(super) sessions: Vec<SessionRecord>,
    pub(super) channel: ChannelState,
    pub(super) contents: Contents,
}

impl Durable {
    /// One operation of a batch.
    pub(super) fn apply(&mut self, op: &LinkOp<'_>) {
        match op {
            LinkOp::State(state) => self.link = (*state).clone(),
            LinkOp::PutSession(record) => {
                self.sessions.retain(|old| old.id != record.id);
                self.sessions.push((*record).clone());
            }
            LinkOp::DeleteSession(id) => self.sessions.retain(|old| old.id != *id),
            LinkOp::Channel(_, state) => self.channel = stored(state),
        }
    }

    /// The cursor.
    pub(super) fn cursor(&self) -> u64 {
        self.link.cursor.as_ref().map_or(0, |cursor| cursor.n)
    }
}

/// A copy of a store, to go back to.
#[derive(Clone, Debug)]
pub(super) struct Copy {
    pub(super) durable: Arc<Durable>,
    hash: u128,
}

impl Copy {
    pub(super) fn of(durable: &Arc<Durable>) -> Self {
        let mut hasher = SipHasher13::new();
        durable.hash(&mut hasher);
        Self { durable: Arc::clone(durable), hash: hasher.finish128().into() }
    }
}

impl Hash for Copy {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.hash.hash(state);
    }
}

/// What of a channel is durable.
fn stored(state: &ChannelState) -> ChannelState {
    ChannelState {
        sends: SendCredit::new(state.sends.count()),
        receives: ReceiveCredit::new(state.receives.count(), state.receives.done()),
        ..*state
    }
}
