//! What is in a cell: the bytes of a record. Numbers are big-endian; what may be absent has a bit in the flags.

mod local;
mod read;
mod remote;

pub(crate) use local::{read_agent, read_channel, read_dead_letter, read_message, read_runtime};
pub(crate) use local::{write_agent, write_channel, write_dead_letter, write_message, write_runtime};
pub(crate) use read::{Malformed, Reader};
pub(crate) use remote::{COUNTS_LEN, read_counts, read_outbox, read_peer, read_remote_channel, read_session};
pub(crate) use remote::{write_counts, write_outbox, write_peer, write_remote_channel, write_session};

/// These bits, the first the lowest.
fn flags<const N: usize>(bits: [bool; N]) -> u8 {
    bits.iter().rev().fold(0, |flags, bit| (flags << 1) | u8::from(*bit))
}

/// The opposite of [`flags`]; fails if a bit beyond them is set.
fn bits<const N: usize>(flags: u8) -> Result<[bool; N], Malformed> {
    if u32::from(flags) >> N != 0 {
        return Err(Malformed);
    }
    Ok(std::array::from_fn(|bit| flags >> bit & 1 == 1))
}
