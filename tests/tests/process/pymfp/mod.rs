//! Version 1 with its public implementation, pymfp 1.0.0 from PyPI, over TCP on the loopback interface: its own transport
//! carries what we send to its agents, and its own client what they send to us.

mod process;

use std::io::{Read as _, Write as _};
use std::net::{Ipv4Addr, TcpListener, TcpStream};

use mfp_proto::crypto::aead::{Aead, Ring, RustCrypto};
use mfp_proto::crypto::dh::{PublicKey, StaticSecret};
use mfp_proto::crypto::rng::Rng;
use mfp_proto::frame::Depth;
use mfp_proto::id::{ChannelId, RuntimeId};
use mfp_proto::legacy::rotation::{RekeyAccept, RekeyRequest};
use mfp_proto::legacy::{Bootstrap, Config, Input, Peer, WARNING, identity};
use serde_json::{Value, json};

use self::process::{Installed, Python};
use crate::node::LONG;

const EACH_WAY: u32 = 200;
const MAX_PAYLOAD: u32 = 64 * 1024;
const CHANNELS: [ChannelId; 2] = [ChannelId::from_bytes([0x11; 16]), ChannelId::from_bytes([0xee; 16])];

fn unhex<const N: usize>(value: &Value) -> [u8; N] {
    hex::decode(value.as_str().unwrap()).unwrap().try_into().unwrap()
}

/// What one test does.
struct Case {
    name: &'static str,
    ceremony: bool,
    depth: u8,
    aead: &'static dyn Aead,
}

/// Our machine and pymfp, connected both ways.
struct Met {
    ours: Peer<2>,
    theirs: Python,
    to: TcpStream,
    from: TcpStream,
    arrived: Vec<u8>,
    /// What is said, and when.
    rng: Rng,
    /// Where the stream is cut; a socket decides how often that is asked.
    cuts: Rng,
    /// Sent by us, sent by them.
    sent: [u32; 2],
    bytes: [usize; 2],
}

impl Met {
    fn new(installed: &Installed, case: &Case) -> Self {
        println!("{}: {WARNING}", case.name);
        let mut rng = Rng::new([case.depth; 32]);
        let mut theirs = installed.start();
        let told = theirs.ask(&json!({ "do": "begin", "deployment": "example.org", "instance": case.name }));
        let (own, peer) =
            (identity::runtime_id(b"example.org", b"ours").unwrap(), RuntimeId::from(unhex(&told["runtime"])));
        assert_eq!(identity::runtime_id(b"example.org", case.name.as_bytes()), Ok(peer));

        let (private, public) = (StaticSecret::from_bytes(rng.array()), PublicKey::from_bytes(unhex(&told["public"])));
        let bootstrap = if case.ceremony {
            Bootstrap::Ceremonial { private: &private, public: &public }
        } else {
            Bootstrap::Deterministic
        };
        let config = Config { own, peer, max_payload: MAX_PAYLOAD, aead: case.aead };
        let mut ours = Peer::insecure_v1(config, bootstrap).unwrap();
        for id in CHANNELS {
            ours.open_channel(id, Depth::new(case.depth).unwrap()).unwrap();
        }
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let answer = theirs.ask(&json!({
            "do": "pair",
            "peer": own.to_string(),
            "public": case.ceremony.then(|| hex::encode(private.public().as_bytes())),
            "channels": CHANNELS.map(|id| id.to_string()),
            "depth": case.depth,
            "port": listener.local_addr().unwrap().port(),
        }));
        assert_eq!(answer["paired"], true);
        let port = u16::try_from(told["port"].as_u64().unwrap()).unwrap();
        let (to, (from, _)) = (TcpStream::connect((Ipv4Addr::LOCALHOST, port)).unwrap(), listener.accept().unwrap());
        from.set_read_timeout(Some(LONG)).unwrap();
        to.set_nodelay(true).unwrap();
        Self { ours, theirs, to, from, arrived: Vec::new(), rng, cuts: Rng::new([0; 32]), sent: [0; 2], bytes: [0; 2] }
    }

    /// A channel and a payload: empty, around the lengths of blocks, the largest, or anything between.
    fn message(&mut self) -> (ChannelId, Vec<u8>) {
        let channel = CHANNELS[usize::try_from(self.rng.below(2)).unwrap()];
        let len = match self.rng.below(8) {
            0 => 0,
            1 => 1 + self.rng.below(33),
            2 => u64::from(MAX_PAYLOAD),
            3 => 1_000 + self.rng.below(3_000),
            _ => self.rng.below(u64::from(MAX_PAYLOAD) + 1),
        };
        let mut payload = vec![0; usize::try_from(len).unwrap()];
        self.rng.fill(&mut payload);
        (channel, payload)
    }

    fn burst(&mut self, who: usize) -> Vec<(ChannelId, Vec<u8>)> {
        let burst = u32::try_from(1 + self.rng.below(5)).unwrap().min(EACH_WAY - self.sent[who]);
        let messages: Vec<_> = (0..burst).map(|_| self.message()).collect();
        self.sent[who] += burst;
        self.bytes[who] += messages.iter().map(|(_, payload)| payload.len()).sum::<usize>();
        messages
    }

