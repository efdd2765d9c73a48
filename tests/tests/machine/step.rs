//! Steps: what is drawn at random, and what it means to a model.

use mfp_proto::agents::{AgentState, Transition};
use mfp_proto::runtime::Outcome;
use mfp_proto::testing::strategy::outcome;
use proptest::prelude::*;

use super::model::{Channel, Model, PAYLOAD, Place, Service};
use super::told::{Call, Reply};
use super::traffic::Sending;

/// Chooses among what there is; seldom among what there was. Small numbers mean what there is.
type Pick = u8;

/// One step. It means something to every model, so that any step can be left out.
#[derive(Clone, Debug)]
pub(crate) enum Step {
    Bind {
        name: u8,
    },
    Detach(Pick),
    Unbind(Pick),
    Terminate(Pick),
    QuarantineAgent(Pick),
    RestoreAgent(Pick),
    Establish {
        one: Pick,
        other: Pick,
        depth: Option<u8>,
    },
    Close(Pick),
    QuarantineChannel(Pick),
    RestoreChannel(Pick),
    /// `by`: the first agent of the channel, the second, or any. `answer`: what was asked on the channel.
    Send {
        channel: Pick,
        by: u8,
        len: u8,
        answer: Option<Pick>,
        within: Option<u64>,
        broken: bool,
    },
    Processed(Pick, Outcome),
    Retry(Pick),
    Purge(Pick),
    /// Time passes, and is told or not.
    Wait {
        micros: u64,
        tell: bool,
    },
    /// Time passes until the next deadline.
    WaitForDeadline,
    Commit(Pick),
    Fail(Pick),
    Load,
    Restart(Pick),
    Shutdown,
}

/// How often each kind of step is drawn.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Weights {
    /// Agents come, go, and are quarantined.
    pub(crate) agents: u32,
    /// The same of channels.
    pub(crate) channels: u32,
    /// Messages are sent, processed, retried, purged.
    pub(crate) messages: u32,
    /// Commits.
    pub(crate) commits: u32,
    /// Commits fail, and the process restarts.
    pub(crate) failures: u32,
}

/// The first steps of a run with agents and channels: three and two of them.
pub(crate) const SETUP: &[Step] = &[
    Step::Bind { name: 0 },
    Step::Bind { name: 1 },
    Step::Bind { name: 2 },
    Step::Commit(3),
    Step::Establish { one: 0, other: 0, depth: None },
    Step::Establish { one: 1, other: 1, depth: Some(2) },
    Step::Commit(1),
];

/// The steps that suit a model, by weight.
pub(crate) fn steps(model: &Model, weights: Weights) -> BoxedStrategy<Step> {
    let Weights { agents, channels, messages, commits, failures } = weights;
    let often = |when: bool, weight: u32| if when { 4 * weight } else { weight };
    let bound = |agent: &usize| model.agent_state(*agent).is_some_and(|state| state != AgentState::Quarantined);
    let few_agents = (0..model.agents.len()).filter(bound).count() < 2;
    let no_channel = (0..model.channels.len()).all(|channel| !model.channels[channel].open || model.frozen(channel));
    let stopped = model.service != Service::Running;
    prop_oneof![
        often(few_agents, agents) => (0..5_u8).prop_map(|name| Step::Bind { name }),
        often(no_channel, agents) => agent_step(),
        often(no_channel, channels) => (any::<Pick>(), any::<Pick>(), depth())
            .prop_map(|(one, other, depth)| Step::Establish { one, other, depth }),
        often(no_channel, channels) => channel_step(),
        messages * 4 => sending(),
        messages * 3 => (any::<Pick>(), outcome()).prop_map(|(pick, outcome)| Step::Processed(pick, outcome)),
        messages => prop_oneof![any::<Pick>().prop_map(Step::Retry), any::<Pick>().prop_map(Step::Purge)],
        messages => (0..=150_000_u64, any::<bool>()).prop_map(|(micros, tell)| Step::Wait { micros, tell }),
        messages => Just(Step::WaitForDeadline),
        commits => any::<Pick>().prop_map(Step::Commit),
        failures => any::<Pick>().prop_map(Step::Fail),
        if model.reloading() { agents + channels + messages } else { 1 } => Just(Step::Load),
        often(stopped, failures) => any::<Pick>().prop_map(Step::Restart),
        1 => Just(Step::Shutdown),
    ]
    .boxed()
}

fn depth() -> impl Strategy<Value = Option<u8>> {
    prop_oneof![Just(None), (2..=32_u8).prop_map(Some)]
}

