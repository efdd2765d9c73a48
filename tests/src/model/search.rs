//! The search, and what must hold in every state.

use std::fmt;
use std::hash::Hash;
use std::sync::Arc;
use std::time::{Duration, Instant};

use mfp_proto::link::ConnId;
use mfp_proto::link::timers::TimerKind;
use siphasher::sip128::{Hasher128, SipHasher13};
use stateright::{Checker, HasDiscoveries, Model, Property};

use super::bounds::{Bounds, Faults};
use super::broken::Broken;
use super::memo::{Memo, Outcome};
use super::node::{Node, Out, Step};
use super::site::{self, Site};
use super::state::{Action, Left, State};
use super::store::Copy;
use super::wires::{Message, Wires};

/// Everything that can happen within [`Bounds`].
#[derive(Debug)]
pub struct Exhaust {
    bounds: Bounds,
    sites: [Site; 2],
    memo: Arc<Memo>,
}

/// The bounds do not fit a link.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Unfit;

impl fmt::Display for Unfit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("no link can be configured so")
    }
}

impl std::error::Error for Unfit {}

/// Reached where everything was sent and came.
pub const COMPLETE: &str = "everything was sent, and came";
/// Reached where a side has found a loss.
pub const LOSS: &str = "a loss is found";

/// What a search has found.
#[derive(Debug)]
pub struct Found {
    /// States, those counted that were reached in several ways.
    pub states: usize,
    /// Different states.
    pub unique: usize,
    /// Actions of the longest run that was needed to reach one.
    pub depth: usize,
    /// Steps of links that were taken, and not remembered.
    pub steps: u64,
    /// How long it took.
    pub time: Duration,
    /// Whether there is nothing left to visit.
    pub closed: bool,
    /// What was reached of what should be reachable: see [`COMPLETE`] and [`LOSS`].
    pub reached: Vec<&'static str>,
    /// The properties that do not hold, each with a run that ends where it does not.
    pub counterexamples: Vec<(&'static str, Vec<(Action, State)>)>,
}

impl Exhaust {
    /// # Errors
    /// [`Unfit`]: no link can be configured within these bounds.
    pub fn new(bounds: Bounds) -> Result<Self, Unfit> {
        let sites = site::pair(&bounds).ok_or(Unfit)?;
        Ok(Self { bounds, sites, memo: Arc::default() })
    }

    /// Visits every state, or until `limit`, and stops at the first counterexample.
    pub fn run(self, threads: usize, limit: Duration) -> Found {
        let (memo, start) = (Arc::clone(&self.memo), Instant::now());
        let checker = self.checker().threads(threads).timeout(limit).finish_when(HasDiscoveries::AnyFailures);
        let checker = checker.spawn_bfs().join();
        let time = start.elapsed();
        let trace = |(name, path): (_, stateright::Path<State, Action>)| {
            let steps = path.into_vec();
            let actions: Vec<_> = steps.iter().filter_map(|(_, action)| *action).collect();
            (name, actions.into_iter().zip(steps.into_iter().skip(1).map(|(state, _)| state)).collect())
        };
        let reachable = |name: &&str| [COMPLETE, LOSS].contains(name);
        let (reached, failed): (Vec<_>, Vec<_>) =
            checker.discoveries().into_iter().partition(|(name, _)| reachable(name));
        let counterexamples: Vec<_> = failed.into_iter().map(trace).collect();
        Found {
            states: checker.state_count(),
            unique: checker.unique_state_count(),
            depth: checker.max_depth(),
            steps: memo.taken(),
            time,
            closed: counterexamples.is_empty() && time < limit,
            reached: reached.into_iter().map(|(name, _)| name).collect(),
            counterexamples,
        }
    }

