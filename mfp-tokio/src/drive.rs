//! The drive loop: the core under a lock, its effects, and what to do once the lock is free.

use std::collections::{HashMap, HashSet, VecDeque};
use std::fmt;
use std::mem;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};

use mfp_proto::id::{AgentId, ChannelId};
use mfp_proto::runtime::{self as core, AdminError, BatchId, CommitFailed, Delivery, Effect, Event, Ticket};
use mfp_proto::store::Snapshot;
use mfp_proto::time::Instant;
use mfp_proto::wire::item::Code;
use tokio::runtime::Handle;
use tokio::sync::{Notify, broadcast, mpsc, oneshot, watch};

use crate::agent::{Incoming, Sink};
use crate::buffer::Pool;
use crate::error::{BoxError, Error, OpenError, RequestError, SendError};
use crate::net::Net;
use crate::send::{Rooms, Told, Until, Waiter};
use crate::store::StoreLink;
use crate::timer::Alarm;

/// Refusals of channels that are remembered.
const REFUSALS: usize = 1_024;

/// What all handles of a runtime share.
pub(crate) struct Shared {
    core: Mutex<Core>,
    epoch: tokio::time::Instant,
    pub(crate) executor: Handle,
    /// Rung when the timer has to be set earlier, or the runtime has stopped.
    pub(crate) bell: Notify,
    pub(crate) events: broadcast::WeakSender<Event>,
    pub(crate) pool: Pool,
}

/// What runs when the lock is free again, since it may be code of the user's, or wake another thread.
type Action = Box<dyn FnOnce(&Arc<Shared>) + Send>;

/// The core, and who waits for what it says. Nothing in here waits, and nothing of the user's runs in here.
pub(crate) struct Core {
    pub(crate) rt: core::Runtime,
    pub(crate) sinks: HashMap<AgentId, Sink>,
    pub(crate) waiters: HashMap<Ticket, Waiter>,
    pub(crate) rooms: Rooms,
    pub(crate) net: Net,
    /// Who waits for the answer to a channel.
    pub(crate) openings: HashMap<ChannelId, Vec<oneshot::Sender<Result<(), OpenError>>>>,
    /// The last refusals, for whoever asks only then.
    pub(crate) refusals: VecDeque<(ChannelId, Code)>,
    pub(crate) store: StoreLink,
    /// Told when their batch is durable, dropped when it is not known to be.
    barriers: VecDeque<(BatchId, oneshot::Sender<()>)>,
    emitted: Option<BatchId>,
    settled: Option<BatchId>,
    events: Option<mpsc::UnboundedSender<Event>>,
    actions: Vec<Action>,
    /// When the timer task will look again.
    armed: Option<Instant>,
    /// Messages that remained at the end.
    drained: Option<u32>,
    /// The same, once the store is closed.
    closed: Option<u32>,
    /// The same, once the connections are closed too.
    pub(crate) stopped: watch::Sender<Option<u32>>,
}

impl Shared {
    pub(crate) fn new(
        (rt, net): (core::Runtime, Net),
        store: impl FnOnce(Weak<Self>) -> StoreLink,
        (events, listeners): (mpsc::UnboundedSender<Event>, broadcast::WeakSender<Event>),
        epoch: tokio::time::Instant,
    ) -> Arc<Self> {
        let executor = Handle::current();
        Arc::new_cyclic(|shared| {
            let core = Core {
                rt,
                sinks: HashMap::new(),
                waiters: HashMap::new(),
                rooms: Rooms::default(),
                net,
                openings: HashMap::new(),
                refusals: VecDeque::new(),
                store: store(Weak::clone(shared)),
                barriers: VecDeque::new(),
                emitted: None,
                settled: None,
                events: Some(events),
                actions: Vec::new(),
                armed: None,
                drained: None,
                closed: None,
                stopped: watch::Sender::new(None),
            };
            Self {
                core: Mutex::new(core),
                epoch,
                executor,
                bell: Notify::new(),
                events: listeners,
                pool: Pool::default(),
            }
        })
    }

    fn lock(&self) -> MutexGuard<'_, Core> {
        self.core.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Gives the core an input, then does all that it asks for.
    pub(crate) fn with<T>(self: &Arc<Self>, input: impl FnOnce(&mut Core, Instant) -> T) -> T {
        let (value, actions) = {
            let mut core = self.lock();
            let elapsed = self.epoch.elapsed().as_micros();
            let now = Instant::from_micros(u64::try_from(elapsed).unwrap_or(u64::MAX));
            let value = input(&mut core, now);
            core.settle(now);
            if core.drained.is_some() || core.is_due_earlier() {
                self.bell.notify_one();
            }
            (value, mem::take(&mut core.actions))
        };
        for action in actions {
            action(self);
        }
        value
    }

