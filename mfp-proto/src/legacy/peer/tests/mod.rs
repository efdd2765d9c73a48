mod conversation;
mod refusal;
mod rekey;

use std::vec;
use std::vec::Vec;

use super::*;
use crate::crypto::aead::RustCrypto;
use crate::legacy::identity::runtime_id;
use crate::wire::HEADER_LEN;

type TestPeer = Peer<4>;

const CHANNELS: [ChannelId; 3] =
    [ChannelId::from_bytes([1; 16]), ChannelId::from_bytes([2; 16]), ChannelId::from_bytes([3; 16])];
const MAX_PAYLOAD: u32 = 2_000;

fn depth(blocks: u8) -> Depth {
    Depth::new(blocks).unwrap()
}

fn config(aead: &'static dyn Aead) -> [Config; 2] {
    let [own, peer] = [b"one", b"two"].map(|name| runtime_id(b"example.org", name).unwrap());
    [(own, peer), (peer, own)].map(|(own, peer)| Config { own, peer, max_payload: MAX_PAYLOAD, aead })
}

/// The two ends of a pair, with three channels of different depths.
fn pair_with(aead: &'static dyn Aead, ceremony: bool) -> [TestPeer; 2] {
    let keys = [[8; 32], [9; 32]].map(StaticSecret::from_bytes);
    let publics = keys.each_ref().map(StaticSecret::public);
    let [one, other] = config(aead);
    let ends = [(one, &keys[0], &publics[1]), (other, &keys[1], &publics[0])];
    ends.map(|(config, private, public)| {
        let bootstrap = if ceremony { Bootstrap::Ceremonial { private, public } } else { Bootstrap::Deterministic };
        let mut peer = TestPeer::insecure_v1(config, bootstrap).unwrap();
        for (id, blocks) in CHANNELS.into_iter().zip([2, 4, 32]) {
            peer.open_channel(id, depth(blocks)).unwrap();
        }
        peer
    })
}

fn pair() -> [TestPeer; 2] {
    pair_with(&RustCrypto, false)
}

/// The bytes of the next message.
fn sent(peer: &mut TestPeer, channel: &ChannelId, payload: &[u8]) -> Vec<u8> {
    let mut out = vec![0; 64 + 32 * 32 + MAX_PAYLOAD as usize + 16];
    let len = peer.send(channel, payload, &mut out).unwrap();
    out.truncate(len);
    out
}

/// The payload of a message that comes whole.
fn taken(peer: &mut TestPeer, mut wire: Vec<u8>) -> Vec<u8> {
    peer.handle_message(&mut wire).unwrap().payload.to_vec()
}
