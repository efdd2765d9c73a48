//! What was promised and what came of it, from effects and batches alone. It does not know the model.

use std::collections::{BTreeMap, BTreeSet};

use mfp_proto::id::{ChannelId, MessageId, StoreId};
use mfp_proto::runtime::{Delivery, Outcome};
use mfp_proto::store::StoreOp;

#[derive(Debug, Default)]
pub(crate) struct History {
    /// Accepted with a receipt.
    receipts: BTreeSet<MessageId>,
    /// Reported as done, whether or not it was taken.
    done: BTreeSet<MessageId>,
    /// Whose end is durable.
    finished: BTreeSet<MessageId>,
    purged: BTreeSet<MessageId>,
    /// Dead letters, ever.
    letters: BTreeSet<MessageId>,
    handed: BTreeSet<MessageId>,
    /// The highest number handed over so far, of each direction.
    order: BTreeMap<(ChannelId, usize), u64>,
    /// The ratchet states after the last step.
    pub(crate) states: BTreeMap<ChannelId, [u8; 32]>,
}

impl History {
    pub(crate) fn receipt(&mut self, message: MessageId) {
        assert!(self.receipts.insert(message), "{message:?} has two receipts");
    }

    pub(crate) fn processed(&mut self, message: &MessageId, outcome: Outcome) {
        if outcome == Outcome::Done {
            self.done.insert(*message);
        }
    }

    pub(crate) fn purged(&mut self, message: &MessageId) {
        self.purged.insert(*message);
    }

    pub(crate) fn committed(&mut self, ops: &[StoreOp], store_id: Option<StoreId>) {
        for op in ops {
            match op {
                StoreOp::DeleteMessage { channel, q } => {
                    let message = MessageId::derive(&store_id.unwrap(), channel, *q);
                    assert!(self.done.contains(&message), "{message:?} is deleted, and nobody has done it");
                    self.finished.insert(message);
                }
                StoreOp::PutDeadLetter(letter) => {
                    self.letters.insert(letter.message.id);
                }
                StoreOp::DeleteDeadLetter(message) => assert!(self.letters.contains(message)),
                _ => {}
            }
        }
    }

    /// First handed over in order, but for answers and for what was a dead letter; and never after its end is durable.
    pub(crate) fn delivered(&mut self, delivery: &Delivery, q: u64, side: usize) {
        let message = delivery.message;
        assert!(!self.finished.contains(&message), "{message:?} is finished, and handed over again");
        if self.handed.insert(message) && delivery.answers.is_none() && !self.letters.contains(&message) {
            let last = self.order.entry((delivery.channel, side)).or_default();
            assert!(*last < q, "{message:?} is number {q}, after {last}");
            *last = q;
        }
    }

    /// When everything has come to rest: nothing that was promised is lost.
    pub(crate) fn nothing_is_lost(&self, letters: &BTreeSet<MessageId>) {
        for message in &self.receipts {
            let kept = [&self.finished, letters, &self.purged].map(|set| set.contains(message));
            assert!(kept.contains(&true), "{message:?} is lost");
        }
    }
}
