//! A backup is restored: what `docs/operations.md` says about it.

use std::fs;
use std::path::{Path, PathBuf};
use std::thread::{scope, sleep};
use std::time::{Duration, Instant};

use crate::place::{LONG, Server};

/// Two servers; `alice` of `a` has a channel to `bob` of `b`.
fn pair(bob: &str) -> [Server; 2] {
    let [a, b] = ["a", "b"].map(Server::init);
    let peers = [b.as_peer("b"), a.as_peer("a")];
    a.configure(
        "a",
        &format!(
            "agents: [{{name: alice, type: external}}]\nchannels: [{{agent: alice, peer: b, to: bob}}]\n\
             federation: {{peers: [{}]}}\n",
            peers[0]
        ),
    );
    b.configure("b", &format!("agents: [{{name: bob, type: {bob}}}]\nfederation: {{peers: [{}]}}\n", peers[1]));
    let mut all = [a, b];
    all.iter_mut().for_each(Server::start);
    for server in &all {
        server.until(&["peers"], |peers| peers[0]["state"] == "up");
    }
    all[0].until(&["channels"], |all| all.as_array().unwrap().len() == 1);
    all
}

/// Messages that `b` has: it says so.
fn send(a: &Server, count: u32) {
    for number in 0..count {
        a.ask(&["send", "--from", "alice", "--to", "bob@b", "--acked", &format!("message {number}")]);
    }
}

/// A backup of one of them, taken while messages flow, and more messages after it.
fn backup_under_way(all: &[Server; 2], side: usize) -> PathBuf {
    let file = all[side].file("copy.db");
    send(&all[0], 3);
    scope(|scope| {
        let flow = scope.spawn(|| send(&all[0], 12));
        all[side].ask(&["backup", file.to_str().unwrap()]);
        flow.join().unwrap();
    });
    send(&all[0], 6);
    // The acknowledgements of the answers are on their way.
    sleep(Duration::from_millis(300));
    file
}

/// Kills a server and puts a backup, or nothing, in the place of its store.
fn restore(server: &mut Server, backup: Option<&Path>) {
    server.kill();
    for name in ["mfp.db", "mfp.db-wal", "mfp.db-shm"] {
        let _ = fs::remove_file(server.file(name));
    }
    if let Some(backup) = backup {
        fs::copy(backup, server.file("mfp.db")).unwrap();
    }
    server.start();
}

/// Says the word for each suspension that shows, until both servers say that the link is up. Returns who said what.
fn recover(all: &[Server; 2]) -> Vec<(&'static str, String)> {
    let start = Instant::now();
    let mut said = Vec::new();
    loop {
        let mut up = 0;
        for (server, name, peer) in [(&all[0], "a", "b"), (&all[1], "b", "a")] {
            let peers = server.ask(&["peers"]);
            up += u32::from(peers[0]["state"] == "up");
            if peers[0]["state"] != "suspended" {
                continue;
            }
            let diagnosis = peers[0]["suspended"].as_str().unwrap();
            let (word, wrong) = match diagnosis {
                "LocalRollback" => ("accept-local-loss", "accept-gap"),
                "PeerRollback" => ("accept-gap", "accept-reset"),
                "PeerReset" => ("accept-reset", "accept-local-loss"),
                other => panic!("{other}"),
            };
            assert_eq!(server.run(&["recover", wrong, peer]).status.code(), Some(1), "the word for something else");
            assert!(server.run(&["recover", word, peer]).status.success());
            said.push((name, word.to_owned()));
        }
        if up == 2 {
            said.sort();
            return said;
        }
        assert!(start.elapsed() < LONG, "{said:?}\n{}\n{}", all[0].log(), all[1].log());
        sleep(Duration::from_millis(20));
    }
}

/// The server opens its channel anew, which carries messages, there and back.
fn flows_again(all: &[Server; 2], bob: &str) {
    let send = match bob {
        "echo" => ["request", "--from", "alice", "--to", "bob@b", "again"].as_slice(),
        _ => &["send", "--from", "alice", "--to", "bob@b", "--acked", "again"],
    };
    let start = Instant::now();
    // It may be closed once more, as the second word is said.
    while !all[0].run(send).status.success() {
        assert!(start.elapsed() < LONG, "{}\n{}", all[0].log(), all[1].log());
        sleep(Duration::from_millis(50));
    }
    // It stays so.
    assert!(all.iter().all(|server| server.ask(&["peers"])[0]["state"] == "up"));
}

