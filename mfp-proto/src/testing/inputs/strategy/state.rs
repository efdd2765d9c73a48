use proptest::prelude::*;
use proptest::sample::select;

use super::super::build;
use crate::agents::{AgentState, Tool, Transition};
use crate::crypto::aead::Suite;
use crate::frame::Depth;
use crate::local::Freeze;
use crate::runtime::{CommitFailed, Outcome};
use crate::store::{Side, Undelivered};

/// Every [`Depth`]; more often the least, the default or the greatest.
pub fn depth() -> impl Strategy<Value = Depth> {
    prop_oneof![select(std::vec![Depth::MIN, Depth::default(), Depth::MAX]), (0..31_u8).prop_map(build::depth)]
}

/// Every [`Suite`], also one that a back end may lack.
pub fn suite() -> impl Strategy<Value = Suite> {
    select(&[Suite::ChaCha20Poly1305, Suite::Aes256Gcm][..])
}

/// Either [`Side`].
pub fn side() -> impl Strategy<Value = Side> {
    select(&[Side::First, Side::Second][..])
}

/// Every [`Freeze`], of no cause to all three.
pub fn freeze() -> impl Strategy<Value = Freeze> {
    any::<[bool; 3]>().prop_map(build::freeze)
}

/// Either [`Outcome`].
pub fn outcome() -> impl Strategy<Value = Outcome> {
    select(&[Outcome::Done, Outcome::Failed][..])
}

/// Either [`Undelivered`].
pub fn undelivered() -> impl Strategy<Value = Undelivered> {
    select(&[Undelivered::AttemptsExhausted, Undelivered::ChannelClosed][..])
}

/// What a store says of a batch; more often that it is durable.
pub fn persisted() -> impl Strategy<Value = Result<(), CommitFailed>> {
    prop_oneof![3 => Just(Ok(())), 1 => Just(Err(CommitFailed))]
}

/// Every [`AgentState`].
pub fn agent_state() -> impl Strategy<Value = AgentState> {
    use AgentState::{Active, Binding, Bound, Quarantined, Terminated, Unregistered};
    select(&[Unregistered, Binding, Bound, Active, Quarantined, Terminated][..])
}

/// Every [`Transition`].
pub fn transition() -> impl Strategy<Value = Transition> {
    use Transition::{Bind, Bound, Close, Fail, Open, Quarantine, Restore, Terminate, Unbind};
    prop_oneof![
        7 => select(&[Bind, Bound, Fail, Open, Quarantine, Unbind, Terminate][..]),
        2 => any::<bool>().prop_map(|left| Close { left }),
        2 => any::<bool>().prop_map(|channels| Restore { channels }),
    ]
}

/// Every [`Tool`].
pub fn tool() -> impl Strategy<Value = Tool> {
    select(&[Tool::Send, Tool::Channels, Tool::Status][..])
}
