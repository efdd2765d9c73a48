//! Inputs that are given while another thread has the core.
//!
//! A thread that works on what it has read may have the core for as long as a hundred messages take. Nobody waits for that
//! who wants nothing back at once: the input is posted, and whoever has the core takes it before it lets go.

use std::mem;
use std::sync::atomic::{AtomicBool, Ordering, fence};
use std::sync::{Mutex, PoisonError};

use mfp_proto::id::AgentId;
use mfp_proto::runtime::{DeliveryId, Outcome};

use crate::send::{Direction, Kept, Waiter};

/// An input that needs no answer at once.
pub(crate) enum Input {
    /// A message, and whether it may wait for room.
    Send(Direction, Box<Kept>, Waiter, bool),
    /// An agent is through with a message.
    Processed(DeliveryId, AgentId, Outcome),
}

/// Inputs in the order in which they were given.
#[derive(Default)]
pub(crate) struct Posted {
    inputs: Mutex<Vec<Input>>,
    any: AtomicBool,
}

impl Posted {
    /// Then whoever gives it has to see whether the core is free: either that thread takes it, or the one that has the core
    /// sees that there is [something](Self::any) once it has let go.
    pub(crate) fn push(&self, input: Input) {
        self.inputs.lock().unwrap_or_else(PoisonError::into_inner).push(input);
        self.any.store(true, Ordering::Release);
    }

    /// Whether there are any. To be asked after the core was let go, and before it is tried.
    pub(crate) fn any(&self) -> bool {
        // One of two threads must see what the other has done: this one the input, or that one the free core.
        fence(Ordering::SeqCst);
        self.any.load(Ordering::Acquire)
    }

    /// All of them.
    pub(crate) fn take(&self) -> Vec<Input> {
        if !self.any.load(Ordering::Acquire) {
            return Vec::new();
        }
        let mut inputs = self.inputs.lock().unwrap_or_else(PoisonError::into_inner);
        self.any.store(false, Ordering::Release);
        mem::take(&mut *inputs)
    }
}
