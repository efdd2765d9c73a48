//! What memory a process takes.

use std::fs;
use std::io;

/// Bytes that a process has in memory; `self` is this one.
///
/// # Errors
/// There is no such process, or this system does not tell.
pub fn resident(process: &str) -> io::Result<u64> {
    field(process, "VmRSS:")
}

/// The most bytes that this process has ever had in memory.
///
/// # Errors
/// This system does not tell.
pub fn peak() -> io::Result<u64> {
    field("self", "VmHWM:")
}

fn field(process: &str, name: &str) -> io::Result<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status"))?;
    let line = status.lines().find_map(|line| line.strip_prefix(name));
    let kilobytes = line.and_then(|line| line.trim().trim_end_matches(" kB").trim().parse::<u64>().ok());
    kilobytes.map(|kilobytes| kilobytes << 10).ok_or_else(|| io::ErrorKind::Unsupported.into())
}
