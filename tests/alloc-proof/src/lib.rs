//! An allocator that counts, thread by thread.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::thread::LocalKey;

thread_local! {
    // Initialised by the compiler and never dropped, so that counting itself does not allocate.
    static ALLOCATED: Cell<u64> = const { Cell::new(0) };
    static FREED: Cell<u64> = const { Cell::new(0) };
}

/// The system's allocator, and a count of the bytes that each thread has asked it for.
#[derive(Debug)]
pub struct Counting;

fn count(counter: &'static LocalKey<Cell<u64>>, bytes: usize) {
    let bytes = u64::try_from(bytes).unwrap_or(u64::MAX);
    // A thread that is ending counts no more.
    let _ = counter.try_with(|counted| counted.set(counted.get().saturating_add(bytes)));
}

// SAFETY: every call goes to the system's allocator as it came; the count touches no memory of the caller's.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(&ALLOCATED, layout.size());
        // SAFETY: the caller's promise is passed on.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(&FREED, layout.size());
        // SAFETY: the caller's promise is passed on; the block came from there.
        unsafe { System.dealloc(block, layout) }
    }
}

/// What `work` returns, and the bytes that it has allocated on this thread and not freed. Counts only where [`Counting`] is
/// the global allocator.
pub fn held_by<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let before = (ALLOCATED.get(), FREED.get());
    let result = work();
    (result, (ALLOCATED.get() - before.0).saturating_sub(FREED.get() - before.1))
}

/// What `work` returns, and the bytes that it has allocated on this thread. Counts only where [`Counting`] is the global
/// allocator.
pub fn allocated_by<T>(work: impl FnOnce() -> T) -> (T, u64) {
    let before = ALLOCATED.get();
    let result = work();
    (result, ALLOCATED.get() - before)
}
