//! A session with a peer that has its keys and says whatever it likes.
//!
//! The runtime under test has a real store, window, inboxes and channels. The peer seals with the keys that it has by a
//! real handshake: there is nothing to get past, and everything behind the cryptography is reached.

mod peer;
mod say;
mod victim;

use std::time::Duration;

use arbitrary::{Arbitrary, Unstructured};
use mfp_proto::id::Identity;
use mfp_proto::runtime::Outcome;

use peer::{Claim, Peer};
use say::Said;
use victim::{NAMES, Victim};

/// Steps of one run.
const MOST: usize = 120;

/// What happens.
#[derive(Debug, Arbitrary)]
enum Step {
    /// The peer says something.
    Say(Said),
    Connect {
        claim: Claim,
        told: bool,
    },
    Disconnect {
        told: bool,
    },
    /// An agent of the runtime sends, asks for a channel, or is done with a message.
    Send {
        agent: u8,
        channel: u8,
        len: u8,
        ttl: bool,
    },
    Ask {
        agent: u8,
        to: bool,
    },
    Close(u8),
    Process {
        at: u8,
        failed: bool,
    },
    /// Batches wait from now on, or no more.
    Lazy(bool),
    Commit,
    FailCommit {
        kept: bool,
    },
    Wait(Wait),
    /// The operator of the runtime.
    Word(Word),
    Rotate,
    Purge(u8),
    Quarantine {
        channel: u8,
        restore: bool,
    },
    Shutdown,
}

#[derive(Clone, Copy, Debug, Arbitrary)]
enum Wait {
    Milliseconds(u8),
    Seconds(u8),
    Hours(u8),
}

#[derive(Clone, Copy, Debug, Arbitrary)]
enum Word {
    AcceptGap,
    AcceptLocalLoss,
    AcceptReset,
    Reset,
}

/// Whatever an authentic peer says, in whatever order: nothing panics, nothing exceeds its bound, the cursor never falls,
/// acks are of what is durable, nothing enters an inbox twice, and what the protocol allows is accepted.
///
/// # Panics
/// If the property fails.
pub fn authentic_peer(data: &[u8]) {
    let [own, other] = [1, 2].map(|secret| Identity::new([secret; 32], "fuzz", "session").unwrap());
    let (mut victim, mut input) = (Victim::new(own.clone(), &other), Unstructured::new(data));
    let mut peer = Peer::new(other, &own);
    peer.connect(&mut victim, Claim::Honest, true);
    for _ in 0..MOST {
        if input.is_empty() {
            break;
        }
        let Ok(step) = input.arbitrary() else { break };
        if !take(&step, &mut victim, &mut peer) {
            return;
        }
        peer.read(&mut victim);
    }
    if !victim.is_suspended() && !peer.lied {
        // Everything that is honest can still be said.
        peer.connect(&mut victim, Claim::Honest, true);
    }
}

/// `false`: the run is over.
fn take(step: &Step, victim: &mut Victim, peer: &mut Peer) -> bool {
    let id = peer.identity.id();
    let channel = |victim: &Victim, at: u8| {
        let channels: Vec<_> = victim.channels();
        usize::from(at).checked_rem(channels.len()).map(|at| channels[at])
    };
    match *step {
        Step::Say(ref said) => peer.say(victim, said),
        Step::Connect { claim, told } => peer.connect(victim, claim, told),
        Step::Disconnect { told } => {
            peer.session = None;
            victim.disconnected(told);
        }
        Step::Send { agent, channel, len, ttl } => {
            let payload = vec![len; 1 + 4 * usize::from(len)];
            victim.send(agent, channel, &payload, ttl.then_some(Duration::from_millis(50)));
        }
        Step::Ask { agent, to } => victim.ask(agent, NAMES[usize::from(to)]),
        Step::Close(at) => {
            if let Some(channel) = channel(victim, at) {
                peer.unsure(&channel);
                victim.close(&channel);
            }
        }
        Step::Process { at, failed } => victim.process(at, if failed { Outcome::Failed } else { Outcome::Done }),
        Step::Lazy(lazy) => {
            if !lazy {
                victim.commit_all();
            }
            victim.lazy = lazy;
        }
        Step::Commit => {
            victim.commit();
            victim.drive();
        }
        Step::FailCommit { kept } => {
            if victim.fail_commit(kept) {
                peer.forgot = true;
                peer.session = None;
            }
        }
        Step::Wait(time) => victim.wait(match time {
            Wait::Milliseconds(time) => Duration::from_millis(time.into()),
            Wait::Seconds(time) => Duration::from_secs(time.into()),
            Wait::Hours(time) => Duration::from_secs(3_600 * u64::from(time % 30)),
        }),
        Step::Word(word) => return operator(word, victim, peer),
        Step::Rotate => {
            let _ = victim.rt.rotate_peer(victim.now, &id);
            victim.drive();
        }
        Step::Purge(at) => {
            if let Some(channel) = channel(victim, at) {
                let _ = victim.rt.purge(victim.now, &channel);
                victim.drive();
            }
        }
        Step::Quarantine { channel: at, restore } => {
            if let Some(channel) = channel(victim, at) {
                peer.unsure(&channel);
                let _ = if restore {
                    victim.rt.restore_channel(victim.now, &channel)
                } else {
                    victim.rt.quarantine_channel(victim.now, &channel)
                };
                victim.drive();
            }
        }
        Step::Shutdown => {
            victim.rt.shutdown(victim.now);
            victim.drive();
            peer.read(victim);
            victim.wait(Duration::from_mins(1));
            return false;
        }
    }
    true
}

/// An operator's word. What is reset begins anew, which is another run.
fn operator(word: Word, victim: &mut Victim, peer: &mut Peer) -> bool {
    let (now, id) = (victim.now, peer.identity.id());
    let said = match word {
        Word::AcceptGap => victim.rt.accept_gap(now, &id),
        Word::AcceptLocalLoss => victim.rt.accept_local_loss(now, &id),
        Word::AcceptReset => victim.rt.accept_reset(now, &id),
        Word::Reset => victim.rt.reset_peer(now, &id),
    };
    if said.is_ok() {
        // A loss is accepted: what the peer has claims it until it knows of the gap.
        peer.lied = true;
        if matches!(word, Word::AcceptReset | Word::Reset) {
            victim.forget_cursor();
            victim.drive();
            return false;
        }
    }
    victim.drive();
    true
}
