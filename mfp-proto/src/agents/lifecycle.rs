use core::fmt;

/// The state of an agent. An agent cannot change it: every transition is the runtime's.
///
/// ```text
///                 ┌───────── Restore ──────────┐
/// Unregistered    │                            │
///    │ Bind       ▼        Open                │
///    ▼   Bound ─────► Bound ◄────► Active ──► Quarantined
/// Binding ───────────┘      Close                │
///    └──── Unbind, Terminate, Fail ──────► Terminated
/// ```
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AgentState {
    /// Before the first [`Transition::Bind`].
    #[default]
    Unregistered,
    /// Taken, and not yet durable.
    Binding,
    /// Durable, without a channel.
    Bound,
    /// With at least one channel.
    Active,
    /// Every call of the agent is refused, and its channels are frozen.
    Quarantined,
    /// Gone. Its id is never used again.
    Terminated,
}

/// What can happen to an agent.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transition {
    /// It is taken under a name.
    Bind,
    /// Its record is durable.
    Bound,
    /// Its record could not be made durable.
    Fail,
    /// A channel of it was opened.
    Open,
    /// A channel of it was closed; `left` tells whether it has another.
    Close {
        /// Whether a channel is left.
        left: bool,
    },
    /// It is quarantined.
    Quarantine,
    /// Its quarantine is lifted; `channels` tells whether it has any.
    Restore {
        /// Whether it has a channel.
        channels: bool,
    },
    /// Its owner gives it up. Not out of quarantine: that would be a way round it.
    Unbind,
    /// The operator ends it, in whatever state it is.
    Terminate,
}

/// This transition does not exist in this state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Forbidden {
    /// The state.
    pub state: AgentState,
    /// The transition that was asked for.
    pub transition: Transition,
}

impl AgentState {
    /// The state after `transition`.
    ///
    /// # Errors
    /// [`Forbidden`] if there is no such transition; the state stays.
    pub const fn apply(self, transition: Transition) -> Result<Self, Forbidden> {
        use AgentState::{Active, Binding, Bound, Quarantined, Terminated, Unregistered};
        Ok(match (self, transition) {
            (Unregistered, Transition::Bind) => Binding,
            (Binding, Transition::Bound)
            | (Active, Transition::Close { left: false })
            | (Quarantined, Transition::Restore { channels: false }) => Bound,
            (Bound | Active, Transition::Open)
            | (Active, Transition::Close { left: true })
            | (Quarantined, Transition::Restore { channels: true }) => Active,
            (Bound | Active, Transition::Quarantine) | (Quarantined, Transition::Close { .. }) => Quarantined,
            (Binding, Transition::Fail | Transition::Unbind | Transition::Terminate)
            | (Bound | Active, Transition::Unbind | Transition::Terminate)
            | (Quarantined, Transition::Terminate) => Terminated,
            (state, transition) => return Err(Forbidden { state, transition }),
        })
    }
}

impl fmt::Display for Forbidden {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?} is not possible for an agent that is {:?}", self.transition, self.state)
    }
}

impl core::error::Error for Forbidden {}

#[cfg(test)]
mod tests {
    use super::AgentState::{Active, Binding, Bound, Quarantined, Terminated, Unregistered};
    use super::*;

    #[test]
    fn the_whole_table() {
        use Transition as T;
        let states = [Unregistered, Binding, Bound, Active, Quarantined, Terminated];
        let rows: [(Transition, [Option<AgentState>; 6]); 11] = [
            (T::Bind, [Some(Binding), None, None, None, None, None]),
            (T::Bound, [None, Some(Bound), None, None, None, None]),
            (T::Fail, [None, Some(Terminated), None, None, None, None]),
            (T::Open, [None, None, Some(Active), Some(Active), None, None]),
            (T::Close { left: true }, [None, None, None, Some(Active), Some(Quarantined), None]),
            (T::Close { left: false }, [None, None, None, Some(Bound), Some(Quarantined), None]),
            (T::Quarantine, [None, None, Some(Quarantined), Some(Quarantined), None, None]),
            (T::Restore { channels: true }, [None, None, None, None, Some(Active), None]),
            (T::Restore { channels: false }, [None, None, None, None, Some(Bound), None]),
            (T::Unbind, [None, Some(Terminated), Some(Terminated), Some(Terminated), None, None]),
            (T::Terminate, [None, Some(Terminated), Some(Terminated), Some(Terminated), Some(Terminated), None]),
        ];
        for (transition, row) in rows {
            for (state, expected) in states.into_iter().zip(row) {
                assert_eq!(state.apply(transition).ok(), expected, "{state:?} {transition:?}");
            }
        }
    }
}
