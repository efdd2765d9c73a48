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

#[test]
fn two_agents_whose_inboxes_are_full_of_questions_can_still_answer() {
    let mut config = Config::default();
    config.limits.channel_items = 4;
    let mut rig = Rig::new(config);
    let (alice, bob) = (rig.bind("alice"), rig.bind("bob"));
    let channel = rig.rt.establish_channel(rig.now, &alice, &bob, None).unwrap();
    let request = Message::from("question").answer_within(Duration::from_secs(1));
    let mut asked = Vec::new();
    for agent in [alice, bob] {
        for _ in 0..4 {
            rig.rt.send(rig.now, agent, channel, request).unwrap();
        }
        assert_eq!(rig.rt.send(rig.now, agent, channel, request), Err(SendError::Full));
        asked.extend(deliveries(rig.drain()));
    }
    assert_eq!(asked.len(), 2, "one question is in each one's hands, three wait behind it");
    for question in &asked {
        let not_awaited = Message::from("answer").reply_to(MessageId::from_bytes([0; 16]));
        assert_eq!(rig.rt.send(rig.now, question.to, channel, not_awaited), Err(SendError::Full));
        for _ in 0..4 {
            answer(&mut rig, question.to, question);
        }
        let reserve = Message::from("answer").reply_to(question.message);
        assert_eq!(rig.rt.send(rig.now, question.to, channel, reserve), Err(SendError::Full), "bounded all the same");
    }
    assert_eq!(deliveries(rig.drain()).iter().filter(|delivery| delivery.answers.is_some()).count(), 2);
}
