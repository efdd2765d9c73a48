//! What follows from the room that the store has left (section 8, "Bounds").

use alloc::vec::Vec;

use super::Runtime;
use super::peer::Peer;
use crate::time::Instant;

/// The store is short of room with less than one part in so many left, so that what peers have credit for still fits.
const SHORT: u64 = 4;
/// With less than one in so many it takes nothing more.
const FULL: u64 = 16;

/// How much room the store has.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Room {
    Full,
    Short,
    #[default]
    Enough,
}

impl Runtime {
    /// The store has `left` of the `whole` that it takes for messages and items, in bytes or any other measure. A driver
    /// says so when its store has a limit, after each commit.
    ///
    /// With less than a quarter left, own agents' messages are [`Full`](super::SendError::Full), and peers get no more credit: their
    /// channels come to rest, and whatever frees room goes on. With less than a sixteenth, [`takes_input`](Self::takes_input)
    /// is false.
    pub fn handle_room(&mut self, now: Instant, left: u64, whole: u64) {
        self.advance_clock(now);
        let room = if left <= whole / FULL {
            Room::Full
        } else if left <= whole / SHORT {
            Room::Short
        } else {
            Room::Enough
        };
        if core::mem::replace(&mut self.room, room) == room {
            return;
        }
        let grants = self.grants_credit();
        let slots: Vec<u32> = self.peers.iter().map(|(slot, _)| slot).collect();
        for slot in slots {
            if let Some(link) = self.peers.get_mut(slot).and_then(Peer::link_mut) {
                link.set_granting(grants);
            }
            self.touch(slot);
        }
    }

    /// Whether a driver should read from connections. If not, it asks again after the next commit.
    pub const fn takes_input(&self) -> bool {
        !matches!(self.room, Room::Full)
    }

    /// Whether there is room for messages of own agents.
    pub const fn takes_messages(&self) -> bool {
        matches!(self.room, Room::Enough)
    }

    /// Whether peers get more credit.
    pub(super) const fn grants_credit(&self) -> bool {
        self.takes_messages()
    }
}
