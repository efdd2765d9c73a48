//! A bell that wakes one task.

use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use atomic_waker::AtomicWaker;

/// Rung by whoever has something for a task, heard by the task, once for any number of rings.
#[derive(Debug, Default)]
pub(crate) struct Bell {
    waker: AtomicWaker,
    rung: AtomicBool,
}

impl Bell {
    pub(crate) fn ring(&self) {
        if !self.rung.swap(true, Ordering::AcqRel) {
            self.waker.wake();
        }
    }

    /// Ready once it has been rung. Only one task may ask.
    pub(crate) fn poll_rung(&self, cx: &Context<'_>) -> Poll<()> {
        if self.rung.swap(false, Ordering::AcqRel) {
            return Poll::Ready(());
        }
        self.waker.register(cx.waker());
        if self.rung.swap(false, Ordering::AcqRel) { Poll::Ready(()) } else { Poll::Pending }
    }
}