    fn apply(&self, step: &mut Step<'_>, state: &State, action: Action, input: &Input) {
        match (action, input) {
            (Action::Send(side), _) => step.accept(state.next_message(&self.bounds, side)),
            (Action::Done(_), _) => step.done(),
            (Action::Commit(_), _) => step.commit(),
            (Action::Wake(_), _) => step.wake(),
            (Action::Connect(_), Input::Conn(conn)) => step.connected(*conn),
            (Action::Deliver(conn, _), Input::Call(message)) => step.called(conn, message),
            (Action::Deliver(conn, _), Input::Message(message)) => step.received(conn, message),
            (Action::Hear(conn, _) | Action::Cut(conn, _), _) => step.disconnected(conn),
            (Action::NoConnection(_), _) => step.not_connected(),
            (Action::Fail(_, kept), _) => step.fail(kept),
            (Action::Crash(_, kept), _) => step.crash(kept),
            (Action::RollBack(_), Input::Store(copy)) => step.roll_back(Arc::clone(&copy.durable)),
            (Action::Connect(_) | Action::Deliver(..) | Action::Copy(_) | Action::RollBack(_), _) => {
                step.breaks(Broken::Unexpected("an input for nobody"));
            }
        }
    }

    fn take(&self, state: &State, action: Action, input: &Input) -> Option<Arc<Outcome>> {
        let side = action.side();
        let (node, site) = (state.nodes.get(side)?, self.sites.get(side)?);
        let mut hasher = SipHasher13::new();
        (action, input, state.next_message(&self.bounds, side)).hash(&mut hasher);
        self.memo.recall(side, (node.fingerprint, hasher.finish128().into()), || {
            let mut step = Node::clone(node).step(site);
            self.apply(&mut step, state, action, input);
            step.finish()
        })
    }
}

/// What comes with an action.
#[derive(Debug, Hash)]
enum Input {
    None,
    Conn(ConnId),
    Call(Message),
    Message(Message),
    Store(Copy),
}

impl State {
    /// The message that the agent of a side sends next.
    fn next_message(&self, bounds: &Bounds, side: usize) -> u8 {
        let of = |all: &[u8; 2]| all.get(side).copied().unwrap_or(0);
        of(&bounds.messages).saturating_sub(of(&self.left.messages))
    }

    /// What an action uses up, and what it brings with it. `None`: the link is not told.
    fn prepare(&mut self, action: Action) -> Option<Input> {
        match action {
            Action::Send(side) => *self.left.messages.get_mut(side)? -= 1,
            Action::Connect(side) => {
                *self.dialing.get_mut(side)? = false;
                return Some(Input::Conn(self.wires.connect(side)));
            }
            Action::NoConnection(side) => {
                self.pay(|faults| &mut faults.cuts);
                *self.dialing.get_mut(side)? = false;
            }
            Action::Deliver(conn, side) => {
                let wire = self.wires.get_mut(conn)?;
                let message = wire.ends.get_mut(side)?.queue.pop_front()?;
                let first = wire.dialer != side && !std::mem::replace(&mut wire.called, true);
                return Some(if first { Input::Call(message) } else { Input::Message(message) });
            }
            Action::Cut(conn, side) => {
                self.pay(|faults| &mut faults.cuts);
                return self.disconnect(conn, side);
            }
            Action::Hear(conn, side) => return self.disconnect(conn, side),
            Action::Fail(side, _) => {
                self.pay(|faults| &mut faults.fails);
                *self.dialing.get_mut(side)? = false;
            }
            Action::Crash(side, _) => {
                self.pay(|faults| &mut faults.crashes);
                self.gone(side)?;
            }
            Action::Copy(side) => {
                self.left.copies -= 1;
                *self.copies.get_mut(side)? = self.nodes.get(side).map(|node| Copy::of(&node.durable));
                return None;
            }
            Action::RollBack(side) => {
                let copy = self.copies.get_mut(side)?.take()?;
                self.pay(|faults| &mut faults.rollbacks);
                self.gone(side)?;
                return Some(Input::Store(copy));
            }
            Action::Wake(side) => self.pay_for_waking(side),
            Action::Done(_) | Action::Commit(_) => {}
        }
        Some(Input::None)
    }

    /// A fault uses up one of its kind. After the last of all kinds it does not matter which there could have been.
    fn pay(&mut self, of: impl Fn(&mut Faults) -> &mut u8) {
        let left = &mut self.left;
        *of(&mut left.faults) -= 1;
        left.together -= 1;
        if left.together == 0 {
            (left.faults, left.copies) = (Faults::default(), 0);
            self.copies = [None, None];
        }
    }

