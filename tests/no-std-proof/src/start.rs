//! Entry, exit and panic.

use core::arch::{asm, naked_asm};
use core::panic::PanicInfo;

/// What a panic exits with; checks of the exercise exit with smaller numbers.
const PANICKED: u8 = 255;

/// The kernel jumps here with the stack pointer aligned to 16 bytes and no return address.
///
/// # Safety
/// For the kernel alone.
#[unsafe(no_mangle)]
#[unsafe(naked)]
unsafe extern "C" fn _start() -> ! {
    // The call leaves the stack as the calling convention wants it: aligned to 16 bytes before the return address.
    naked_asm!("xor ebp, ebp", "and rsp, -16", "call {run}", "ud2", run = sym run)
}

extern "C" fn run() -> ! {
    exit(crate::exercise::exercise())
}

fn exit(code: u8) -> ! {
    // SAFETY: `exit_group` (231) takes one number, touches no memory and does not return.
    unsafe { asm!("syscall", in("rax") 231, in("rdi") u64::from(code), options(noreturn, nostack)) }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    exit(PANICKED)
}

/// The precompiled `core` names this in its tables for unwinding. Nothing unwinds here, so nothing calls it.
#[unsafe(no_mangle)]
extern "C" fn rust_eh_personality() -> ! {
    exit(PANICKED)
}
