//! Sends under way: who waits for a ticket, and who waits for room.

use std::collections::{HashMap, VecDeque};
use std::mem;

use futures_channel::oneshot;
use mfp_proto::id::{AgentId, ChannelId, RuntimeId};
use mfp_proto::runtime::{Message, Receipt, SendError as Refusal, Ticket};
use mfp_proto::time::Instant;

use crate::agent::Incoming;
use crate::drive::Core;
use crate::error::{RequestError, SendError};

/// How far a message has to come before its sender goes on.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Until {
    Accepted,
    Acked,
    Answered,
}

/// What its sender is told then.
#[derive(Debug)]
pub(crate) enum Told {
    Receipt(Receipt),
    Answer(Box<Incoming>),
}

pub(crate) type Teller = oneshot::Sender<Result<Told, RequestError>>;

/// Who waits for a ticket.
pub(crate) struct Waiter {
    pub(crate) until: Until,
    pub(crate) teller: Teller,
    /// Who is told that it is acked, once its sender was told that it is accepted.
    then: Option<Teller>,
    receipt: Option<Receipt>,
}

impl Waiter {
    pub(crate) const fn new(until: Until, teller: Teller) -> Self {
        Self { until, teller, then: None, receipt: None }
    }

    /// Until it is accepted, and then until it is acked.
    pub(crate) const fn twice(accepted: Teller, acked: Teller) -> Self {
        Self { until: Until::Accepted, teller: accepted, then: Some(acked), receipt: None }
    }
}

/// One queue of messages that wait for room: those of one sender on one channel. Answers have their own, since they
/// may have room where others have none.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct Direction {
    pub(crate) channel: ChannelId,
    pub(crate) sender: AgentId,
    pub(crate) answers: bool,
}

/// A message that waits for room.
struct Parked {
    payload: Box<[u8]>,
    content_type: Option<Box<str>>,
    rest: Message<'static>,
    waiter: Waiter,
}

impl Parked {
    fn new(message: &Message<'_>, waiter: Waiter) -> Self {
        let mut rest = Message::new(&[]);
        (rest.reply_to, rest.trace) = (message.reply_to, message.trace);
        (rest.answer_within, rest.ttl) = (message.answer_within, message.ttl);
        Self { payload: message.payload.into(), content_type: message.content_type.map(Box::from), rest, waiter }
    }

    fn message(&self) -> Message<'_> {
        let mut message = self.rest;
        (message.payload, message.content_type) = (&self.payload, self.content_type.as_deref());
        message
    }
}

/// Whose room a message waits for.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Owner {
    Agent(AgentId),
    Peer(RuntimeId),
}

/// The messages that wait for room, each direction in the order of the calls.
#[derive(Default)]
pub(crate) struct Rooms {
    queues: HashMap<Direction, VecDeque<Parked>>,
    /// The directions that have a queue, in the order in which they are tried. Who was let in goes to the end.
    turns: HashMap<Owner, VecDeque<Direction>>,
    freed: Option<AgentId>,
    freed_remote: bool,
    freed_all: bool,
}

/// What became of the message that has waited longest in a direction.
enum Retried {
    /// It waits no more.
    Gone,
    /// There is no room for it.
    Full,
    /// There is no room for any.
    AllFull,
}

impl Rooms {
    /// This agent has finished a message.
    pub(crate) const fn note(&mut self, receiver: AgentId) {
        self.freed = Some(receiver);
    }

    /// A peer may have taken something, or it was dropped.
    pub(crate) const fn note_remote(&mut self) {
        self.freed_remote = true;
    }

    /// Something has changed for every direction.
    pub(crate) const fn note_all(&mut self) {
        self.freed_all = true;
    }

    /// Those that may have room now.
    fn take_freed(&mut self) -> Vec<Owner> {
        let (receiver, all) = (self.freed.take(), mem::take(&mut self.freed_all));
        let remote = mem::take(&mut self.freed_remote);
        let freed = |owner: &Owner| match owner {
            Owner::Agent(agent) => all || receiver == Some(*agent),
            Owner::Peer(_) => all || remote,
        };
        if !remote && !all {
            let owner = receiver.map(Owner::Agent).filter(|owner| self.turns.contains_key(owner));
            return owner.into_iter().collect();
        }
        self.turns.keys().copied().filter(freed).collect()
    }
}

