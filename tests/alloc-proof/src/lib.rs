//! An allocator that counts, thread by thread.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

thread_local! {
    // Initialised by the compiler and never dropped, so that counting itself does not allocate.
    static ALLOCATED: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, and a count of the bytes that each thread has asked it for.
#[derive(Debug)]
pub struct Counting;

fn count(bytes: usize) {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    // A thread that is ending counts no more.
    let _ = ALLOCATED.try_with(|allocated| allocated.set(allocated.get().saturating_add(bytes)));
}

// SAFETY: every call goes to the system's allocator as it came; the count touches no memory of the caller's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's promise is passed on; the block came from there.
        unsafe { System.dealloc(block, layout) }
    }
}

/// What `work` returns, and the bytes that it has allocated on this thread. Counts only where [`Counting`] is the global
/// allocator.
pub fn allocated_by<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let before = ALLOCATED.get();
    let result = work();
    (result, ALLOCATED.get() - before)
}
