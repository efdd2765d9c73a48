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
