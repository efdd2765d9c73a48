use core::time::Duration;

use super::super::*;
use super::host::identity;
use super::pair::Pair;
use crate::id::SessionId;
use crate::link::AgeConfig;

const SECOND: Duration = Duration::from_secs(1);

fn pair(dials: [bool; 2]) -> Pair<Growing> {
    Pair::new(dials, Limits::default(), Mode::Durable, &LinkConfig::default())
}

fn session<S: Storage>(pair: &Pair<S>) -> SessionId {
    let [one, other] = [0, 1].map(|side: usize| pair.hosts[side].link.status().session.unwrap().id);
    assert_eq!(one, other);
    one
}

#[test]
fn they_meet_whoever_dials_and_stay_without_traffic() {
    for dials in [[true, false], [false, true], [true, true]] {
        let mut pair = pair(dials);
        pair.run(SECOND);
        assert!(pair.is_up(), "{dials:?}");
        let before = session(&pair);
        pair.run(Duration::from_hours(1));
        assert_eq!(session(&pair), before, "an idle link is not dropped");
        assert_eq!(pair.hosts.iter().map(Host::repeats).sum::<usize>(), 0);
    }
}

#[test]
fn without_a_dialer_there_is_no_link() {
    let mut pair = pair([false, false]);
    pair.run(SECOND);
    assert!(!pair.is_up());
    assert_eq!(pair.hosts[0].link.poll_timeout(), None);
}

#[test]
fn a_lost_connection_is_made_anew() {
    let mut pair = pair([true, true]);
    pair.run(SECOND);
    let before = session(&pair);
    pair.cut();
    assert!(!pair.is_up());
    pair.run(SECOND);
    assert!(pair.is_up());
    assert_ne!(session(&pair), before);
}

#[test]
fn a_dead_peer_is_noticed_and_the_breaker_spares_attempts() {
    let mut pair = pair([true, false]);
    pair.run(SECOND);
    pair.up = false;
    pair.run(Duration::from_secs(46));
    let down = |event: &LinkEvent| matches!(event, LinkEvent::Down { cause: DownCause::Dead, .. });
    assert!(pair.hosts[0].events.iter().any(down));
    pair.run(Duration::from_mins(5));
    assert!(pair.hosts[0].events.iter().any(|event| matches!(event, LinkEvent::BreakerOpen { .. })));
    let attempts = pair.hosts[0].events.iter().filter(|event| **event == LinkEvent::Connect).count();
    assert!((5..30).contains(&attempts), "{attempts}");
    pair.up = true;
    pair.cut();
    pair.run(Duration::from_mins(1));
    assert!(pair.is_up());
}

#[test]
fn a_session_is_replaced_before_it_is_too_old() {
    let mut pair = pair([true, false]);
    pair.run(SECOND);
    let channel = pair.hosts[0].open();
    pair.run(SECOND);
    let before = session(&pair);
    pair.run(Duration::from_hours(22));
    assert_eq!(session(&pair), before);
    for hour in 0..10 {
        for side in 0..2 {
            pair.hosts[side].send(channel, &[hour]);
        }
        pair.run(Duration::from_mins(15));
    }
    assert_ne!(session(&pair), before);
    assert_eq!((pair.got(0).len(), pair.got(1).len()), (10, 10));
    let down: Vec<_> = pair
        .hosts
        .iter()
        .flat_map(|host| &host.events)
        .filter(|event| matches!(event, LinkEvent::Down { .. }))
        .collect();
    // The responder may see the old connection end before NEGOTIATE.
    let expected = |cause| matches!(cause, DownCause::Replaced | DownCause::Lost);
    assert!(down.iter().all(|event| matches!(event, LinkEvent::Down { cause, .. } if expected(*cause))), "{down:?}");
    assert_eq!(down.len(), 2);
}

