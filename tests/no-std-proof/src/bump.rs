//! The smallest allocator there is: it hands out one arena and takes nothing back.

use core::alloc::{GlobalAlloc, Layout};
use core::cell::UnsafeCell;
use core::ptr;
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};

const ARENA: usize = 1 << 20;

#[repr(align(4096))]
struct Bump {
    arena: UnsafeCell<[u8; ARENA]>,
    used: AtomicUsize,
}

// SAFETY: no two callers get the same bytes, since `used` is advanced atomically.
unsafe impl Sync for Bump {}

// SAFETY: every block lies in the arena, aligned and apart from all others, or is null.
unsafe impl GlobalAlloc for Bump {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let block = self.used.fetch_update(Relaxed, Relaxed, |used| {
            let start = used.checked_next_multiple_of(layout.align())?;
            start.checked_add(layout.size()).filter(|end| *end <= ARENA)
        });
        match block {
            // The arena is aligned to a page, so that an offset is as aligned as its address. Larger ones are refused.
            Ok(used) if layout.align() <= 4096 => {
                self.arena.get().cast::<u8>().wrapping_add(used.next_multiple_of(layout.align()))
            }
            _ => ptr::null_mut(),
        }
    }

    unsafe fn dealloc(&self, _: *mut u8, _: Layout) {}
}

#[global_allocator]
static BUMP: Bump = Bump { arena: UnsafeCell::new([0; ARENA]), used: AtomicUsize::new(0) };