fn agent_step() -> impl Strategy<Value = Step> {
    (any::<Pick>(), 0..8_u8).prop_map(|(agent, kind)| match kind {
        0 | 1 => Step::QuarantineAgent(agent),
        2..=4 => Step::RestoreAgent(agent),
        5 => Step::Detach(agent),
        6 => Step::Unbind(agent),
        _ => Step::Terminate(agent),
    })
}

fn channel_step() -> impl Strategy<Value = Step> {
    (any::<Pick>(), 0..5_u8).prop_map(|(channel, kind)| match kind {
        0 => Step::QuarantineChannel(channel),
        1..=3 => Step::RestoreChannel(channel),
        _ => Step::Close(channel),
    })
}

fn sending() -> impl Strategy<Value = Step> {
    let within = prop_oneof![3 => Just(None), 2 => (1..=150_000_u64).prop_map(Some)];
    let len = prop_oneof![1 => Just(0), 20 => 1..=u8::try_from(PAYLOAD).unwrap(), 1 => Just(u8::MAX)];
    let by = prop_oneof![20 => 0..2_u8, 1 => 2..=u8::MAX];
    (any::<Pick>(), by, len, any::<Option<Pick>>(), within, proptest::bool::weighted(0.1))
        .prop_map(|(channel, by, len, answer, within, broken)| Step::Send { channel, by, len, answer, within, broken })
}

/// One of `current`, or seldom one of all `ever` known.
fn pick(current: &[usize], ever: usize, pick: Pick) -> Option<usize> {
    let pick = usize::from(pick);
    if pick < 230 && !current.is_empty() { Some(current[pick % current.len()]) } else { pick.checked_rem(ever) }
}

/// Durable and not quarantined.
fn free(state: AgentState) -> bool {
    matches!(state, AgentState::Bound | AgentState::Active)
}

impl Model {
    /// The model after `step`.
    pub(crate) fn apply(mut self, step: &Step) -> Self {
        self.steps += 1;
        self.told.clear();
        self.moved.clear();
        self.call = self.resolve(step).unwrap_or(Call::Nothing);
        self.reply = self.execute();
        self.end_step();
        self
    }

    /// Rather one of which `is` holds.
    fn agent_that(&self, by: Pick, is: impl Fn(usize, AgentState) -> bool) -> Option<usize> {
        let is = |number: &usize| self.agent_state(*number).is_some_and(|state| is(*number, state));
        pick(&(0..self.agents.len()).filter(is).collect::<Vec<_>>(), self.agents.len(), by)
    }

    fn agent(&self, by: Pick) -> Option<usize> {
        self.agent_that(by, |_, _| true)
    }

    /// Rather one of which `is` holds.
    fn channel_that(&self, by: Pick, is: impl Fn(&Channel) -> bool) -> Option<usize> {
        let is = |number: &usize| self.channels[*number].open && is(&self.channels[*number]);
        pick(&(0..self.channels.len()).filter(is).collect::<Vec<_>>(), self.channels.len(), by)
    }

    fn channel(&self, by: Pick) -> Option<usize> {
        self.channel_that(by, |_| true)
    }

    fn letter(&self, by: Pick) -> Option<usize> {
        let is_letter = |number: &usize| matches!(self.messages[*number].place, Place::Letter(_));
        let letters: Vec<_> = (0..self.messages.len()).filter(is_letter).collect();
        // The id of one that was lost may be that of a later one.
        pick(&letters, self.messages.len(), by).filter(|number| self.messages[*number].place != Place::Lost)
    }

