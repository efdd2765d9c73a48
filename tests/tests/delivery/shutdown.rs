use std::time::Duration;

use mfp_proto::config::Config;
use mfp_proto::runtime::{
    AdminError, Delivery, Effect, Event, LoadError, Message, Outcome, SendError, UnknownDelivery,
};
use mfp_proto::store::Store;

use crate::rig::{Rig, deliveries, delivery, events, name};

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
fn a_failed_commit_ends_it() {
    let (mut rig, alice, bob, channel) = Rig::pair(Config::default());
    rig.send(alice, channel, Message::new(b"work"));
    let work = delivery(&rig.settle());
    rig.rt.shutdown(rig.now);
    let ticket = rig.send(bob, channel, Message::new(b"answer").reply_to(work.message));
    let effects = rig.fail(0);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Uncertain(of) if *of == ticket)));
    assert_eq!(drained(&effects), Some(2));
    assert_eq!(rig.rt.handle_loaded(rig.now, rig.store.load().unwrap()), Err(LoadError::NotAsked));
    takes_nothing(&mut rig, &work);
}

#[test]
fn while_a_load_is_awaited_there_is_nothing_to_wait_for() {
    let (mut rig, alice, _, channel) = Rig::pair(Config::default());
    rig.send(alice, channel, Message::new(b"work"));
    let work = delivery(&rig.settle());
    rig.rt.bind(rig.now, &name("carol")).unwrap();
    rig.fail(0);
    rig.rt.shutdown(rig.now);
    assert_eq!(drained(&rig.poll()), Some(1));
    takes_nothing(&mut rig, &work);
}

#[test]
fn what_is_under_way_when_its_time_is_over_is_still_told() {
    for commits in [true, false] {
        let (mut rig, alice, bob, channel) = Rig::pair(Config::default());
        rig.send(alice, channel, Message::new(b"work").answer_within(Duration::from_mins(15)));
        let work = delivery(&rig.settle());
        rig.rt.shutdown(rig.now);
        let ticket = rig.send(bob, channel, Message::new(b"late").reply_to([0; 16].into()));
        rig.now = rig.rt.poll_timeout().unwrap().0;
        rig.rt.handle_timeout(rig.now);
        assert_eq!(drained(&rig.poll()), Some(2));
        let told = if commits { rig.settle() } else { rig.fail(0) };
        let of_ticket = |effect: &&Effect| match effect {
            Effect::Acked(of) => *of == ticket && commits,
            Effect::Uncertain(of) => *of == ticket && !commits,
            _ => false,
        };
        assert_eq!(told.iter().filter(of_ticket).count(), 1, "{told:?}");
        assert_eq!((drained(&told), deliveries(&told).len()), (None, 0));
        takes_nothing(&mut rig, &work);
    }
}

/// Everything is refused, nothing is due, and nothing is persisted.
fn takes_nothing(rig: &mut Rig, work: &Delivery) {
    assert_eq!(rig.rt.poll_timeout(), None);
    let now = rig.now;
    assert_eq!(rig.rt.bind(now, &name("dave")), Err(AdminError::ShuttingDown));
    assert_eq!(rig.rt.close_channel(now, &work.channel), Err(AdminError::ShuttingDown));
    assert_eq!(rig.rt.terminate(now, &work.to), Err(AdminError::ShuttingDown));
    assert_eq!(rig.rt.quarantine_agent(now, &work.to), Err(AdminError::ShuttingDown));
    assert_eq!(rig.rt.detach(now, &work.to), Err(AdminError::ShuttingDown));
    assert_eq!(rig.rt.handle_processed(now, work.id, Outcome::Done), Err(UnknownDelivery));
    let answer = Message::new(b"!").reply_to(work.message);
    assert_eq!(rig.rt.send(now, work.to, work.channel, answer), Err(SendError::ShuttingDown));
    rig.rt.shutdown(now);
    rig.rt.handle_timeout(now + Duration::from_hours(1));
    assert!(rig.poll().is_empty());
    assert_eq!(rig.held(), 0);
}

#[test]
fn what_remains_is_what_nobody_has_finished() {
    let (mut rig, alice, bob, channel) = Rig::pair(Config::default());
    // Bob asks; alice sends something else, and then the answer, which he is done with first.
    let asked = rig.send(bob, channel, Message::new(b"?").answer_within(Duration::from_secs(1)));
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
