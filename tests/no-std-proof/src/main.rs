//! A program for bare x86-64 Linux: no std, no libc, no start files, and an allocator only with the feature `alloc`.
//!
//! It links only if nothing below it needs more, and exits with 0 only if the protocol's constructions work there.
#![no_std]
#![no_main]

#[cfg(any(feature = "alloc", feature = "let-in-alloc"))]
extern crate alloc;

#[cfg(feature = "alloc")]
mod bump;
mod exercise;
mod host;
mod inside;
mod links;
mod memory;
mod peers;
mod start;