    /// Looks at the core. No input, so no effects.
    pub(crate) fn read<T>(&self, look: impl FnOnce(&mut core::Runtime) -> T) -> T {
        look(&mut self.lock().rt)
    }

    /// Looks at what the driver keeps. No input to the core, so no effects.
    pub(crate) fn look<T>(&self, look: impl FnOnce(&mut Core) -> T) -> T {
        look(&mut self.lock())
    }

    /// Gives the core an input, and returns when what it has changed is durable.
    pub(crate) async fn durable<T>(
        self: &Arc<Self>,
        input: impl FnOnce(&mut Core, Instant) -> Result<T, AdminError>,
    ) -> Result<T, Error> {
        let (told, wait) = oneshot::channel();
        let value = self.with(|core, now| {
            if core.drained.is_some() {
                return Err(AdminError::ShuttingDown);
            }
            let value = input(core, now)?;
            core.settle(now);
            if let Some(batch) = core.emitted.filter(|batch| core.settled < Some(*batch)) {
                core.barriers.push_back((batch, told));
            } else {
                let _ = told.send(());
            }
            Ok(value)
        })?;
        wait.await.map_err(|_| Error::Uncertain)?;
        Ok(value)
    }

    /// When the core wants to hear the time next. The caller sees to it.
    pub(crate) fn arm(&self) -> Alarm {
        let mut core = self.lock();
        if core.drained.is_some() {
            return Alarm::Stopped;
        }
        core.armed = core.rt.poll_timeout().map(|(at, _)| at);
        core.armed.map_or(Alarm::Never, |at| Alarm::At(self.epoch + at.saturating_since(Instant::ZERO)))
    }
}

impl Core {
    /// Drains the core, and lets in what waits for room, until nothing is left to do.
    pub(crate) fn settle(&mut self, now: Instant) {
        loop {
            while let Some(effect) = self.rt.poll_effect() {
                self.dispatch(effect, now);
            }
            if !self.retry_parked(now) {
                break;
            }
        }
        if let Some(remaining) = self.drained
            && self.store.close(remaining)
        {
            self.closed(remaining);
        }
    }

    fn dispatch(&mut self, effect: Effect, now: Instant) {
        match effect {
            Effect::Persist(batch) => {
                self.emitted = Some(batch.id);
                if let Some(durable) = self.store.commit(batch) {
                    self.persisted(now, durable, Ok(()));
                }
            }
            Effect::Load => self.store.load(),
            Effect::Deliver(delivery) => self.deliver(now, delivery),
            Effect::Accepted(ticket, receipt) => self.accepted(ticket, receipt),
            Effect::Acked(ticket) => {
                self.rooms.note_remote();
                self.reached(ticket, Until::Acked);
            }
            Effect::Unanswered(ticket) => {
                self.request_ended();
                self.fail(ticket, RequestError::Unanswered);
            }
            Effect::Uncertain(ticket) => self.lost(ticket, SendError::Uncertain),
            Effect::Failed(ticket, cause) => self.lost(ticket, SendError::Lost(cause)),
            Effect::Connect(peer) => self.after(move |shared| shared.dial(peer)),
            Effect::Transmit(conn) => self.net.transmit(conn),
            Effect::Close(conn) => self.net.close(conn),
            Effect::Event(event) => self.tell(&event),
            _ => self.after(|_| tracing::warn!("the core asks for something that this driver does not know")),
        }
    }

    fn deliver(&mut self, now: Instant, delivery: Delivery) {
        let sink = self.sinks.get(&delivery.to).cloned();
        if delivery.answers.is_some() {
            self.request_ended();
        }
        let waiter = delivery.answers.and_then(|ticket| self.waiters.remove(&ticket));
        match (waiter, sink) {
            (Some(waiter), sink) => {
                self.after(move |shared| {
                    let told = waiter.teller.send(Ok(Told::Answer(Box::new(Incoming::new(shared, delivery)))));
                    // Nobody waits for it any more: then it is for the handler.
                    if let (Err(Ok(Told::Answer(incoming))), Some(sink)) = (told, sink) {
                        sink(*incoming);
                    }
                });
            }
            (None, Some(sink)) => self.after(move |shared| sink(Incoming::new(shared, delivery))),
            // Nobody is there: the message waits for whoever binds the name.
            (None, None) => {
                let _ = self.rt.detach(now, &delivery.to);
            }
        }
    }

    /// There is one request less: if they were all there may be, others have waited for that.
    fn request_ended(&mut self) {
        if self.waiters.len() >= self.rt.config().limits.requests as usize {
            self.rooms.note_all();
        }
    }

