//! A side that goes away and comes back, and one whose store does.

use std::collections::BTreeMap;
use std::sync::mpsc::Receiver;
use std::thread;
use std::time::Duration;

use mfp_proto::id::{AgentId, ChannelId, MessageId};
use mfp_proto::runtime::{Event, Message};

use crate::node::{Failure, Node, Received};
use crate::world::{Kept, PATIENCE, Pair, Side, eventually, send_numbers, take, take_numbers, wait_for};

pub(crate) fn of_either_side(pair: Pair) {
    const MESSAGES: u32 = 200;
    // A shutdown waits for handlers, and one here does not finish.
    let [mut one, mut other] = pair.start_with(|config| config.drain_timeout = Duration::from_millis(500), |_, _| {});
    let (alice, _) = one.node.bind("alice");
    let (_, inbox) = other.node.bind("bob");
    let channel = one.node.open(alice, other.id(), "bob").unwrap();
    if pair.kept == Kept::Volatile {
        return volatile(&one, other);
    }
    // The receiver has taken some of it, and holds one.
    send_numbers(&*one.node, alice, channel, 0..MESSAGES);
    take_numbers(&inbox, 0..50);
    let held = inbox.recv_timeout(PATIENCE).unwrap();
    assert!(other.node.shutdown() > 0, "what was held remains");
    // Nobody is there: what is sent waits here, and the sender is restarted too.
    send_numbers(&*one.node, alice, channel, MESSAGES..2 * MESSAGES);
    one.node.shutdown();
    one.restart(&[]);
    let (again, _) = one.node.bind("alice");
    assert_eq!(again, alice, "an agent that was bound is known again");
    send_numbers(&*one.node, alice, channel, 2 * MESSAGES..3 * MESSAGES);

    other.restart(&[&one]);
    let (_, inbox) = other.node.bind("bob");
    let first = inbox.recv_timeout(PATIENCE).unwrap();
    assert_eq!(first.message, held.message, "what was not finished comes again, as the same message");
    assert_eq!(first.done(), 50_u32.to_be_bytes());
    take_numbers(&inbox, 51..3 * MESSAGES);
    one.node.send_acked(alice, channel, Message::new(b"last")).unwrap();
    assert_eq!(take(&inbox), b"last");
    one.node.shutdown();
    assert_eq!(other.node.shutdown(), 0);
}

/// Nothing is kept of the link, and so its channels are gone with either side; a new one works.
fn volatile(one: &Side, mut other: Side) {
    let events = one.node.events();
    other.node.shutdown();
    other.restart(&[one]);
    let (_, inbox) = other.node.bind("bob");
    wait_for(&events, |event| matches!(event, Event::LinkUp { .. }));
    let (anne, _) = one.node.bind("anne");
    let channel = one.node.open(anne, other.id(), "bob").unwrap();
    send_numbers(&*one.node, anne, channel, 0..100);
    take_numbers(&inbox, 0..100);
    one.node.shutdown();
    assert_eq!(other.node.shutdown(), 0);
}

const MESSAGES: u32 = 400;

/// Commits fail on both sides: senders are told, and what had a receipt arrives, once and in order.
pub(crate) fn failed_commit(pair: Pair) {
    let [one, other] = Pair { kept: Kept::Memory, ..pair }.start();
    let (alice, _) = one.node.bind("alice");
    let (_, inbox) = other.node.bind("bob");
    let channel = one.node.open(alice, other.id(), "bob").unwrap();
    let events = [one.node.events(), other.node.events()];
    let mut certain = Vec::new();
    let seen = thread::scope(|scope| {
        let taking = scope.spawn(move || take_to_the_last(&inbox));
        for number in 0..MESSAGES {
            if [100, MESSAGES - 1].contains(&number) {
                one.setup.disk.fail();
            }
            if number == 200 {
                other.setup.disk.fail();
            }
            if send_through_a_load(&*one.node, alice, channel, number) {
                certain.push(number);
            }
        }
        // So that there is a last one.
        while !send_through_a_load(&*one.node, alice, channel, MESSAGES) {}
        taking.join().unwrap()
    });
    for events in &events {
        wait_for(events, |event| matches!(event, Event::StoreFailed));
        wait_for(events, |event| matches!(event, Event::Loaded { .. }));
    }
    assert!(certain.len() < MESSAGES as usize, "a failed commit leaves its message uncertain");
    assert!(certain.iter().all(|number| seen.contains_key(number)), "what had a receipt is lost");
    for side in [&one, &other] {
        assert!(!side.setup.disk.was_overrun(), "nothing may be committed behind a commit that failed");
    }
    one.node.shutdown();
    other.node.shutdown();
}

/// Sends a number. Whether there was a receipt; without one, it may arrive.
fn send_through_a_load(node: &dyn Node, agent: AgentId, channel: ChannelId, number: u32) -> bool {
    let mut result = None;
    eventually("the runtime takes messages again", || {
        match node.send(agent, channel, Message::new(&number.to_be_bytes())) {
            Err(Failure::Refused(_)) => return false,
            sent => result = Some(sent),
        }
        true
    });
    match result {
        Some(Ok(_)) => true,
        Some(Err(Failure::Uncertain)) => false,
        other => panic!("{other:?}"),
    }
}

/// Takes numbers that grow, and the same ones again only as the same messages.
fn take_to_the_last(inbox: &Receiver<Received>) -> BTreeMap<u32, MessageId> {
    let mut seen = BTreeMap::new();
    while !seen.contains_key(&MESSAGES) {
        let received = inbox.recv_timeout(PATIENCE).expect("a message");
        let message = received.message;
        let number = u32::from_be_bytes(received.done().try_into().unwrap());
        let last = seen.last_key_value().map(|(number, _)| *number);
        match seen.insert(number, message) {
            Some(before) => assert_eq!(before, message, "number {number} comes twice"),
            None => assert!(last.is_none_or(|last| last < number), "number {number} is late"),
        }
    }
    seen
}
