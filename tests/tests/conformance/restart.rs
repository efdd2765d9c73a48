//! A side that goes away and comes back.

use std::time::Duration;

use mfp_proto::runtime::{Event, Message};

use crate::world::{Kept, PATIENCE, Pair, Side, send_numbers, take, take_numbers, wait_for};

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
