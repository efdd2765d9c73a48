//! What was said on the channels of an agent, as far as it is kept.

use std::collections::{HashMap, HashSet, VecDeque};

use mfp_tokio::{ChannelId, MessageId};

/// The last answers that are kept for a message that comes again.
const ANSWERS: usize = 256;

/// A question and its answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Turn {
    pub(super) question: String,
    pub(super) answer: String,
}

/// Conversations and answers in memory, both bounded.
#[derive(Debug)]
pub(super) struct Conversations {
    turns: usize,
    max: usize,
    kept: HashMap<ChannelId, Conversation>,
    /// Counts uses, so that the oldest is known.
    clock: u64,
    answers: HashMap<MessageId, Known>,
    order: VecDeque<MessageId>,
    busy: HashSet<ChannelId>,
}

#[derive(Debug, Default)]
struct Conversation {
    turns: VecDeque<Turn>,
    used: u64,
}

/// An answer that is known already.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Known {
    pub(super) answer: String,
    /// Whether it has been sent.
    pub(super) sent: bool,
}

impl Conversations {
    pub(super) fn new(turns: usize, max: usize) -> Self {
        let (kept, answers) = (HashMap::new(), HashMap::new());
        Self { turns, max, kept, clock: 0, answers, order: VecDeque::new(), busy: HashSet::new() }
    }

    /// Takes a channel, which has to be given back; `false` if it is taken.
    pub(super) fn take(&mut self, channel: ChannelId) -> bool {
        self.busy.insert(channel)
    }

    pub(super) fn give_back(&mut self, channel: &ChannelId) {
        self.busy.remove(channel);
    }

    /// What was said on a channel, oldest first.
    pub(super) fn turns(&self, channel: &ChannelId) -> Vec<Turn> {
        self.kept.get(channel).map(|conversation| conversation.turns.iter().cloned().collect()).unwrap_or_default()
    }

    pub(super) fn known(&self, message: &MessageId) -> Option<Known> {
        self.answers.get(message).cloned()
    }

    /// Keeps an answer before it is sent: sending may fail, and then it need not be asked for again.
    pub(super) fn learn(&mut self, message: MessageId, answer: &str) {
        let known = Known { answer: answer.to_owned(), sent: false };
        if self.answers.insert(message, known).is_none() {
            self.order.push_back(message);
        }
        if self.order.len() > ANSWERS
            && let Some(oldest) = self.order.pop_front()
        {
            self.answers.remove(&oldest);
        }
    }

    /// The answer has been sent: the turn is part of the conversation.
    pub(super) fn sent(&mut self, channel: ChannelId, message: &MessageId, turn: Turn) {
        if let Some(known) = self.answers.get_mut(message) {
            known.sent = true;
        }
        if self.turns == 0 || self.max == 0 {
            return;
        }
        self.clock += 1;
        let conversation = self.kept.entry(channel).or_default();
        conversation.used = self.clock;
        conversation.turns.push_back(turn);
        while conversation.turns.len() > self.turns {
            conversation.turns.pop_front();
        }
        while self.kept.len() > self.max {
            let oldest =
                self.kept.iter().min_by_key(|(_, conversation)| conversation.used).map(|(channel, _)| *channel);
            if let Some(oldest) = oldest {
                self.kept.remove(&oldest);
            }
        }
    }
}
