use std::time::Duration;

use mfp_proto::config::Config;
use mfp_proto::runtime::{Effect, Message, Outcome, Runtime, Ticket};

use crate::rig::{Rig, deliveries, delivery, name};

const WITHIN: Duration = Duration::from_secs(10);

fn unanswered(effects: &[Effect]) -> Vec<Ticket> {
    let ticket = |effect: &Effect| if let Effect::Unanswered(ticket) = effect { Some(*ticket) } else { None };
    effects.iter().filter_map(ticket).collect()
}

/// Alice asks, and bob's answer is durable while alice's inbox is closed by `shut`.
fn answered_in_vain(shut: impl FnOnce(&mut Rig)) -> (Rig, Ticket) {
    let (mut rig, alice, bob, channel) = Rig::pair(Config::default());
    let ticket = rig.send(alice, channel, Message::new(b"?").answer_within(WITHIN));
    let question = delivery(&rig.settle());
    rig.send(bob, channel, Message::new(b"!").reply_to(question.message));
    shut(&mut rig);
    assert_eq!(deliveries(&rig.settle()).len(), 0);
    rig.processed(&question, Outcome::Done);
    (rig, ticket)
}

#[test]
fn an_answer_that_cannot_be_handed_over_in_time_is_none() {
    let alice = |rig: &Rig| rig.rt.agent_by_name(&name("alice")).unwrap();
    let (mut rig, ticket) = answered_in_vain(|rig| {
        let alice = alice(rig);
        rig.rt.quarantine_agent(rig.now, &alice).unwrap();
    });
    assert_eq!(unanswered(&rig.wait(WITHIN)), [ticket]);
    let alice = alice(&rig);
    rig.rt.restore_agent(rig.now, &alice).unwrap();
    let late = delivery(&rig.settle());
    assert_eq!(late.answers, None, "it comes as an ordinary message");
    assert!(late.reply_to.is_some());
}

#[test]
fn an_answer_that_can_be_handed_over_in_time_is_one() {
    let (mut rig, ticket) = answered_in_vain(|rig| quarantine(rig, true));
    rig.wait(WITHIN / 2);
    quarantine(&mut rig, false);
    assert_eq!(delivery(&rig.settle()).answers, Some(ticket));
    assert_eq!(unanswered(&rig.wait(WITHIN)), []);
}

#[test]
fn a_request_survives_what_becomes_of_its_undelivered_answer() {
    let (mut rig, ticket) = answered_in_vain(|rig| attach(rig, false));
    let channel = rig.rt.all_channels().next().unwrap().0;
    rig.rt.close_channel(rig.now, &channel).unwrap();
    assert_eq!(unanswered(&rig.settle()), []);
    assert_eq!(unanswered(&rig.wait(WITHIN)), [ticket]);

    let (mut rig, ticket) = answered_in_vain(|rig| attach(rig, false));
    rig.rt.bind(rig.now, &name("carol")).unwrap();
    rig.fail(0);
    assert_eq!(deliveries(&rig.load()).len(), 0);
    rig.bind("alice");
    assert_eq!(unanswered(&rig.wait(WITHIN)), [], "it was answered when alice came back: {ticket:?}");
}

/// Alice is at a message of bob's when his answer comes, and is durable while nothing is handed over.
#[test]
fn an_answer_does_not_wait_for_what_came_before_it() {
    type Shut = fn(&mut Rig);
    let ways: [(Shut, Shut, usize); 3] = [
        (|rig| quarantine(rig, true), |rig| quarantine(rig, false), 1),
        (|rig| attach(rig, false), |rig| attach(rig, true), 2),
        (|_| {}, |_| {}, 0),
    ];
    for (shut, open, handed_over) in ways {
        let (mut rig, alice, bob, channel) = Rig::pair(Config::default());
        let ticket = rig.send(alice, channel, Message::new(b"?").answer_within(WITHIN));
        let question = delivery(&rig.settle());
        rig.send(bob, channel, Message::new(b"before"));
        rig.settle();
        rig.send(bob, channel, Message::new(b"!").reply_to(question.message));
        shut(&mut rig);
        let at_once = deliveries(&rig.settle());
        open(&mut rig);
        let then = deliveries(&rig.settle());
        assert_eq!((at_once.len(), then.len()), (usize::from(handed_over == 0), handed_over));
        let answer = at_once.iter().chain(&then).find(|delivery| &*delivery.payload == b"!").unwrap();
        assert_eq!(answer.answers, Some(ticket));
    }
}

fn quarantine(rig: &mut Rig, shut: bool) {
    let channel = rig.rt.all_channels().next().unwrap().0;
    let call = if shut { Runtime::quarantine_channel } else { Runtime::restore_channel };
    call(&mut rig.rt, rig.now, &channel).unwrap();
}

fn attach(rig: &mut Rig, attach: bool) {
    let alice = rig.rt.agent_by_name(&name("alice")).unwrap();
    if attach {
        rig.rt.bind(rig.now, &name("alice")).unwrap();
    } else {
        rig.rt.detach(rig.now, &alice).unwrap();
    }
}
