//! How far a search goes.

use std::fmt;
use std::num::NonZeroU16;

/// What happens in a run, at most. Within these bounds every order of what can happen is visited.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Bounds {
    /// Messages of each side.
    pub messages: [u8; 2],
    /// Which sides connect: 0, 1 or both.
    pub dials: Vec<u8>,
    /// `chan_items` of both sides.
    pub credit: NonZeroU16,
    /// Whether agents are done with a message as soon as it comes. Else that takes as long as it takes.
    pub prompt: bool,
    /// Faults of each kind, at either side.
    pub faults: Faults,
    /// Faults of all kinds together.
    pub together: u8,
    /// Sessions that are replaced because of their age (section 5, planned handshake).
    pub replacements: u8,
    /// Attempts to connect that meet one of the other side.
    pub crossings: u8,
    /// Handshakes of which one side has a part. More are a fault of the links: they never stop.
    pub handshakes: u8,
}

/// How many faults there are of each kind, at most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct Faults {
    /// Power is lost. Of what was under way to the store any first part is durable.
    pub crashes: u8,
    /// A connection is lost at one side, or cannot be made. The other side gets any first part of what was under way.
    pub cuts: u8,
    /// A commit fails, with all after it; the first may be durable all the same.
    pub fails: u8,
    /// A store goes back to what it had been at any earlier moment.
    pub rollbacks: u8,
    /// A handshake takes too long for one side.
    pub timeouts: u8,
}

impl Faults {
    /// One of each kind but the last.
    pub const ALL: Self = Self { crashes: 1, cuts: 1, fails: 1, rollbacks: 1, timeouts: 0 };

    /// Of all kinds.
    pub fn total(&self) -> u8 {
        let Self { crashes, cuts, fails, rollbacks, timeouts } = *self;
        [crashes, cuts, fails, rollbacks, timeouts].into_iter().fold(0, u8::saturating_add)
    }
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            messages: [1, 1],
            dials: vec![0, 1],
            credit: NonZeroU16::MIN,
            prompt: false,
            faults: Faults::default(),
            together: u8::MAX,
            replacements: 0,
            crossings: 1,
            handshakes: 16,
        }
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { messages: [one, other], dials, credit, prompt, faults, together, replacements, crossings, .. } =
            self;
        let Faults { crashes, cuts, fails, rollbacks, timeouts } = faults;
        let agents = if *prompt { "prompt" } else { "slow" };
        write!(
            f,
            "{one}+{other} messages, dialled by {dials:?}, credit {credit}, agents {agents}; at most {crashes} crashes, "
        )?;
        write!(f, "{cuts} cuts, {fails} failed commits, {rollbacks} rollbacks, {timeouts} timeouts, ")?;
        write!(f, "{together} together, {replacements} replacements, {crossings} crossings")
    }
}
