//! What an attacker tries (section 14). Each test shows which check refuses it, that this check's counter alone has risen,
//! and that no byte of state has changed.
#![allow(clippy::unwrap_used, clippy::panic, reason = "what fails here is a bug of a test")]

mod handshake;
mod keys;
mod rotation;
mod session;

use mfp_proto::crypto::dh::PublicKey;

/// The x-coordinates of low order on the curve and its twist, with and without the ignored top bit, and those that are
/// not reduced (0, 1, the two of order 8, p - 1, p, p + 1).
fn low_order() -> Vec<PublicKey> {
    let mut points = vec![[0; 32], [0; 32]];
    points[1][0] = 1;
    for text in [
        "e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800",
        "5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157",
        "ecffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "edffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
        "eeffffffffffffffffffffffffffffffffffffffffffffffffffffffffffff7f",
    ] {
        points.push(hex::decode(text).unwrap().try_into().unwrap());
    }
    let with_top_bit: Vec<_> = points.iter().map(|point| flipped(point, 31 * 8)).collect();
    [points, with_top_bit].concat().into_iter().map(PublicKey::from_bytes).collect()
}

/// `bytes` with one bit flipped; bits count from the first byte's highest.
fn flipped<const LEN: usize>(bytes: &[u8; LEN], bit: usize) -> [u8; LEN] {
    let mut bytes = *bytes;
    bytes[bit / 8] ^= 0x80 >> (bit % 8);
    bytes
}
