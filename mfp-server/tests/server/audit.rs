//! The audit log of a real process, and what is done to it.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Output;

use serde_json::Value;

use crate::place::Server;

fn server() -> Server {
    let server = Server::init("a");
    server.configure(
        "a",
        "agents: [{name: alice, type: external}, {name: echo, type: echo}]\n\
         channels: [{agent: alice, to: echo}]\naudit: {path: audit.log}\n",
    );
    server
}

/// A server that has done something, and has stopped.
fn used() -> Server {
    let mut server = server();
    server.start();
    server.until(&["channels"], |all| !all.as_array().unwrap().is_empty());
    server.ask(&["request", "--from", "alice", "--to", "echo", "a secret"]);
    server.ask(&["quarantine", "--agent", "echo"]);
    server.ask(&["restore", "--agent", "echo"]);
    assert!(!server.run(&["quarantine", "--agent", "nobody"]).status.success());
    server.stop();
    server
}

fn lines(server: &Server) -> Vec<String> {
    fs::read_to_string(server.file("audit.log")).unwrap().lines().map(str::to_owned).collect()
}

fn entries(output: &Output) -> Vec<Value> {
    let text = String::from_utf8(output.stdout.clone()).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// The exit code of a check, and what it says.
fn check(server: &Server, lines: &[String], more: &[&str]) -> (Option<i32>, String) {
    let kept = fs::read(server.file("audit.log")).unwrap();
    fs::write(server.file("audit.log"), lines.join("\n") + "\n").unwrap();
    let mut args = vec!["export-audit", "--verify"];
    args.extend(more);
    let checked = server.run(&args);
    fs::write(server.file("audit.log"), kept).unwrap();
    (checked.status.code(), String::from_utf8(checked.stderr).unwrap())
}

#[test]
fn what_matters_is_told_and_the_chain_goes_on_after_a_restart() {
    let mut server = used();
    let mode = fs::metadata(server.file("audit.log")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let exported = server.run(&["export-audit", "--verify"]);
    assert!(exported.status.success(), "{exported:?}");
    let told = entries(&exported);
    let events: Vec<_> = told.iter().map(|entry| entry["event"].as_str().unwrap()).collect();
    assert_eq!((events[0], events[events.len() - 1]), ("Started", "Stopped"), "{events:?}");
    for event in ["AgentBound", "ChannelOpened", "AgentQuarantined", "AgentRestored", "Operator", "Drained"] {
        assert!(events.contains(&event), "{event}: {events:?}");
    }
    let said: Vec<_> = told.iter().filter(|entry| entry["event"] == "Operator").collect();
    assert_eq!(said.len(), 4, "{said:?}");
    assert!(said.iter().all(|entry| entry["uid"] == rustix::process::geteuid().as_raw()));
    assert_eq!(
        (&said[1]["detail"]["asked"]["do"], &said[1]["detail"]["asked"]["agent"]),
        (&"quarantine".into(), &"echo".into())
    );
    assert!(said[3]["detail"]["refused"].as_str().unwrap().contains("nobody"));
    assert!(!lines(&server).iter().any(|line| line.contains("a secret")));

    // Killed, and half a line on the disk.
    server.start();
    server.kill();
    let mut log = fs::read_to_string(server.file("audit.log")).unwrap();
    log.push_str("{\"seq\":99");
    fs::write(server.file("audit.log"), log).unwrap();
    server.start();
    server.stop();
    let exported = server.run(&["export-audit", "--verify"]);
    assert!(exported.status.success(), "{exported:?}");
    let told = entries(&exported);
    let torn = told.iter().find(|entry| entry["event"] == "TornLine").unwrap();
    assert_eq!(torn["detail"]["removed"], "{\"seq\":99");
    for (index, entry) in told.iter().enumerate() {
        assert_eq!(entry["seq"], index + 1);
    }
    // Since then, and since long ago.
    assert_eq!(entries(&server.run(&["export-audit", "--since", "1h"])).len(), told.len());
    assert_eq!(entries(&server.run(&["export-audit", "--since", "2999-01-01T00:00:00Z"])).len(), 0);
}

#[test]
fn whatever_is_done_to_it_is_found() {
    let server = used();
    let whole = lines(&server);
    let (code, said) = check(&server, &whole, &[]);
    assert_eq!(code, Some(0), "{said}");
    let last = said.lines().find_map(|line| line.strip_prefix("last hash: ")).unwrap().to_owned();

    let mut changed = whole.clone();
    changed[3] = changed[3].replacen("\"event\":\"", "\"event\":\"X", 1);
    let (code, said) = check(&server, &changed, &[]);
    assert!(code == Some(1) && said.contains("line 4, entry 4: it was changed"), "{said}");

    let mut removed = whole.clone();
    removed.drain(2..4);
    let (code, said) = check(&server, &removed, &[]);
    assert!(code == Some(1) && said.contains("before line 3: entries 3 to 4 were removed"), "{said}");

    let mut moved = whole.clone();
    moved.swap(1, 2);
    let (code, said) = check(&server, &moved, &[]);
    assert!(code == Some(1) && said.contains("line 2: entry 3 stands where entry 2 was"), "{said}");

    // The chain alone does not show that its end is gone; a hash that was kept elsewhere does.
    let cut = &whole[..whole.len() - 1];
    assert_eq!(check(&server, cut, &[]).0, Some(0));
    let (code, said) = check(&server, cut, &["--expect-last", &last]);
    assert!(code == Some(1) && said.contains("were removed"), "{said}");
    assert_eq!(check(&server, &whole, &["--expect-last", &last]).0, Some(0));

    // Nothing is added to a log that was changed at its end.
    fs::write(server.file("audit.log"), changed.join("\n") + "\n").unwrap();
    let refused = server.run(&["run"]);
    assert_eq!(refused.status.code(), Some(2));
    assert!(String::from_utf8(refused.stderr).unwrap().contains("was changed at its end"));
}