    fn tell(&mut self, event: &Event) {
        if let Some(events) = &self.events {
            let _ = events.send(event.clone());
        }
        match event {
            Event::Drained { remaining } => self.stop(*remaining),
            Event::RemoteChannelOpened { channel, .. } => self.opened(channel, Ok(())),
            Event::RemoteChannelRejected { channel, code, .. } => {
                if self.refusals.len() >= REFUSALS {
                    self.refusals.pop_front();
                }
                self.refusals.push_back((*channel, *code));
                self.opened(channel, Err(OpenError::Rejected(*code)));
            }
            Event::RemoteChannelClosed { channel, .. } => {
                self.opened(channel, Err(OpenError::Closed));
                self.rooms.note_all();
            }
            Event::MessageLost { .. } | Event::PeerReset { .. } => self.rooms.note_remote(),
            Event::AgentTerminated { .. }
            | Event::AgentQuarantined { .. }
            | Event::ChannelClosed { .. }
            | Event::ChannelQuarantined { .. }
            | Event::DeadLettered { .. }
            | Event::StoreFailed => self.rooms.note_all(),
            _ => {}
        }
    }

    /// The store's answer to a batch.
    pub(crate) fn persisted(&mut self, now: Instant, batch: BatchId, result: Result<(), CommitFailed>) {
        self.rt.handle_persisted(now, batch, result);
        if result.is_err() {
            self.barriers.clear();
            self.settled = self.emitted;
            return;
        }
        self.settled = Some(batch);
        self.rooms.note_remote();
        self.note_room(now);
        while let Some((_, told)) = self.barriers.pop_front_if(|(of, _)| *of <= batch) {
            let _ = told.send(());
        }
    }

    /// Tells the core what room the store has, and those who wait for it.
    pub(crate) fn note_room(&mut self, now: Instant) {
        let Some(stats) = self.store.stats() else { return };
        let took = (self.rt.takes_messages(), self.rt.takes_input());
        self.rt.handle_room(now, stats.room(), stats.limit);
        if (self.rt.takes_messages(), self.rt.takes_input()) != took {
            self.rooms.note_all();
            self.net.ring_all();
        }
    }

    /// The store's answer to a load. From then on only those agents are attached that somebody here handles.
    pub(crate) fn loaded(&mut self, now: Instant, snapshot: Snapshot) -> Result<(), BoxError> {
        self.rt.handle_loaded(now, snapshot)?;
        let attached: HashSet<_> = self.rt.agents().filter(|agent| agent.attached).map(|agent| agent.id).collect();
        for agent in attached.iter().filter(|id| !self.sinks.contains_key(id)) {
            let _ = self.rt.detach(now, agent);
        }
        let gone: Vec<_> = self.sinks.keys().filter(|id| !attached.contains(id)).copied().collect();
        for agent in &gone {
            self.forget(agent);
        }
        Ok(())
    }

    /// Nobody here handles this agent's messages any more.
    pub(crate) fn forget(&mut self, agent: &AgentId) {
        let sink = self.sinks.remove(agent);
        self.after(move |_| drop(sink));
    }

    pub(crate) fn after(&mut self, action: impl FnOnce(&Arc<Shared>) + Send + 'static) {
        self.actions.push(Box::new(action));
    }

    /// There is an answer to a channel.
    fn opened(&mut self, channel: &ChannelId, answer: Result<(), OpenError>) {
        for waiting in self.openings.remove(channel).unwrap_or_default() {
            self.after(move |_| {
                // Whoever has asked may have given up.
                let _ = waiting.send(answer);
            });
        }
    }

    /// A message will not be acked, or it is not known whether it was.
    fn lost(&mut self, ticket: Ticket, error: SendError) {
        self.rooms.note_remote();
        self.fail(ticket, error.into());
    }

    /// The core takes nothing any more.
    fn stop(&mut self, remaining: u32) {
        self.drained = Some(remaining);
        self.net.stop_listening();
        self.openings.clear();
        self.events = None;
        self.rooms.note_all();
        let sinks = mem::take(&mut self.sinks);
        self.after(move |_| drop(sinks));
    }

    /// The store is closed, and whoever still waits will not be told.
    pub(crate) fn closed(&mut self, remaining: u32) {
        self.barriers.clear();
        for (_, waiter) in mem::take(&mut self.waiters) {
            self.fail_waiter(waiter, SendError::Uncertain.into());
        }
        self.closed = Some(remaining);
        self.end_if_over();
    }

    /// Whether the core takes nothing any more.
    pub(crate) const fn has_ended(&self) -> bool {
        self.drained.is_some()
    }

    /// All is over once the store and the connections are closed.
    pub(crate) fn end_if_over(&self) {
        if self.closed.is_some() && self.net.is_empty() {
            self.stopped.send_replace(self.closed);
        }
    }

    fn is_due_earlier(&mut self) -> bool {
        let next = self.rt.poll_timeout().map(|(at, _)| at);
        let earlier = next.is_some_and(|next| self.armed.is_none_or(|armed| next < armed));
        if earlier {
            self.armed = next;
        }
        earlier
    }
}

impl fmt::Debug for Shared {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Shared").finish_non_exhaustive()
    }
}
