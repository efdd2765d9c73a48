//! The steps are drawn so that everything happens, and not only what is easy.

use std::collections::BTreeMap;

use proptest::strategy::{Strategy, ValueTree};
use proptest::test_runner::TestRunner;
use proptest_state_machine::ReferenceStateMachine;

use super::model::Model;
use super::test::{Focus, Reference};
use crate::delivery::Delivery;
use crate::lifecycle::Lifecycle;

/// Answers and effects, by what is found in them when they are printed.
const ALL: &str = "
    Agent( Channel( Sent UnknownDelivery NotAsked
    Admin(AlreadyQuarantined Admin(Forbidden Admin(Full Admin(NameTaken Admin(NotQuarantined Admin(Reloading
    Admin(SameAgent Admin(ShuttingDown Admin(TooManyAgents Admin(TooManyChannels Admin(UnknownAgent
    Admin(UnknownChannel Admin(UnknownDeadLetter
    Send(ChannelFrozen Send(EmptyPayload Send(Full Send(NotAMember Send(PayloadTooLarge Send(Reloading
    Send(ShuttingDown Send(Stage(Aead Send(Tool(NoChannel Send(Tool(Quarantined Send(Tool(UnknownAgent
    Send(UnknownChannel
    Persist Accepted Acked Unanswered Uncertain Deliver answers:Some AgentBound AgentTerminated AgentQuarantined
    AgentRestored ChannelOpened ChannelClosed(0,Requested ChannelClosed(0,AgentGone ChannelQuarantined(0,Operator
    ChannelQuarantined(0,ValidationFailures ChannelRestored ValidationFailed HandlerTimedOut HandlerFailed
    AttemptsExhausted cause:ChannelClosed StoreFailed Loaded Drained";

/// How often each comes in so many runs.
fn reached<F: Focus>(runs: u32) -> BTreeMap<&'static str, u32> {
    let mut runner = TestRunner::deterministic();
    let mut reached: BTreeMap<_, _> = ALL.split_ascii_whitespace().map(|name| (name, 0)).collect();
    let mut count = |what: String| {
        let what = what.replace(' ', "");
        reached.iter_mut().filter(|(name, _)| what.contains(**name)).for_each(|(_, count)| *count += 1);
    };
    for _ in 0..runs {
        let run = Reference::<F>::sequential_strategy(1..100).new_tree(&mut runner).unwrap();
        let (model, steps, _) = run.current();
        steps.iter().fold(model, |model: Model, step| {
            let model = model.apply(step);
            count(format!("{:?}", model.reply));
            model.told.iter().for_each(|told| count(format!("{told:?}")));
            model
        });
    }
    reached
}

#[test]
fn the_steps_reach_everything() {
    let (agents, messages) = (reached::<Lifecycle>(300), reached::<Delivery>(300));
    let seldom: Vec<_> = agents.iter().filter(|(name, count)| *count + messages[**name] < 3).collect();
    assert!(seldom.is_empty(), "{seldom:?}\n{agents:#?}\n{messages:#?}");
}
