//! The blocking driver of the guide, with what it leaves to the application: an inbox for each agent, and who waits for
//! a ticket.

use std::collections::HashMap;
use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use mfp_proto::agents::ToolError;
use mfp_proto::id::{AgentId, AgentName, ChannelId, RuntimeId};
use mfp_proto::runtime::{
    ChannelOptions, Delivery, Effect, Event, Message, Outcome, PeerConfig, PeerStatus, Receipt, Runtime, SendError,
    Stats, Ticket,
};
use mfp_proto::store::Store;
use mfp_proto::time::Instant;
use mfp_tests::std_driver::{Driver, Told};

use crate::node::{Failure, Handler, Node, Received, Setup};

pub(crate) fn start(setup: &Setup) -> Arc<dyn Node> {
    let mut seed = [0; 32];
    getrandom::fill(&mut seed).unwrap();
    let mut store = setup.disk.open();
    let saved = store.load().unwrap();
    let rt = Runtime::new(setup.config.clone(), setup.identity.clone(), seed, Instant::ZERO, saved).unwrap();
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
    let address = listener.local_addr().unwrap();
    let (driver, told) = Driver::start(rt, store, Some(listener)).unwrap();
    let desk = Arc::new(Mutex::new(Desk::default()));
    let router = thread::spawn({
        let (driver, desk) = (driver.clone(), Arc::clone(&desk));
        move || route(&driver, &desk, &told)
    });
    let node = StdNode { address, driver, desk, router: Mutex::new(Some(router)) };
    Arc::new(node)
}

struct StdNode {
    address: SocketAddr,
    driver: Driver,
    /// Taken under the lock of the core, and never the other way round.
    desk: Arc<Mutex<Desk>>,
    router: Mutex<Option<JoinHandle<u32>>>,
}

/// Who waits for what the core tells.
#[derive(Default)]
struct Desk {
    inboxes: HashMap<AgentId, Sender<Delivery>>,
    tickets: HashMap<Ticket, Sender<Effect>>,
    events: Vec<Sender<Event>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Hands out what the core tells, until the end. Returns what remained in inboxes.
fn route(driver: &Driver, desk: &Mutex<Desk>, told: &Told) -> u32 {
    let mut remained = 0;
    for effect in told {
        if let Effect::Event(Event::Drained { remaining }) = effect {
            remained = remaining;
        }
        let ticket = match &effect {
            Effect::Deliver(delivery) => delivery.answers,
            Effect::Accepted(ticket, _)
            | Effect::Acked(ticket)
            | Effect::Unanswered(ticket)
            | Effect::Uncertain(ticket)
            | Effect::Failed(ticket, _) => Some(*ticket),
            _ => None,
        };
        let waits = ticket.and_then(|ticket| lock(desk).tickets.get(&ticket).cloned());
        match effect {
            Effect::Event(event) => lock(desk).events.retain(|listener| listener.send(event.clone()).is_ok()),
            Effect::Deliver(delivery) => match waits {
                Some(asker) => {
                    let _ = driver.with(|rt, now| rt.handle_processed(now, delivery.id, Outcome::Done));
                    let _ = asker.send(Effect::Deliver(delivery));
                }
                None => deliver(driver, desk, delivery),
            },
            outcome => {
                if let (Some(ticket), Some(waiter)) = (ticket, waits)
                    && waiter.send(outcome).is_err()
                {
                    lock(desk).tickets.remove(&ticket);
                }
            }
        }
    }
    *lock(desk) = Desk::default();
    remained
}

/// Without anybody who takes it, it waits until the agent's name is bound again.
fn deliver(driver: &Driver, desk: &Mutex<Desk>, delivery: Delivery) {
    let to = delivery.to;
    let inbox = lock(desk).inboxes.get(&to).cloned();
    if inbox.is_none_or(|inbox| inbox.send(delivery).is_err()) {
        let _ = driver.with(|rt, now| rt.detach(now, &to));
    }
}

impl StdNode {
    fn attach(&self, name: &str) -> (AgentId, Receiver<Delivery>) {
        let (inbox, deliveries) = mpsc::channel();
        let agent = self.driver.with(|rt, now| {
            let agent = rt.bind(now, &AgentName::new(name).unwrap()).unwrap();
            lock(&self.desk).inboxes.insert(agent, inbox);
            agent
        });
        self.driver.until(|rt, _| (rt.status(&agent) != Err(ToolError::NotBound)).then_some(()));
        (agent, deliveries)
    }

    fn submit(&self, agent: AgentId, on: ChannelId, message: Message<'_>, wait: bool) -> Result<Told, Failure> {
        submit(&self.driver, &self.desk, (agent, on), message, wait)
    }
}

/// Sends, and hears of the ticket from the beginning.
fn submit(
    driver: &Driver,
    desk: &Mutex<Desk>,
    (agent, on): (AgentId, ChannelId),
    message: Message<'_>,
    wait: bool,
) -> Result<Told, Failure> {
    let (waiter, told) = mpsc::channel();
    let sent = driver.until(|rt, now| match rt.send(now, agent, on, message) {
        Err(SendError::Full) if wait => None,
        sent => Some(sent.map(|ticket| drop(lock(desk).tickets.insert(ticket, waiter.clone())))),
    });
    sent.map(|()| told).map_err(|error| match error {
        SendError::Full => Failure::Full,
        error => Failure::Refused(error.to_string()),
    })
}

fn accepted(told: &Told) -> Result<Receipt, Failure> {
    match told.recv() {
        Ok(Effect::Accepted(_, receipt)) => Ok(receipt),
        other => Err(failure(other.ok().as_ref())),
    }
}

fn failure(told: Option<&Effect>) -> Failure {
    match told {
        Some(Effect::Failed(_, cause)) => Failure::Refused(format!("{cause:?}")),
        Some(Effect::Unanswered(_)) => Failure::Unanswered,
        _ => Failure::Uncertain,
    }
}

impl Node for StdNode {
    fn address(&self) -> SocketAddr {
        self.address
    }

