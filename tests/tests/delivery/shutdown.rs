use mfp_proto::config::Config;
use mfp_proto::runtime::{AdminError, Effect, Event, Message, Outcome, SendError};

use crate::rig::{Rig, delivery, events, name};

/// The count in the only `Drained` among the effects.
fn drained(effects: &[Effect]) -> Option<u32> {
    let events = events(effects);
    let remaining = |event: &Event| if let Event::Drained { remaining } = event { Some(*remaining) } else { None };
    let mut all = events.iter().filter_map(remaining);
    let first = all.next();
    assert_eq!(all.next(), None, "told twice");
    first
}

#[test]
fn it_is_over_only_when_all_is_durable() {
    let (mut rig, alice, _, channel) = Rig::pair(Config::default());
    rig.send(alice, channel, Message::new(b"work"));
    let work = delivery(&rig.settle());
    rig.rt.shutdown(rig.now);
    rig.rt.handle_processed(rig.now, work.id, Outcome::Done).unwrap();
    assert_eq!(drained(&rig.poll()), None, "the end of the message is not durable");
    assert_eq!(drained(&rig.settle()), Some(0));
    assert!(rig.poll().is_empty());
}

#[test]
fn a_failed_commit_does_not_undo_it() {
    let (mut rig, alice, _, channel) = Rig::pair(Config::default());
    rig.send(alice, channel, Message::new(b"work"));
    let work = delivery(&rig.settle());
    rig.rt.shutdown(rig.now);
    let end = rig.rt.poll_timeout();
    rig.rt.handle_processed(rig.now, work.id, Outcome::Done).unwrap();
    rig.fail(0);
    assert_eq!(rig.rt.poll_timeout().map(|(at, _)| at), Some(rig.now + rig.rt.config().drain_timeout));
    let again = delivery(&rig.load());
    assert_eq!(again.message, work.message);
    assert_eq!(rig.rt.poll_timeout(), end);
    assert_eq!(rig.rt.bind(rig.now, &name("carol")), Err(AdminError::ShuttingDown));
    assert_eq!(drained(&rig.processed(&again, Outcome::Done)), Some(0));
}

#[test]
fn it_may_be_called_while_a_load_is_awaited() {
    let (mut rig, alice, _, channel) = Rig::pair(Config::default());
    rig.send(alice, channel, Message::new(b"work"));
    rig.fail(1);
    rig.rt.shutdown(rig.now);
    assert_eq!(rig.rt.close_channel(rig.now, &channel), Err(AdminError::Reloading), "what is there is not known yet");
    assert_eq!(drained(&rig.poll()), None);
    let work = delivery(&rig.load());
    assert_eq!(rig.rt.send(rig.now, alice, channel, Message::new(b"more")), Err(SendError::ShuttingDown));
    assert_eq!(drained(&rig.processed(&work, Outcome::Done)), Some(0));
}

#[test]
fn without_a_load_it_ends_in_time() {
    let (mut rig, alice, _, channel) = Rig::pair(Config::default());
    rig.send(alice, channel, Message::new(b"work"));
    rig.rt.shutdown(rig.now);
    rig.fail(0);
    assert_eq!(drained(&rig.wait_for_deadline().unwrap()), Some(1));
    assert_eq!(drained(&rig.load()), None);
    assert_eq!(rig.rt.bind(rig.now, &name("carol")), Err(AdminError::ShuttingDown));
}

#[test]
fn what_remains_is_what_nobody_has_finished() {
    let (mut rig, alice, bob, channel) = Rig::pair(Config::default());
    // Bob asks; alice sends something else, and then the answer, which he is done with first.
    let asked = rig.send(bob, channel, Message::new(b"?").answer_within(std::time::Duration::from_secs(1)));
    let question = delivery(&rig.settle());
    rig.send(alice, channel, Message::new(b"first"));
    let first = delivery(&rig.settle());
    rig.send(alice, channel, Message::new(b"!").reply_to(question.message));
    let answer = delivery(&rig.settle());
    assert_eq!((answer.answers, first.answers), (Some(asked), None));
    rig.processed(&answer, Outcome::Done);
    assert_eq!(rig.rt.stats().inbox_messages, 2);
    rig.processed(&question, Outcome::Done);
    assert_eq!(rig.rt.stats().inbox_messages, 1);
    rig.rt.detach(rig.now, &bob).unwrap();
    rig.rt.shutdown(rig.now);
    assert_eq!(drained(&rig.settle()), Some(1));
}
