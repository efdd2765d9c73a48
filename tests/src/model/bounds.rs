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
    /// Faults, at either side together.
    pub faults: Faults,
    /// Sessions that are replaced because of their age (section 5, planned handshake).
    pub replacements: u8,
    /// Attempts to connect that meet one of the other side.
    pub crossings: u8,
}

/// How many faults of each kind there are at most, at either side.
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
}

impl Default for Bounds {
    fn default() -> Self {
        Self {
            messages: [1, 1],
            dials: vec![0, 1],
            credit: NonZeroU16::MIN,
            faults: Faults::default(),
            replacements: 0,
            crossings: 1,
        }
    }
}

impl fmt::Display for Bounds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { messages: [one, other], dials, credit, faults, replacements, crossings } = self;
        let Faults { crashes, cuts, fails, rollbacks, timeouts } = faults;
        write!(f, "{one}+{other} messages, dialled by {dials:?}, credit {credit}; at most {crashes} crashes, {cuts} cuts, ")?;
        write!(f, "{fails} failed commits, {rollbacks} rollbacks, {timeouts} timeouts, {replacements} replacements, ")?;
        write!(f, "{crossings} crossings")
    }
}
