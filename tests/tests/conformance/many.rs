//! Many of everything.

use std::thread;

use mfp_proto::runtime::Message;

use crate::world::{PATIENCE, Pair, Side, end, take};

pub(crate) fn thousand_channels(pair: Pair) {
    const CHANNELS: u32 = 1_000;
    let sides = pair.start_with(|config| config.limits.channels_per_agent = CHANNELS, |_, _| {});
    let [one, other] = &sides;
    let (alice, _) = one.node.bind("alice");
    let (_, inbox) = other.node.bind("bob");
    let open = |_| one.node.open(alice, other.id(), "bob").unwrap();
    let channels: Vec<_> = thread::scope(|scope| {
        let openers: Vec<_> = (0..8).map(|_| scope.spawn(|| (0..CHANNELS / 8).map(open).collect::<Vec<_>>())).collect();
        openers.into_iter().flat_map(|opener| opener.join().unwrap()).collect()
    });
    for (number, channel) in (0_u32..).zip(&channels) {
        one.node.send(alice, *channel, Message::new(&number.to_be_bytes())).unwrap();
    }
    let mut taken: Vec<_> = channels.iter().map(|_| take(&inbox)).collect();
    taken.sort_unstable();
    assert!(taken.iter().eq((0..CHANNELS).map(|number| number.to_be_bytes().to_vec()).collect::<Vec<_>>().iter()));
    assert_eq!([one.node.stats().remote_channels, other.node.stats().remote_channels], [u64::from(CHANNELS); 2]);
    assert_eq!(one.node.peer(other.id()).unwrap().stats.sessions, 1, "all on one link");
    end(sides);
}

pub(crate) fn sixty_four_peers(pair: Pair) {
    const PEERS: u8 = 64;
    let [hub, spoke] = pair.drivers;
    // One address may not begin more than a few handshakes a second, so the hub connects.
    let mut hub = Side::start(hub, 0xff, pair.kept, |_| {});
    let spokes: Vec<_> = (1..=PEERS)
        .map(|number| {
            let mut spoke = Side::start(spoke, number, pair.kept, |_| {});
            spoke.meet(hub.as_peer(pair.kept, false), &hub);
            spoke.node.handle("echo", |question| Some(question.to_vec()));
            hub.meet(spoke.as_peer(pair.kept, true), &spoke);
            spoke
        })
        .collect();
    let (asker, _) = hub.node.bind("asker");
    thread::scope(|scope| {
        for spokes in spokes.chunks(16) {
            let hub = &hub;
            scope.spawn(move || {
                for spoke in spokes {
                    let channel = hub.node.open(asker, spoke.id(), "echo").unwrap();
                    for question in [&b"one"[..], b"two", b"three"] {
                        assert_eq!(hub.node.request(asker, channel, question, PATIENCE).unwrap(), question);
                    }
                }
            });
        }
    });
    assert_eq!((hub.node.stats().peers, hub.node.stats().connections), (64, 64));
    for spoke in spokes {
        spoke.node.shutdown();
    }
    assert_eq!(hub.node.shutdown(), 0);
}