fn words(said: &[(&'static str, String)]) -> Vec<String> {
    said.iter().map(|(who, word)| format!("{who}: {word}")).collect()
}

#[test]
fn a_restored_backup_suspends_the_link_and_the_words_end_it() {
    for side in [0, 1] {
        let mut all = pair("echo");
        let backup = backup_under_way(&all, side);
        restore(&mut all[side], Some(&backup));
        let said = words(&recover(&all));
        let (restored, other) = if side == 0 { ("a", "b") } else { ("b", "a") };
        let mut expected = [format!("{restored}: accept-local-loss"), format!("{other}: accept-gap")];
        expected.sort();
        assert_eq!(said, expected);
        flows_again(&all, "echo");
    }
}

/// What the peer alone has sent, or this side alone, needs one word.
#[test]
fn one_word_is_enough_if_messages_went_one_way() {
    for (side, expected) in [(0, "a: accept-local-loss"), (1, "a: accept-gap")] {
        let mut all = pair("external");
        let backup = backup_under_way(&all, side);
        restore(&mut all[side], Some(&backup));
        assert_eq!(words(&recover(&all)), [expected]);
        flows_again(&all, "external");
    }
}

#[test]
fn a_store_that_is_lost_is_a_reset() {
    let mut all = pair("echo");
    send(&all[0], 3);
    restore(&mut all[1], None);
    assert_eq!(words(&recover(&all)), ["a: accept-reset"]);
    flows_again(&all, "echo");
}

#[test]
fn reset_makes_the_peer_see_a_reset() {
    let all = pair("echo");
    send(&all[0], 3);
    assert!(all[0].run(&["recover", "reset", "b"]).status.success());
    all[1].until(&["peers"], |peers| peers[0]["suspended"] == "PeerReset");
    assert_eq!(words(&recover(&all)), ["b: accept-reset"]);
    flows_again(&all, "echo");
}

/// What waits for a suspended peer goes with the word: the log names it, and the channels on both sides are closed.
#[test]
fn a_word_gives_up_what_waits_and_says_so() {
    let mut all = pair("external");
    let ids = |server: &Server| {
        let channels = server.ask(&["channels"]);
        // One whose messages are still to be handled is closing until then.
        let open = channels.as_array().unwrap().iter().filter(|one| one["closing"] == false);
        open.map(|one| one["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    let before = ids(&all[0]);
    let backup = backup_under_way(&all, 0);
    restore(&mut all[0], Some(&backup));
    all[0].until(&["peers"], |peers| peers[0]["suspended"] == "LocalRollback");
    let waits = all[0].ask(&["send", "--from", "alice", "--to", "bob@b", "accepted while suspended"]);
    all[0].until(&["peers"], |peers| peers[0]["queued"].as_u64() > Some(0));
    assert_eq!(words(&recover(&all)), ["a: accept-local-loss"]);
    flows_again(&all, "external");
    let lost = format!("MessageLost {{ message: MessageId({})", &waits["message"].as_str().unwrap()[..8]);
    assert!(all[0].log().contains(&lost), "{lost}\n{}", all[0].log());
    for server in &all {
        assert!(!ids(server).contains(&before[0]), "the old channel is closed");
    }
    // What B had received before is there all the same.
    assert_eq!(all[1].ask(&["receive", "bob"])["body"]["payload"], "message 0");
}

/// A backup that nothing was sent after leaves no trace, and needs no word.
#[test]
fn a_backup_with_nothing_after_it_goes_on() {
    let mut all = pair("echo");
    send(&all[0], 3);
    sleep(Duration::from_millis(300));
    let backup = all[0].file("copy.db");
    all[0].ask(&["backup", backup.to_str().unwrap()]);
    restore(&mut all[0], Some(&backup));
    assert!(recover(&all).is_empty());
    let answer = all[0].ask(&["request", "--from", "alice", "--to", "bob@b", "again"]);
    assert_eq!(answer["body"]["payload"], "again");
}

/// The procedure of `docs/operations.md`.
#[test]
fn an_identity_key_is_replaced() {
    let mut all = pair("echo");
    send(&all[0], 2);
    let channel = all[0].ask(&["channels"])[0]["id"].as_str().unwrap().to_owned();
    for _ in 0..2 {
        all[0].ask(&["receive", "alice"]);
    }
    all[0].ask(&["close", &channel]);
    all[0].until(&["peers"], |peers| peers[0]["queued"] == 0 && peers[0]["channels"] == 0);
    all[0].stop();
    fs::rename(all[0].file("identity.key"), all[0].file("identity.old")).unwrap();
    all[0].run(&["keygen", all[0].file("identity.key").to_str().unwrap()]);
    all[0].start();
    let entry = all[0].as_peer("a");
    all[1].configure("b", &format!("agents: [{{name: bob, type: echo}}]\nfederation: {{peers: [{entry}]}}\n"));
    all[1].ask(&["reload"]);
    // Its own store knows the old link.
    all[0].until(&["peers"], |peers| peers[0]["suspended"] == "PeerReset");
    assert_eq!(words(&recover(&all)), ["a: accept-reset"]);
    flows_again(&all, "echo");
}
