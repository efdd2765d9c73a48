use core::time::Duration;

use super::*;

/// Alice has asked bob, who has the request in hand.
fn asked(rig: &mut Rig) -> (AgentId, AgentId, ChannelId, Ticket, Delivery) {
    let (alice, bob) = (rig.bind("alice"), rig.bind("bob"));
    let channel = rig.rt.establish_channel(rig.now, &alice, &bob, None).unwrap();
    let request = Message::new(b"question").answer_within(Duration::from_secs(1));
    let ticket = rig.rt.send(rig.now, alice, channel, request).unwrap();
    let delivery = deliveries(rig.drain()).remove(0);
    (alice, bob, channel, ticket, delivery)
}

fn answer(rig: &mut Rig, agent: AgentId, to: &Delivery) {
    rig.rt.send(rig.now, agent, to.channel, Message::new(b"answer").reply_to(to.message)).unwrap();
}

#[test]
fn an_answer_that_cannot_be_delivered_leaves_the_request_its_timeout() {
    let mut rig = Rig::new(Config::default());
    let (alice, bob, _, ticket, question) = asked(&mut rig);
    rig.rt.detach(rig.now, &alice).unwrap();
    answer(&mut rig, bob, &question);
    assert!(deliveries(rig.drain()).is_empty());
    rig.now = rig.now + Duration::from_secs(1);
    rig.rt.handle_timeout(rig.now);
    assert!(rig.drain().iter().any(|effect| matches!(effect, Effect::Unanswered(t) if *t == ticket)));
    rig.rt.bind(rig.now, &AgentName::new("alice").unwrap()).unwrap();
    let late = deliveries(rig.drain()).remove(0);
    assert_eq!((late.answers, &*late.payload), (None, &b"answer"[..]), "then it is a message like any other");
}

#[test]
fn an_answer_that_waited_for_its_agent_still_answers() {
    let mut rig = Rig::new(Config::default());
    let (alice, bob, _, ticket, question) = asked(&mut rig);
    rig.rt.detach(rig.now, &alice).unwrap();
    rig.rt.send(rig.now, bob, question.channel, Message::new(b"news")).unwrap();
    answer(&mut rig, bob, &question);
    answer(&mut rig, bob, &question);
    rig.drain();
    rig.rt.bind(rig.now, &AgentName::new("alice").unwrap()).unwrap();
    let answers: Vec<_> = deliveries(rig.drain()).iter().map(|delivery| delivery.answers).collect();
    assert_eq!(answers, [Some(ticket), None], "ahead of the news, and the second answer waits in order");
}
