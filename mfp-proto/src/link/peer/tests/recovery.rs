use core::time::Duration;

use super::super::*;
use super::host::Durable;
use super::pair::Pair;
use crate::link::recovery::Diagnosis;

const SECOND: Duration = Duration::from_secs(1);

/// A pair in which each side has sent ten messages, a copy of what each had stored before the last five, and the
/// channel.
fn used(mode: Mode) -> (Pair<Growing>, [Durable; 2], ChannelId) {
    let mut pair = Pair::new([true, true], Limits::default(), mode, &LinkConfig::default());
    pair.run(SECOND);
    let channel = pair.hosts[0].open();
    pair.run(SECOND);
    let mut before = None;
    for n in 0..10 {
        if n == 5 {
            before = Some([0, 1].map(|side: usize| pair.hosts[side].durable.clone()));
        }
        for side in 0..2 {
            pair.hosts[side].send(channel, &[n]);
        }
        pair.run(SECOND);
    }
    (pair, before.unwrap(), channel)
}

fn suspension(pair: &Pair<Growing>, side: usize) -> Option<Diagnosis> {
    pair.hosts[side].link.suspension().map(|suspension| suspension.diagnosis)
}

/// Both sides answer what they see until they are up.
fn operators(pair: &mut Pair<Growing>) {
    for _ in 0..6 {
        for side in 0..2 {
            let now = pair.now;
            match suspension(pair, side) {
                Some(Diagnosis::PeerReset) => pair.hosts[side].reset(now, None),
                Some(_) => pair.hosts[side].accept_loss(now),
                None => {}
            }
        }
        pair.run(Duration::from_mins(1));
    }
    assert!(pair.is_up());
    for host in &pair.hosts {
        assert!(host.link.status().accepting.is_none());
        assert!(host.bodies.numbered.is_empty() && host.bodies.control.is_empty());
        assert_eq!(host.repeats(), 0);
    }
}

/// A new channel works, in both directions.
fn works(pair: &mut Pair<Growing>) {
    let channel = pair.hosts[1].open();
    pair.run(SECOND);
    let before = [pair.got(0).len(), pair.got(1).len()];
    for side in 0..2 {
        pair.hosts[side].send(channel, b"again");
    }
    pair.run(SECOND);
    assert_eq!([pair.got(0).len(), pair.got(1).len()], [before[0] + 1, before[1] + 1]);
}

/// Rule W2: sessions that were open are closed durably at the highest number given by then.
#[test]
fn a_load_closes_sessions_durably() {
    let (mut pair, _, _) = used(Mode::Durable);
    let now = pair.now;
    let host = &mut pair.hosts[0];
    assert!(host.durable.sessions.iter().any(|record| record.closed.is_none()));
    host.crash(now, host.durable.clone());
    let given = host.link.given();
    host.work(now);
    let sessions = &host.durable.sessions;
    assert!(
        !sessions.is_empty() && sessions.iter().all(|record| record.closed == Some(given)),
        "{sessions:?} of {given}"
    );
}

#[test]
fn a_rollback_is_noticed_and_the_operators_words_end_it() {
    for side in 0..2 {
        let (mut pair, before, channel) = used(Mode::Durable);
        pair.restore(side, before[side].clone());
        pair.run(Duration::from_mins(1));
        let seen = [suspension(&pair, 0), suspension(&pair, 1)];
        assert!(
            seen.contains(&Some(Diagnosis::LocalRollback)) || seen.contains(&Some(Diagnosis::PeerRollback)),
            "{seen:?}"
        );
        operators(&mut pair);
        for host in &pair.hosts {
            assert!(host.link.channel(&channel).is_none(), "closed on both sides");
        }
        works(&mut pair);
    }
}

#[test]
fn a_rollback_in_which_nothing_was_sent_leaves_no_trace() {
    let (mut pair, _, channel) = used(Mode::Durable);
    let copy = pair.hosts[0].durable.clone();
    pair.run(Duration::from_mins(3));
    pair.restore(0, copy);
    pair.run(Duration::from_mins(1));
    assert!(pair.is_up());
    pair.hosts[0].send(channel, b"on");
    pair.run(SECOND);
    assert_eq!(pair.got(1).len(), 11);
}

#[test]
fn a_lost_store_suspends_a_durable_link_and_resets_a_volatile_one() {
    let (mut pair, _, _) = used(Mode::Durable);
    pair.hosts[1].set_store(77);
    pair.restore(1, Durable::default());
    pair.run(Duration::from_mins(1));
    assert_eq!(suspension(&pair, 0), Some(Diagnosis::PeerReset));
    operators(&mut pair);
    works(&mut pair);

    let (mut pair, _, channel) = used(Mode::Volatile);
    pair.hosts[1].set_store(77);
    pair.restore(1, Durable::default());
    pair.run(Duration::from_mins(1));
    assert!(pair.is_up());
    assert!(pair.hosts[0].events.contains(&LinkEvent::Reset));
    assert!(pair.hosts[0].link.channel(&channel).is_none());
    works(&mut pair);
}

#[test]
fn reset_makes_the_peer_see_a_reset() {
    let (mut pair, _, _) = used(Mode::Durable);
    let now = pair.now;
    pair.hosts[0].reset(now, Some(99));
    pair.run(Duration::from_mins(1));
    assert_eq!(suspension(&pair, 1), Some(Diagnosis::PeerReset));
    operators(&mut pair);
    works(&mut pair);
}

#[test]
fn a_gap_survives_crashes_and_lost_connections() {
    for lost in 0..12 {
        let (mut pair, before, _) = used(Mode::Durable);
        pair.restore(1, before[1].clone());
        pair.run(Duration::from_mins(1));
        for _ in 0..6 {
            for side in 0..2 {
                let now = pair.now;
                if suspension(&pair, side).is_some() {
                    pair.hosts[side].accept_loss(now);
                }
            }
            pair.run(Duration::from_millis(150));
            for step in 0..lost {
                pair.step();
                if step == lost / 2 {
                    pair.crash(step % 2);
                }
            }
            pair.cut();
        }
        operators(&mut pair);
        works(&mut pair);
    }
}

/// An ack of what the peer has already may be under way as GAP goes: it must not look like one of GAP.
#[test]
fn an_accept_ends_behind_everything_that_the_peer_may_have() {
    for side in 0..2 {
        let (mut pair, before, _) = used(Mode::Durable);
        pair.restore(side, before[side].clone());
        pair.run(Duration::from_mins(1));
        for side in 0..2 {
            let Some(suspension) = pair.hosts[side].link.suspension() else { continue };
            let (now, has) = (pair.now, pair.hosts[1 - side].link.status().received);
            pair.hosts[side].accept_loss(now);
            let next = pair.hosts[side].link.status().accepting.unwrap().get();
            assert!(next - 1 > suspension.claimed && next - 1 > has, "{next}: {suspension:?}, {has}");
        }
    }
}

#[test]
fn a_suspended_link_neither_dials_nor_answers() {
    let (mut pair, before, _) = used(Mode::Durable);
    pair.restore(0, before[0].clone());
    pair.run(Duration::from_mins(1));
    let side = usize::from(suspension(&pair, 0).is_none());
    let dials = pair.hosts[side].events.iter().filter(|event| **event == LinkEvent::Connect).count();
    pair.run(Duration::from_mins(10));
    assert_eq!(pair.hosts[side].events.iter().filter(|event| **event == LinkEvent::Connect).count(), dials);
    assert!(!pair.is_up());
    pair.crash(side);
    assert!(suspension(&pair, side).is_some(), "it is durable");
}
