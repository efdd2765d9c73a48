use core::time::Duration;
use std::vec::Vec;

use proptest::prelude::*;

use super::super::*;
use super::pair::Pair;
use crate::wire::item::Code;

const SECOND: Duration = Duration::from_secs(1);

fn up<S: Storage>(limits: Limits, mode: Mode) -> Pair<S> {
    let mut pair = Pair::new([true, true], limits, mode, &LinkConfig::default());
    pair.run(SECOND);
    assert!(pair.is_up());
    pair
}

fn flows<S: Storage>(limits: Limits, mode: Mode) {
    let mut pair = up::<S>(limits, mode);
    let channel = pair.hosts[0].open();
    // Before the answer, too.
    pair.hosts[0].send(channel, b"0");
    pair.run(SECOND);
    for n in 1..100_u8 {
        pair.hosts[0].send(channel, &[b'0', n]);
        pair.hosts[1].send(channel, &[b'1', n]);
        if n % 7 == 0 {
            pair.cut();
        }
        if n % 3 == 0 {
            pair.step();
        }
    }
    pair.run(Duration::from_mins(1));
    assert_eq!((pair.got(1).len(), pair.got(0).len()), (100, 99));
    for side in 0..2 {
        assert!(pair.hosts[side].inbox.is_sorted_by_key(|(_, q, _)| *q));
        assert!(pair.hosts[side].link.status().acked > 0 && pair.hosts[side].bodies.numbered.is_empty());
        assert_eq!(pair.hosts[side].repeats(), 0);
    }
    pair.hosts[1].close(channel, Code::Done);
    pair.run(SECOND);
    for side in 0..2 {
        assert!(pair.hosts[side].link.channel(&channel).is_none(), "side {side} has forgotten it");
    }
}

#[test]
fn messages_flow_both_ways_through_lost_connections_and_channels_end() {
    let small = Limits { win_items: 5, chan_items: 2, ..Limits::default() };
    for mode in [Mode::Durable, Mode::Volatile] {
        flows::<Growing>(Limits::default(), mode);
        flows::<Growing>(small, mode);
        flows::<Fixed<4, 16, 64>>(small, mode);
    }
}

#[test]
fn a_refused_channel_is_forgotten() {
    let mut pair = up::<Growing>(Limits::default(), Mode::Durable);
    pair.hosts[1].accepts = false;
    let channel = pair.hosts[0].open();
    pair.hosts[0].send(channel, b"early");
    pair.run(SECOND);
    assert_eq!(pair.hosts[0].seen, [Kind::Reject]);
    assert!(pair.hosts[0].link.channel(&channel).is_none());
    assert!(pair.got(1).is_empty());
}

#[test]
fn a_channel_that_is_closed_before_it_is_open_ends_on_both_sides() {
    let mut pair = up::<Growing>(Limits::default(), Mode::Durable);
    let channel = pair.hosts[0].open();
    pair.hosts[0].close(channel, Code::Done);
    pair.run(SECOND);
    for host in &pair.hosts {
        assert!(host.link.channel(&channel).is_none());
    }
    // And when it was never to be.
    pair.hosts[1].accepts = false;
    let channel = pair.hosts[0].open();
    pair.hosts[0].close(channel, Code::Done);
    pair.run(SECOND);
    for host in &pair.hosts {
        assert!(host.link.channel(&channel).is_none() && host.bodies.numbered.is_empty());
    }
}

#[test]
fn a_blocked_agent_stops_its_own_channel_and_no_other() {
    let mut pair = up::<Growing>(Limits { win_items: 8, chan_items: 4, ..Limits::default() }, Mode::Durable);
    let (slow, fast) = (pair.hosts[0].open(), pair.hosts[0].open());
    pair.run(SECOND);
    pair.hosts[1].works = false;
    for n in 0..50 {
        pair.hosts[0].send(slow, &[n]);
    }
    pair.run(SECOND);
    assert_eq!(pair.got(1).len(), 4, "its credit");
    pair.hosts[1].works = true;
    for n in 0..50 {
        pair.hosts[0].send(fast, &[n]);
    }
    pair.run(SECOND);
    assert_eq!(pair.got(1).len(), 54);
    for _ in 0..4 {
        pair.hosts[1].link.handle_done(&slow);
    }
    pair.run(SECOND);
    assert_eq!(pair.got(1).len(), 100);
}

#[test]
fn nothing_is_acked_or_sent_before_it_is_durable() {
    let mut pair = up::<Growing>(Limits::default(), Mode::Durable);
    let channel = pair.hosts[0].open();
    pair.run(SECOND);
    pair.hosts[0].commits = false;
    pair.hosts[0].send(channel, b"x");
    pair.run(SECOND);
    assert!(pair.got(1).is_empty(), "W1");
    pair.hosts[0].commits = true;
    pair.hosts[1].commits = false;
    let acked = pair.hosts[0].link.acked();
    pair.run(SECOND);
    assert_eq!((pair.got(1).len(), pair.hosts[0].link.acked()), (1, acked), "W3");
    pair.crash(1);
    pair.hosts[1].commits = true;
    pair.run(Duration::from_secs(10));
    assert_eq!((pair.got(1).len(), pair.hosts[0].link.acked()), (1, acked + 1));
}

