//! Grants of credit that are still to be told (section 8, "Credit").

use super::parts::Storage;
use super::{Link, push_id};
use crate::id::ChannelId;
use crate::link::storage::{Queue, Table};

impl<S: Storage> Link<S> {
    /// Whether the peer is told of the credit that it has. If not, its channels come to rest one after the other (section 8,
    /// "Credit"). At first it is.
    pub fn set_granting(&mut self, grants: bool) {
        self.withholds = !grants;
    }

    /// A grant is to be told, if there is one.
    pub(super) fn note_grant(&mut self, channel: &ChannelId) {
        if self.live().is_none() {
            return;
        }
        let Some(entry) = self.channels.get_mut(channel) else { return };
        let due = entry.state.bind.is_some()
            && !entry.state.phase.is_closing()
            && entry.state.receives.poll_grant().is_some();
        if due && !core::mem::replace(&mut entry.granting, true) {
            push_id(&mut self.grants, &self.channels, *channel);
        }
    }

    /// The first channel with a grant to tell, and its limit.
    pub(super) fn next_grant(&self) -> Option<(ChannelId, u64)> {
        if self.withholds {
            return None;
        }
        let mut ids = (0..self.grants.len()).filter_map(|at| self.grants.get(at));
        ids.find_map(|id| Some((*id, self.channels.get(id)?.state.receives.poll_grant()?)))
    }

    /// The grant of this channel has gone, and those before it are of channels that have none to tell.
    pub(super) fn granted(&mut self, channel: &ChannelId) {
        if let Some(entry) = self.channels.get_mut(channel) {
            entry.state.receives.handle_granted();
        }
        while let Some(id) = self.grants.pop_front() {
            if let Some(entry) = self.channels.get_mut(&id) {
                entry.granting = false;
            }
            if id == *channel {
                return;
            }
        }
    }
}
