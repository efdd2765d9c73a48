//! The memory functions that the compiler takes for granted.
//!
//! In assembly where a loop would be compiled into a call of the very function that it defines.

use core::arch::asm;

/// # Safety
/// As in C: both regions are valid for `n` bytes and do not overlap.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcpy(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    // SAFETY: copies exactly `n` bytes, upwards; the direction flag is clear by the calling convention.
    unsafe {
        asm!("rep movsb", inout("rcx") n => _, inout("rdi") to => _, inout("rsi") from => _, options(nostack, preserves_flags));
    }
    to
}

/// # Safety
/// As in C: both regions are valid for `n` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn memmove(to: *mut u8, from: *const u8, n: usize) -> *mut u8 {
    if (to as usize).wrapping_sub(from as usize) >= n {
        // SAFETY: `to` is before `from` or after its end, so that copying upwards reads each byte before it is written.
        return unsafe { memcpy(to, from, n) };
    }
    // SAFETY: copies exactly `n` bytes, downwards from the last, and clears the direction flag again. `n` is not 0 here.
    unsafe {
        asm!(
            "std", "rep movsb", "cld",
            inout("rcx") n => _, inout("rdi") to.wrapping_add(n - 1) => _, inout("rsi") from.wrapping_add(n - 1) => _,
            options(nostack),
        );
    }
    to
}

/// # Safety
/// As in C: the region is valid for `n` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn memset(to: *mut u8, byte: i32, n: usize) -> *mut u8 {
    let [byte, ..] = byte.to_le_bytes();
    // SAFETY: writes exactly `n` bytes, upwards.
    unsafe {
        asm!("rep stosb", inout("rcx") n => _, inout("rdi") to => _, in("al") byte, options(nostack, preserves_flags));
    }
    to
}

/// # Safety
/// As in C: both regions are valid for `n` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn memcmp(one: *const u8, other: *const u8, n: usize) -> i32 {
    for i in 0..n {
        // SAFETY: `i` is below `n`. Volatile, so that the loop stays a loop.
        let (a, b) = unsafe { (one.add(i).read_volatile(), other.add(i).read_volatile()) };
        if a != b {
            return i32::from(a) - i32::from(b);
        }
    }
    0
}

/// # Safety
/// As in C: both regions are valid for `n` bytes.
#[unsafe(no_mangle)]
unsafe extern "C" fn bcmp(one: *const u8, other: *const u8, n: usize) -> i32 {
    // SAFETY: the same contract.
    unsafe { memcmp(one, other, n) }
}