#[test]
fn what_is_too_large_for_the_session_closes_its_channel() {
    let mut pair = up::<Growing>(Limits::default(), Mode::Durable);
    let channel = pair.hosts[0].open();
    pair.run(SECOND);
    // Numbered, and not gone.
    pair.hosts[0].commits = false;
    pair.hosts[0].send(channel, &[1; 5_000]);
    pair.hosts[0].send(channel, &[2; 10]);
    pair.step();
    let now = pair.now;
    pair.hosts[0].link.handle_persisted(now, 0);
    pair.hosts[0].commits = true;
    pair.cut();
    let limits = Limits { max_body: 2_000, win_bytes: 9_000, ..Limits::default() };
    pair.hosts[1].link.peer.params = super::host::params(limits, Mode::Durable);
    pair.run(SECOND);
    assert!(pair.is_up());
    for host in &pair.hosts {
        assert!(host.link.channel(&channel).is_none() && host.bodies.numbered.is_empty());
    }
    assert!(pair.got(1).is_empty());
    // Queued.
    let channel = pair.hosts[0].open();
    pair.hosts[0].send(channel, &[1; 5_000]);
    pair.run(SECOND);
    assert!(pair.hosts.iter().all(|host| host.link.channel(&channel).is_none()));
}

#[test]
fn bytes_may_come_in_any_pieces() {
    for chunk in [1, 7, 64, 100, 333] {
        let mut pair = Pair::<Growing>::new([true, false], Limits::default(), Mode::Durable, &LinkConfig::default());
        pair.chunk = chunk;
        pair.run(SECOND);
        let channel = pair.hosts[0].open();
        for n in 0..20 {
            pair.hosts[0].send(channel, &[n; 50]);
        }
        pair.run(SECOND);
        assert_eq!(pair.got(1).len(), 20, "{chunk}");
    }
}

#[derive(Clone, Copy, Debug)]
enum Step {
    Send(u8, u8),
    Open(u8),
    Close(u8),
    Cut,
    Crash(u8),
    Commits(u8, bool),
    Run(u16),
    Rotate(u8),
}

fn any_step() -> impl Strategy<Value = Step> {
    prop_oneof![
        12 => (0..2_u8, 0..4_u8).prop_map(|(side, channel)| Step::Send(side, channel)),
        2 => (0..2_u8).prop_map(Step::Open),
        1 => (0..4_u8).prop_map(Step::Close),
        1 => Just(Step::Cut),
        1 => (0..2_u8).prop_map(Step::Crash),
        2 => (0..2_u8, any::<bool>()).prop_map(|(side, on)| Step::Commits(side, on)),
        4 => (0..2_000_u16).prop_map(Step::Run),
        1 => (0..2_u8).prop_map(Step::Rotate),
    ]
}

proptest! {
    /// Whatever is lost on the way and whoever crashes: what was durable at the sender before its channel was closed
    /// comes once, in order, and nothing is suspended.
    #[test]
    fn once_and_in_order(steps in prop::collection::vec(any_step(), 1..80), win_items in 1..9_u32, chan_items in 1..5_u16) {
        let limits = Limits { win_items, chan_items, ..Limits::default() };
        let mut pair = up::<Growing>(limits, Mode::Durable);
        let mut channels: Vec<ChannelId> = Vec::new();
        let mut payload = 0_u32;
        for step in steps {
            match step {
                Step::Open(side) if channels.len() < 4 => channels.push(pair.hosts[usize::from(side)].open()),
                Step::Send(side, at) => if let Some(id) = channels.get(usize::from(at)) {
                    let host = &mut pair.hosts[usize::from(side)];
                    let may = host.link.channel(id).is_some_and(|it| !it.phase.is_closing());
                    if may {
                        payload += 1;
                        host.send(*id, &payload.to_be_bytes());
                    }
                },
                Step::Close(at) => if let Some(id) = channels.get(usize::from(at)) {
                    pair.hosts[usize::from(at % 2)].close(*id, Code::Done);
                },
                Step::Cut => pair.cut(),
                Step::Crash(side) => pair.crash(side.into()),
                Step::Commits(side, on) => pair.hosts[usize::from(side)].commits = on,
                Step::Run(millis) => pair.run(Duration::from_millis(millis.into())),
                Step::Rotate(side) => {
                    let now = pair.now;
                    pair.hosts[usize::from(side)].link.rotate(now);
                }
                Step::Open(_) => {}
            }
        }
        for host in &mut pair.hosts {
            host.commits = true;
        }
        pair.run(Duration::from_mins(5));
        prop_assert!(pair.is_up());
        for host in &pair.hosts {
            prop_assert!(host.bodies.numbered.is_empty() && host.bodies.control.is_empty(), "{:?}", host.bodies);
            prop_assert_eq!(host.repeats(), 0);
            prop_assert!(!host.events.iter().any(|event| matches!(event, LinkEvent::Suspended(_))));
            let mut last = std::collections::BTreeMap::new();
            for (channel, q, _) in &host.inbox {
                let before = last.insert(*channel, *q).unwrap_or(0);
                prop_assert!(*q > before, "once, in order");
            }
            for event in &host.events {
                let broken = matches!(event, LinkEvent::Down { cause: DownCause::Malformed(_) | DownCause::Sequence | DownCause::Bye(_) | DownCause::Exhausted, .. });
                prop_assert!(!broken, "{event:?}");
            }
            for id in &channels {
                if let Some(state) = host.link.channel(id) {
                    prop_assert!(!state.phase.is_closing(), "{state:?}");
                    prop_assert_eq!(host.bodies.queued(id), None);
                }
            }
        }
    }
}