    fn add_peer(&self, peer: PeerConfig, address: Option<SocketAddr>) {
        if let Some(address) = address {
            self.driver.locate(peer.id, address);
        }
        self.driver.with(|rt, now| rt.add_peer(now, peer)).unwrap();
    }

    fn locate(&self, peer: RuntimeId, address: SocketAddr) {
        self.driver.locate(peer, address);
    }

    fn bind(&self, name: &str) -> (AgentId, Receiver<Received>) {
        let (agent, deliveries) = self.attach(name);
        let (inbox, received) = mpsc::channel();
        let driver = self.driver.clone();
        thread::spawn(move || {
            for delivery in deliveries {
                let (driver, id) = (driver.clone(), delivery.id);
                let finish = move || {
                    // An error says that it is too late: it comes again.
                    let _ = driver.with(|rt, now| rt.handle_processed(now, id, Outcome::Done));
                };
                let _ = inbox.send(Received::new(delivery.message, &delivery.payload, finish));
            }
        });
        (agent, received)
    }

    fn handle(&self, name: &str, handler: Handler) -> AgentId {
        let (agent, deliveries) = self.attach(name);
        let (driver, desk) = (self.driver.clone(), Arc::clone(&self.desk));
        thread::spawn(move || {
            for delivery in deliveries {
                let answer = handler(&delivery.payload);
                let sent = answer.is_none_or(|answer| {
                    let answer = Message::new(&answer).reply_to(delivery.message);
                    submit(&driver, &desk, (agent, delivery.channel), answer, true).is_ok()
                });
                let outcome = if sent { Outcome::Done } else { Outcome::Failed };
                let _ = driver.with(|rt, now| rt.handle_processed(now, delivery.id, outcome));
            }
        });
        agent
    }

    fn open(&self, agent: AgentId, peer: RuntimeId, name: &str) -> Result<ChannelId, Failure> {
        let (events, name) = (self.events(), AgentName::new(name).unwrap());
        let asked = self.driver.with(|rt, now| rt.open_channel(now, &agent, &peer, &name, ChannelOptions::default()));
        let asked = asked.map_err(|error| Failure::Refused(error.to_string()))?;
        for event in events {
            match event {
                Event::RemoteChannelOpened { channel, .. } if channel == asked => return Ok(asked),
                Event::RemoteChannelRejected { channel, code, .. } if channel == asked => {
                    return Err(Failure::Refused(format!("{code:?}")));
                }
                Event::RemoteChannelClosed { channel, .. } if channel == asked => break,
                _ => {}
            }
        }
        Err(Failure::Uncertain)
    }

    fn close(&self, channel: ChannelId) {
        self.driver.with(|rt, now| rt.close_channel(now, &channel)).unwrap();
    }

    fn send(&self, agent: AgentId, channel: ChannelId, message: Message<'_>) -> Result<Receipt, Failure> {
        accepted(&self.submit(agent, channel, message, true)?)
    }

    fn try_send(&self, agent: AgentId, channel: ChannelId, message: Message<'_>) -> Result<Receipt, Failure> {
        accepted(&self.submit(agent, channel, message, false)?)
    }

    fn send_acked(&self, agent: AgentId, channel: ChannelId, message: Message<'_>) -> Result<Receipt, Failure> {
        self.send_tracked(agent, channel, message)?.1
    }

    fn send_tracked(
        &self,
        agent: AgentId,
        channel: ChannelId,
        message: Message<'_>,
    ) -> Result<(Receipt, Result<Receipt, Failure>), Failure> {
        let told = self.submit(agent, channel, message, true)?;
        let receipt = accepted(&told)?;
        Ok(match told.recv() {
            Ok(Effect::Acked(_)) => (receipt, Ok(receipt)),
            other => (receipt, Err(failure(other.ok().as_ref()))),
        })
    }

    fn request(&self, agent: AgentId, on: ChannelId, payload: &[u8], wait: Duration) -> Result<Vec<u8>, Failure> {
        let told = self.submit(agent, on, Message::new(payload).answer_within(wait), true)?;
        accepted(&told)?;
        loop {
            match told.recv() {
                Ok(Effect::Acked(_)) => {}
                Ok(Effect::Deliver(answer)) => return Ok(answer.payload.to_vec()),
                other => return Err(failure(other.ok().as_ref())),
            }
        }
    }

    fn events(&self) -> Receiver<Event> {
        let (listener, events) = mpsc::channel();
        lock(&self.desk).events.push(listener);
        events
    }

    fn stats(&self) -> Stats {
        self.driver.with(|rt, _| rt.stats())
    }

    fn peer(&self, peer: RuntimeId) -> Option<PeerStatus> {
        self.driver.with(|rt, _| rt.peer(&peer))
    }

    fn rotate(&self, peer: RuntimeId) -> bool {
        self.driver.with(|rt, now| rt.rotate_peer(now, &peer)).is_ok()
    }

    fn redial(&self, peer: RuntimeId) {
        self.driver.with(|rt, now| rt.redial(now, &peer)).unwrap();
    }

    fn shutdown(&self) -> u32 {
        self.driver.with(Runtime::shutdown);
        lock(&self.router).take().map_or(0, |router| router.join().unwrap())
    }
}