    fn resolve(&mut self, step: &Step) -> Option<Call> {
        Some(match *step {
            Step::Bind { name } => Call::Bind { name },
            Step::Detach(agent) => Call::Detach(self.agent(agent)?),
            Step::Unbind(agent) => Call::Unbind(self.agent(agent)?),
            Step::Terminate(agent) => Call::Terminate(self.agent(agent)?),
            Step::QuarantineAgent(agent) => Call::QuarantineAgent(self.agent_that(agent, |_, it| free(it))?),
            Step::RestoreAgent(agent) => {
                Call::RestoreAgent(self.agent_that(agent, |_, it| it == AgentState::Quarantined)?)
            }
            Step::Establish { one, other, depth } => {
                let one = self.agent_that(one, |_, it| free(it))?;
                let other = self.agent_that(other, |agent, it| agent != one && free(it))?;
                Call::Establish { agents: [one, other], depth }
            }
            Step::Close(channel) => Call::Close(self.channel(channel)?),
            Step::QuarantineChannel(channel) => {
                Call::QuarantineChannel(self.channel_that(channel, |it| !it.quarantined)?)
            }
            Step::RestoreChannel(channel) => Call::RestoreChannel(self.channel_that(channel, |it| it.quarantined)?),
            Step::Send { channel, by, len, answer, within, broken } => {
                let channel = self.channel(channel)?;
                let agent = match by {
                    0 | 1 => self.channels[channel].agents[usize::from(by)],
                    _ => self.agent(by)?,
                };
                let reply_to = answer.and_then(|answer| self.to_answer(channel, agent, answer));
                Call::Send { agent, channel, len: usize::from(len), reply_to, within, broken }
            }
            Step::Processed(by, outcome) => {
                let current = (0..self.handed.len()).filter(|at| self.handed[*at].valid);
                let handed = self.handed[pick(&current.collect::<Vec<_>>(), self.handed.len(), by)?];
                Call::Processed { message: handed.message, handing: handed.handing, outcome }
            }
            Step::Retry(by) => Call::Retry(self.letter(by)?),
            Step::Purge(by) => Call::Purge(self.letter(by)?),
            Step::Wait { micros, tell } => {
                self.now += micros;
                if tell { Call::Timeout } else { Call::Nothing }
            }
            Step::WaitForDeadline => {
                let (next, _) = *self.deadlines().first_key_value()?.0;
                self.now = self.now.max(next);
                Call::Timeout
            }
            Step::Commit(by) if !self.flying.is_empty() => Call::Commit(1 + usize::from(by) % self.flying.len()),
            Step::Fail(by) if !self.flying.is_empty() => {
                Call::Fail { applied: usize::from(by) % (self.flying.len() + 1) }
            }
            Step::Restart(by) => Call::Restart { applied: usize::from(by) % (self.flying.len() + 1) },
            Step::Load => Call::Load,
            Step::Shutdown => Call::Shutdown,
            Step::Commit(_) | Step::Fail(_) => return None,
        })
    }

    /// A request that `agent` has received on the channel; seldom any request or message that was handed over.
    fn to_answer(&self, channel: usize, agent: usize, by: Pick) -> Option<usize> {
        let received = |number: &usize| self.messages[*number].channel == channel && self.receiver(*number) == agent;
        let handed = |number: &usize| self.messages[*number].handed > 0;
        let all = self.requests.iter().map(|request| request.message).filter(handed);
        let here: Vec<_> = all.clone().filter(received).collect();
        let all: Vec<_> =
            if by.is_multiple_of(2) { all.collect() } else { (0..self.messages.len()).filter(handed).collect() };
        if by < 180 { pick(&here, 0, by) } else { pick(&all, 0, by % 128) }
    }

    fn execute(&mut self) -> Reply {
        match self.call.clone() {
            Call::Nothing => Reply::Done,
            Call::Bind { name } => self.bind(name).into(),
            Call::Detach(agent) => self.detach(agent).into(),
            Call::Unbind(agent) => self.end(agent, Transition::Unbind).into(),
            Call::Terminate(agent) => self.end(agent, Transition::Terminate).into(),
            Call::QuarantineAgent(agent) => self.quarantine_agent(agent).into(),
            Call::RestoreAgent(agent) => self.restore_agent(agent).into(),
            Call::Establish { agents, depth } => self.establish(agents, depth).into(),
            Call::Close(channel) => self.close_channel(channel).into(),
            Call::QuarantineChannel(channel) => self.quarantine_channel(channel).into(),
            Call::RestoreChannel(channel) => self.restore_channel(channel).into(),
            Call::Send { agent, channel, len, reply_to, within, broken } => {
                self.send(Sending { agent, channel, len, reply_to, within, broken }).into()
            }
            Call::Processed { message, handing, outcome } => self.processed(message, handing, outcome),
            Call::Retry(message) => self.retry(message).into(),
            Call::Purge(message) => self.purge(message).into(),
            Call::Timeout => self.run(Self::timeout),
            Call::Commit(count) => self.run(|model| model.commit(count)),
            Call::Fail { applied } => self.run(|model| model.fail(applied)),
            Call::Load if !self.reloading() => Reply::NotAsked,
            Call::Load => self.run(Self::load),
            Call::Restart { applied } => self.run(|model| model.restart(applied)),
            Call::Shutdown => self.run(Self::shutdown),
        }
    }

    fn run(&mut self, run: impl FnOnce(&mut Self)) -> Reply {
        run(self);
        Reply::Done
    }
}