    /// We send, in pieces of any length; its agent says what was delivered.
    fn we_send(&mut self) {
        let messages = self.burst(0);
        let mut wire = Vec::new();
        for (channel, payload) in &messages {
            let mut out = vec![0; Peer::<2>::message_len(Depth::MAX, payload.len())];
            let len = self.ours.send(channel, payload, &mut out).unwrap();
            wire.extend_from_slice(&out[..len]);
        }
        let mut rest = wire.as_slice();
        while !rest.is_empty() {
            let piece = usize::try_from(1 + self.cuts.below(30_000)).unwrap();
            let (now, later) = rest.split_at(piece.min(rest.len()));
            self.to.write_all(now).unwrap();
            rest = later;
        }
        for (channel, payload) in messages {
            let said = self.theirs.answer();
            assert_eq!(ChannelId::from(unhex(&said["channel"])), channel);
            assert!(hex::decode(said["payload"].as_str().unwrap()).unwrap() == payload, "another payload");
        }
    }

    /// Its agent sends; our machine takes it from what the socket gives.
    fn they_send(&mut self) {
        let messages = self.burst(1);
        let told: Vec<_> = messages.iter().map(|(id, payload)| (id.to_string(), hex::encode(payload))).collect();
        self.theirs.tell(&json!({ "do": "send", "messages": told }));
        let mut messages = messages.into_iter();
        let mut expected = messages.next();
        while let Some((channel, payload)) = &expected {
            match self.ours.handle_input(&mut self.arrived).unwrap() {
                Input::Need(_) => {
                    let mut piece = vec![0; usize::try_from(1 + self.cuts.below(30_000)).unwrap()];
                    let len = self.from.read(&mut piece).unwrap();
                    assert!(len > 0, "pymfp has closed the connection");
                    self.arrived.extend_from_slice(&piece[..len]);
                }
                Input::Message { len, delivery } => {
                    assert_eq!(delivery.channel, *channel);
                    assert!(delivery.payload == payload, "another payload");
                    self.arrived.drain(..len);
                    expected = messages.next();
                }
            }
        }
        assert!(self.arrived.is_empty(), "more than was sent");
    }

    fn same_state(&self, told: &Value) {
        assert_eq!(told["step"].as_u64(), Some(self.ours.state().step));
        assert_eq!(unhex(&told["hash"]), self.ours.state().hash());
    }

    fn we_ask_for_a_rotation(&mut self) {
        let (step, key) = (self.ours.state().step, StaticSecret::from_bytes(self.rng.array()));
        let request = self.ours.request_rekey(key, step).unwrap();
        let told = self.theirs.ask(&json!({ "do": "accept_rekey", "request": hex::encode(request.encode()) }));
        let accept = RekeyAccept::parse(&unhex::<104>(&told["rekey"])).unwrap();
        self.ours.handle_rekey_accept(&accept).unwrap();
        let told = self.theirs.ask(&json!({ "do": "state" }));
        self.same_state(&told);
    }

    fn they_ask_for_a_rotation(&mut self) {
        let told = self.theirs.ask(&json!({ "do": "request_rekey" }));
        let request = RekeyRequest::parse(&unhex::<104>(&told["rekey"])).unwrap();
        let key = StaticSecret::from_bytes(self.rng.array());
        let accept = self.ours.accept_rekey(&request, &key).unwrap();
        let told = self.theirs.ask(&json!({ "do": "rekey_accepted", "accept": hex::encode(accept.encode()) }));
        self.same_state(&told);
    }

    /// Turns, until both have sent all.
    fn talk(&mut self) {
        let mut rotations = 0;
        while self.sent != [EACH_WAY; 2] {
            let other = usize::try_from(self.rng.below(2)).unwrap();
            let who = if self.sent[other] < EACH_WAY { other } else { 1 - other };
            if who == 0 {
                self.we_send();
            } else {
                self.they_send();
            }
            let all: u32 = self.sent.iter().sum();
            if rotations == 0 && all > EACH_WAY / 2 {
                self.we_ask_for_a_rotation();
                rotations = 1;
            } else if rotations == 1 && all > EACH_WAY {
                self.they_ask_for_a_rotation();
                rotations = 2;
            }
        }
        assert_eq!(rotations, 2);
        let told = self.theirs.ask(&json!({ "do": "state" }));
        self.same_state(&told);
        assert_eq!(self.ours.state().step, u64::from(2 * EACH_WAY));
    }
}

#[test]
fn version_1_with_its_public_implementation() {
    let Some(installed) = Installed::new() else {
        eprintln!("SKIPPED: VERSION 1 IS NOT MET BY ITS PUBLIC IMPLEMENTATION HERE");
        return;
    };
    let cases = [
        Case { name: "deterministic", ceremony: false, depth: 4, aead: &RustCrypto },
        Case { name: "ceremonial", ceremony: true, depth: 2, aead: &Ring },
    ];
    for case in cases {
        let mut met = Met::new(&installed, &case);
        met.talk();
        let ([ours, theirs], [to, from]) = (met.sent, met.bytes);
        println!(
            "pymfp 1.0.0, {} bootstrap, depth {}: {ours} messages ({to} bytes) to it and {theirs} ({from} bytes) from it, \
             2 rotations",
            case.name, case.depth
        );
        met.theirs.end();
    }
}
