//! The channels that a lane knows: what each is bound to, and its local state Sl.

use core::fmt;

#[cfg(feature = "alloc")]
use alloc::{boxed::Box, collections::BTreeMap};

use crate::crypto::Secret;
use crate::id::ChannelId;

/// One channel in one lane. Sl is erased on drop.
#[cfg_attr(any(test, feature = "testing"), derive(Clone, PartialEq, Eq))]
pub struct ChannelState {
    /// `bind_c` (section 11); `0^32` for the control channel.
    pub(super) bind: [u8; 32],
    /// Sl. `None` until the first message in the lane, and again after a switch (section 10).
    pub(super) local: Option<Secret>,
}

impl ChannelState {
    /// A channel that has carried nothing yet.
    pub const fn new(bind: [u8; 32]) -> Self {
        Self { bind, local: None }
    }
}

impl fmt::Debug for ChannelState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChannelState").field("used", &self.local.is_some()).finish_non_exhaustive()
    }
}

/// A table has no room for another channel. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TableFull;

/// Why a channel was not bound. Nothing has changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum BindError {
    /// The table is full: unbind a channel that is closed, or take a larger table.
    Full,
    /// The channel is bound already, or is the control channel. Ids are never used again (section 11).
    InUse,
}

impl fmt::Display for BindError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Full => "no room for another channel",
            Self::InUse => "channel id is in use",
        })
    }
}

impl core::error::Error for BindError {}

impl From<TableFull> for BindError {
    fn from(_: TableFull) -> Self {
        Self::Full
    }
}

/// Where a lane keeps its channels: [`FixedChannels`], or [`GrowingChannels`] with `alloc`.
pub trait ChannelTable: Default + fmt::Debug {
    /// The state of a channel.
    fn get(&self, channel: &ChannelId) -> Option<&ChannelState>;

    /// The state of a channel, to be changed.
    fn get_mut(&mut self, channel: &ChannelId) -> Option<&mut ChannelState>;

    /// Adds a channel, or replaces its state.
    ///
    /// # Errors
    /// [`TableFull`] if there is no room; nothing has changed.
    fn insert(&mut self, channel: ChannelId, state: ChannelState) -> Result<(), TableFull>;

    /// Removes a channel and erases its state. Nothing happens if it is not there.
    fn remove(&mut self, channel: &ChannelId);

    /// Calls `change` with the state of each channel.
    fn for_each(&mut self, change: impl FnMut(&mut ChannelState));
}

/// At most `N` channels, sorted by id, without an allocator. A lookup is a binary search.
#[derive(Debug, Default)]
#[cfg_attr(any(test, feature = "testing"), derive(Clone, PartialEq, Eq))]
pub struct FixedChannels<const N: usize> {
    entries: heapless::Vec<(ChannelId, ChannelState), N>,
}

impl<const N: usize> FixedChannels<N> {
    fn position(&self, channel: &ChannelId) -> Result<usize, usize> {
        self.entries.binary_search_by(|(id, _)| id.cmp(channel))
    }
}

impl<const N: usize> ChannelTable for FixedChannels<N> {
    fn get(&self, channel: &ChannelId) -> Option<&ChannelState> {
        self.position(channel).ok().and_then(|at| self.entries.get(at)).map(|(_, state)| state)
    }

    fn get_mut(&mut self, channel: &ChannelId) -> Option<&mut ChannelState> {
        self.position(channel).ok().and_then(|at| self.entries.get_mut(at)).map(|(_, state)| state)
    }

    fn insert(&mut self, channel: ChannelId, state: ChannelState) -> Result<(), TableFull> {
        match self.position(&channel) {
            Ok(at) => {
                if let Some((_, old)) = self.entries.get_mut(at) {
                    *old = state;
                }
                Ok(())
            }
            Err(at) => self.entries.insert(at, (channel, state)).map_err(|_| TableFull),
        }
    }

    fn remove(&mut self, channel: &ChannelId) {
        let Ok(at) = self.position(channel) else { return };
        // Moved to the end by swaps and dropped there, so that no copy of a state stays behind in a free place.
        if let Some(tail) = self.entries.get_mut(at..) {
            tail.rotate_left(1);
        }
        let kept = self.entries.len().saturating_sub(1);
        self.entries.truncate(kept);
    }

    fn for_each(&mut self, mut change: impl FnMut(&mut ChannelState)) {
        self.entries.iter_mut().for_each(|(_, state)| change(state));
    }
}

/// As many channels as memory holds. A state stays in one place until it is erased.
#[cfg(feature = "alloc")]
#[derive(Debug, Default)]
#[cfg_attr(any(test, feature = "testing"), derive(Clone, PartialEq, Eq))]
pub struct GrowingChannels {
    entries: BTreeMap<ChannelId, Box<ChannelState>>,
}

#[cfg(feature = "alloc")]
impl ChannelTable for GrowingChannels {
    fn get(&self, channel: &ChannelId) -> Option<&ChannelState> {
        self.entries.get(channel).map(AsRef::as_ref)
    }

    fn get_mut(&mut self, channel: &ChannelId) -> Option<&mut ChannelState> {
        self.entries.get_mut(channel).map(AsMut::as_mut)
    }

    fn insert(&mut self, channel: ChannelId, state: ChannelState) -> Result<(), TableFull> {
        self.entries.insert(channel, Box::new(state));
        Ok(())
    }

    fn remove(&mut self, channel: &ChannelId) {
        self.entries.remove(channel);
    }

    fn for_each(&mut self, mut change: impl FnMut(&mut ChannelState)) {
        self.entries.values_mut().for_each(|state| change(state));
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::collections::BTreeMap;
    use std::vec::Vec;

    use proptest::prelude::*;

    use super::*;

    fn id(n: u8) -> ChannelId {
        ChannelId::from_bytes([n; 16])
    }

    /// Runs `operations` on a table and on a plain map, and compares them after each.
    fn agrees<T: ChannelTable>(operations: &[(bool, u8, u8)], capacity: usize) {
        let mut table = T::default();
        let mut model = BTreeMap::new();
        for &(insert, channel, value) in operations {
            if insert {
                let fits = model.contains_key(&channel) || model.len() < capacity;
                assert_eq!(table.insert(id(channel), ChannelState::new([value; 32])).is_ok(), fits);
                if fits {
                    model.insert(channel, value);
                }
            } else {
                table.remove(&id(channel));
                model.remove(&channel);
            }
            for channel in 0..16 {
                let expected = model.get(&channel).map(|value| [*value; 32]);
                assert_eq!(table.get(&id(channel)).map(|state| state.bind), expected);
                assert_eq!(table.get_mut(&id(channel)).map(|state| state.bind), expected);
            }
            let mut seen = Vec::new();
            table.for_each(|state| seen.push(state.bind));
            assert_eq!(seen, model.values().map(|value| [*value; 32]).collect::<Vec<_>>());
        }
    }

    proptest! {
        #[test]
        fn tables_are_maps(operations in prop::collection::vec((any::<bool>(), 0..16_u8, any::<u8>()), 0..60)) {
            agrees::<FixedChannels<5>>(&operations, 5);
            #[cfg(feature = "alloc")]
            agrees::<GrowingChannels>(&operations, usize::MAX);
        }
    }
}