impl Core {
    /// Sends a message. If there is no room for it and it may wait, it waits, behind those that do already: nobody
    /// overtakes them. (While any of a direction wait it is full: whatever makes room lets them in at once.)
    pub(crate) fn submit(
        &mut self,
        now: Instant,
        direction: Direction,
        message: &Message<'_>,
        waiter: Waiter,
        may_wait: bool,
    ) -> Result<(), Refusal> {
        if !self.rooms.queues.contains_key(&direction) {
            match self.rt.send(now, direction.sender, direction.channel, *message) {
                Err(Refusal::Full) if may_wait => {}
                sent => return sent.map(|ticket| drop(self.waiters.insert(ticket, waiter))),
            }
            let channels = self.rt.channels(&direction.sender).unwrap_or_default();
            let channel = channels.iter().find(|channel| channel.id == direction.channel);
            let (own, far) = (self.rt.id(), channel.map(|channel| &channel.peer));
            let owner = match far {
                Some(far) if far.runtime == own => Owner::Agent(far.agent),
                far => Owner::Peer(far.map_or(own, |far| far.runtime)),
            };
            self.rooms.turns.entry(owner).or_default().push_back(direction);
        } else if !may_wait {
            return Err(Refusal::Full);
        }
        let queue = self.rooms.queues.entry(direction).or_default();
        // Whoever has given up behind the last one that waits leaves no trace.
        while queue.pop_back_if(|last| last.waiter.teller.is_canceled()).is_some() {}
        queue.push_back(Parked::new(message, waiter));
        Ok(())
    }

    /// Lets in what has room now. Whether anything was.
    pub(crate) fn retry_parked(&mut self, now: Instant) -> bool {
        let mut any = false;
        for owner in self.rooms.take_freed() {
            let Some(mut turns) = self.rooms.turns.remove(&owner) else { continue };
            any |= self.take_turns(now, owner, &mut turns);
            if !turns.is_empty() {
                self.rooms.turns.insert(owner, turns);
            }
        }
        any
    }

    /// Directions that wait for the same room take turns, one message each, until there is none.
    fn take_turns(&mut self, now: Instant, owner: Owner, turns: &mut VecDeque<Direction>) -> bool {
        let (mut any, mut at) = (false, 0);
        while let Some(direction) = turns.get(at).copied() {
            match self.retry_first(now, owner, &direction) {
                Retried::Gone => {
                    any = true;
                    turns.remove(at);
                    if self.rooms.queues.get(&direction).is_some_and(|queue| !queue.is_empty()) {
                        turns.push_back(direction);
                    } else {
                        self.rooms.queues.remove(&direction);
                    }
                }
                Retried::Full => at += 1,
                Retried::AllFull => break,
            }
        }
        any
    }

    fn retry_first(&mut self, now: Instant, owner: Owner, direction: &Direction) -> Retried {
        let takes = self.rt.takes_messages();
        let Some(queue) = self.rooms.queues.get_mut(direction) else { return Retried::Gone };
        let Some(first) = queue.front() else { return Retried::Gone };
        let sent = if first.waiter.teller.is_canceled() {
            None
        } else if takes {
            Some(self.rt.send(now, direction.sender, direction.channel, first.message()))
        } else {
            return Retried::AllFull;
        };
        if sent == Some(Err(Refusal::Full)) {
            // All messages to a peer are in one queue. There are only so many requests, though, and others are not kept
            // waiting for that.
            let shared = matches!(owner, Owner::Peer(_)) && first.rest.answer_within.is_none();
            return if shared { Retried::AllFull } else { Retried::Full };
        }
        let Some(Parked { waiter, .. }) = queue.pop_front() else { return Retried::Gone };
        match sent {
            Some(Ok(ticket)) => drop(self.waiters.insert(ticket, waiter)),
            Some(Err(refusal)) => self.fail_waiter(waiter, SendError::from(refusal).into()),
            None => {}
        }
        Retried::Gone
    }

    pub(crate) fn accepted(&mut self, ticket: Ticket, receipt: Receipt) {
        if let Some(waiter) = self.waiters.get_mut(&ticket) {
            waiter.receipt = Some(receipt);
        }
        self.reached(ticket, Until::Accepted);
    }

    pub(crate) fn reached(&mut self, ticket: Ticket, stage: Until) {
        if self.waiters.get(&ticket).is_some_and(|waiter| waiter.until == stage)
            && let Some(Waiter { teller, then, receipt: Some(receipt), .. }) = self.waiters.remove(&ticket)
        {
            if let Some(acked) = then {
                let waiter = Waiter { until: Until::Acked, teller: acked, then: None, receipt: Some(receipt) };
                self.waiters.insert(ticket, waiter);
            }
            self.after(move |_| drop(teller.send(Ok(Told::Receipt(receipt)))));
        }
    }

    pub(crate) fn fail(&mut self, ticket: Ticket, error: RequestError) {
        if let Some(waiter) = self.waiters.remove(&ticket) {
            self.fail_waiter(waiter, error);
        }
    }

    pub(crate) fn fail_waiter(&mut self, waiter: Waiter, error: RequestError) {
        self.after(move |_| drop(waiter.teller.send(Err(error))));
    }
}