/// Both sides connect at the same time, while one of them still has the old session and gets in it what the other had
/// sent: what it had said of itself before is out of date when it comes.
#[test]
fn a_claim_that_is_out_of_date_is_no_loss() {
    let age = AgeConfig { planned: Duration::from_secs(20), spread: Duration::ZERO, ..LinkConfig::default().age };
    let config = LinkConfig { age, ..LinkConfig::default() };
    let mut pair = Pair::<Growing>::new([true; 2], Limits::default(), Mode::Durable, &config);
    let small = usize::from(identity(2).id() < identity(1).id());
    let large = 1 - small;
    // The one with the larger id makes the first connection, and so plans the next one.
    pair.step();
    pair.hosts[small].with(|link, cx| link.handle_connect_failed(Instant::ZERO, cx));
    pair.run(SECOND);
    let old = pair.last();
    let channel = pair.hosts[large].open();
    pair.run(SECOND);
    pair.hosts[small].send(channel, b"one");
    pair.run(SECOND);
    assert!(pair.is_up() && pair.got(large) == [b"one"]);
    let before = session(&pair);
    // Two is under way when its sender loses the connection.
    pair.held.insert((old, large));
    pair.hosts[small].send(channel, b"two");
    while pair.step() {}
    pair.now = pair.hosts[large].link.timers.get(TimerKind::Planned).unwrap();
    pair.lose(old, small);
    pair.hosts[large].timeout(pair.now);
    pair.held.insert((ConnId(old.0 + 1), large));
    while pair.step() {}
    let planned = pair.last();
    // Now the other side connects too, and is answered.
    pair.hosts[small].link.redial(pair.now);
    pair.hosts[small].timeout(pair.now);
    pair.held.insert((ConnId(planned.0 + 1), small));
    while pair.step() {}
    assert_eq!(pair.last().0, old.0 + 2);
    // Two arrives, then the first new session begins, and says so; then comes the answer of before.
    pair.held.remove(&(old, large));
    while pair.step() {}
    assert_eq!(pair.got(large).len(), 2);
    pair.held.remove(&(planned, large));
    while pair.step() {}
    let failed = pair.hosts[small].link.stats().failed_attempts;
    pair.held.clear();
    while pair.step() {}
    assert_eq!(pair.hosts[small].link.stats().failed_attempts, failed + 1);
    pair.hosts[small].send(channel, b"three");
    pair.run(SECOND);
    assert!(pair.is_up() && session(&pair) != before);
    assert_eq!(pair.got(large), [&b"one"[..], b"two", b"three"]);
    let suspended = |event: &LinkEvent| matches!(event, LinkEvent::Suspended(_));
    assert!(!pair.hosts.iter().any(|host| host.events.iter().any(suspended)));
}

#[test]
fn a_session_that_nobody_replaces_ends_with_bye() {
    let mut pair = pair([false, true]);
    pair.run(SECOND);
    pair.up = true;
    // The side that dialed may not any more.
    pair.hosts[1].link.dials = false;
    pair.run(Duration::from_mins(24 * 60 + 1));
    let bye = |event: &LinkEvent| {
        matches!(event, LinkEvent::Down { cause: DownCause::Bye(_) | DownCause::ByeReceived(_), .. })
    };
    assert!(pair.hosts.iter().all(|host| host.events.iter().any(bye)));
}

#[test]
fn keys_are_rotated_where_something_flows() {
    let mut pair = pair([true, false]);
    pair.run(SECOND);
    let channel = pair.hosts[1].open();
    pair.run(SECOND);
    pair.run(Duration::from_mins(11));
    let rotations = |pair: &Pair<Growing>| pair.hosts[0].link.status().session.unwrap().rotations;
    assert_eq!(rotations(&pair), 1, "OPEN and ACCEPT flowed");
    pair.run(Duration::from_mins(30));
    assert_eq!(rotations(&pair), 1, "nothing has");
    for n in 0..20 {
        pair.hosts[1].send(channel, &[n]);
        pair.run(Duration::from_mins(3));
    }
    assert!((5..=8).contains(&rotations(&pair)), "{}", rotations(&pair));
    assert_eq!(pair.got(0).len(), 20);
    assert!(pair.hosts[0].link.rotate(pair.now));
    pair.run(SECOND);
    assert!(pair.hosts.iter().all(|host| host.repeats() == 0));
}

#[test]
fn shutdown_says_bye() {
    let mut pair = pair([true, true]);
    pair.run(SECOND);
    let now = pair.now;
    pair.hosts[0].with(|link, cx| link.shutdown(now, cx));
    pair.run(SECOND);
    let shut = WireCode::from(Code::ShuttingDown);
    let cause = |event: &LinkEvent| matches!(event, LinkEvent::Down { cause: DownCause::ByeReceived(code), .. } if *code == shut);
    assert!(pair.hosts[1].events.iter().any(cause));
    assert!(!pair.is_up());
}

#[test]
fn nothing_is_sent_before_the_link_itself_is_durable() {
    let mut pair = pair([true, false]);
    pair.hosts[0].commits = false;
    pair.run(SECOND);
    assert!(!pair.is_up());
    let now = pair.now;
    pair.hosts[0].commit(now);
    pair.hosts[0].commits = true;
    pair.run(Duration::from_secs(10));
    assert!(pair.is_up());
}

use super::host::Host;
use crate::wire::item::{Code, WireCode};
use std::vec::Vec;
