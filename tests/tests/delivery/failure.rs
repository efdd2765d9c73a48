use std::time::Duration;

use mfp_proto::config::Config;
use mfp_proto::id::MessageId;
use mfp_proto::runtime::{Effect, Message, Outcome, UnknownDelivery};

use crate::rig::{Rig, deliveries, delivery, name, receipt};

#[test]
fn nothing_happens_to_messages_while_a_load_is_awaited() {
    let (mut rig, alice, bob, channel) = Rig::pair(Config::default());
    rig.send(alice, channel, Message::new(b"work"));
    let work = delivery(&rig.settle());
    // The handler's time ends while the store fails.
    rig.rt.bind(rig.now, &name("carol")).unwrap();
    rig.fail(0);
    assert_eq!(rig.rt.poll_timeout(), None);
    rig.now = rig.now + Duration::from_hours(1);
    rig.rt.handle_timeout(rig.now);
    assert!(rig.poll().is_empty());
    assert_eq!(rig.held(), 0, "a batch made of what may not be there");
    assert_eq!(rig.rt.handle_processed(rig.now, work.id, Outcome::Done), Err(UnknownDelivery));
    let again = delivery(&rig.load());
    assert_eq!((again.message, again.attempt(), again.to), (work.message, 1, bob));
}

#[test]
fn a_late_failure_is_not_taken_for_that_of_a_newer_handing() {
    let (mut rig, alice, bob, channel) = Rig::pair(Config::default());
    rig.send(alice, channel, Message::new(b"work"));
    let first = delivery(&rig.settle());
    rig.rt.detach(rig.now, &bob).unwrap();
    assert_eq!(rig.bind("bob"), bob);
    // Bob is at it again; what the first handler says is old.
    let (at, _) = rig.rt.poll_timeout().unwrap();
    assert_eq!(rig.rt.handle_processed(rig.now, first.id, Outcome::Failed), Err(UnknownDelivery));
    assert_eq!(rig.rt.poll_timeout().unwrap().0, at);
    assert!(rig.settle().is_empty());
    assert_eq!(rig.rt.handle_processed(rig.now, first.id, Outcome::Done), Ok(()), "success of any attempt counts");
}

#[test]
fn a_request_that_is_uncertain_waits_for_nothing() {
    let (mut rig, alice, _, channel) = Rig::pair(Config::default());
    let ticket = rig.send(alice, channel, Message::new(b"?").answer_within(Duration::from_secs(1)));
    let effects = rig.fail(1);
    assert!(effects.iter().any(|effect| matches!(effect, Effect::Uncertain(of) if *of == ticket)));
    assert_eq!(deliveries(&rig.load()).len(), 1, "it was durable after all");
    assert_eq!(rig.wait(Duration::from_secs(2)).len(), 0, "the ticket has had its last outcome");
}

#[test]
fn everything_that_goes_with_a_message_outlives_the_process() {
    let (mut rig, alice, bob, channel) = Rig::pair(Config::default());
    let question = MessageId::from_bytes([7; 16]);
    let message = Message::new(b"work").content_type("text/plain").trace([5; 26]).reply_to(question);
    let ticket = rig.send(alice, channel, message);
    let effects = rig.settle();
    let id = receipt(&effects, ticket);
    rig.restart();
    rig.bind("alice");
    assert_eq!(rig.rt.bind(rig.now, &name("bob")), Ok(bob), "the same id as before");
    let again = delivery(&rig.settle());
    assert_eq!((again.message, again.to, again.from.agent, again.channel), (id, bob, alice, channel));
    assert_eq!((&*again.payload, again.reply_to, again.attempt()), (&b"work"[..], Some(question), 1));
    let meta = again.meta.unwrap();
    assert_eq!((meta.content_type.as_deref(), meta.trace), (Some("text/plain"), Some([5; 26])));
}