    fn disconnect(&mut self, conn: ConnId, side: usize) -> Option<Input> {
        let wire = self.wires.get(conn)?;
        let known = wire.dialer == side || wire.called;
        self.wires.close(conn, side);
        known.then_some(Input::None)
    }

    /// A side loses its connections without a word, and what it has asked for.
    fn gone(&mut self, side: usize) -> Option<()> {
        self.wires.close_all(side);
        *self.dialing.get_mut(side)? = false;
        Some(())
    }

    /// A deadline that comes within bounds uses them up.
    fn pay_for_waking(&mut self, side: usize) {
        match self.nodes.get(side).and_then(|node| node.link.poll_timeout()).map(|(_, kind)| kind) {
            None | Some(TimerKind::LoneAck) => {}
            Some(TimerKind::Dial) => self.left.crossings -= u8::from(self.would_cross(side)),
            Some(TimerKind::Planned) => self.left.replacements -= 1,
            Some(_) => self.pay(|faults| &mut faults.timeouts),
        }
    }

    fn take_outcome(&mut self, side: usize, outcome: &Outcome) {
        if let Some(node) = self.nodes.get_mut(side) {
            *node = Arc::clone(&outcome.node);
        }
        self.broken = self.broken.or(outcome.broken);
        for out in &outcome.outs {
            match out {
                Out::Connect => {
                    if let Some(dialing) = self.dialing.get_mut(side) {
                        *dialing = true;
                    }
                }
                Out::Sent(conn, message) => {
                    if !self.wires.send(*conn, side, message.clone()) {
                        self.broken = self.broken.or(Some(Broken::Unexpected("bytes in a connection that is closed")));
                    }
                }
                Out::Close(conn) => {
                    self.wires.close(*conn, side);
                }
            }
        }
    }
}

impl Model for Exhaust {
    type State = State;
    type Action = Action;

    fn init_states(&self) -> Vec<State> {
        let starts = self.sites.each_ref().map(|site| Node::start(site).finish());
        let [one, two] = starts.map(|(node, outs, broken)| Arc::new(Outcome { node: Arc::new(node), outs, broken }));
        let Bounds { messages, faults, together, replacements, crossings, .. } = self.bounds;
        // None is left where none may be, nor copies for none.
        let together = together.min(faults.total());
        let faults = if together == 0 { Faults::default() } else { faults };
        let copies = faults.rollbacks;
        let mut state = State {
            nodes: [Arc::clone(&one.node), Arc::clone(&two.node)],
            wires: Wires::default(),
            copies: [None, None],
            dialing: [false; 2],
            left: Left { messages, faults, together, copies, replacements, crossings },
            broken: None,
        };
        state.take_outcome(0, &one);
        state.take_outcome(1, &two);
        vec![state]
    }

    fn actions(&self, state: &State, actions: &mut Vec<Action>) {
        state.actions(actions);
    }

    fn next_state(&self, state: &State, action: Action) -> Option<State> {
        let mut next = state.clone();
        if let Some(input) = next.prepare(action) {
            let outcome = self.take(state, action, &input)?;
            next.take_outcome(action.side(), &outcome);
        }
        Some(next)
    }

    fn properties(&self) -> Vec<Property<Self>> {
        vec![
            Property::always("nothing happens that must never happen", |_, state: &State| state.broken.is_none()),
            Property::always("what is acked is durable at the peer", |_, state: &State| state.acked_is_durable()),
            Property::always("no loss is found where no store went back", |_, state: &State| {
                !state.is_diagnosed() || state.has_rolled_back()
            }),
            Property::always("what comes to rest is complete, or a loss was found", |model: &Self, state: &State| {
                let mut actions = Vec::new();
                model.actions(state, &mut actions);
                let due = actions.iter().any(|action| action.is_due());
                due || state.broken.is_some() || state.is_diagnosed() || state.is_complete()
            }),
            Property::always("sides stop making handshakes", |model: &Self, state: &State| {
                state.nodes.iter().all(|node| node.fresh <= u64::from(model.bounds.handshakes))
            }),
            Property::sometimes(COMPLETE, |_, state: &State| state.left.messages == [0, 0] && state.is_complete()),
            Property::sometimes(LOSS, |_, state: &State| state.is_diagnosed()),
        ]
    }
}
