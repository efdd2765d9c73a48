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

#[test]
fn the_chain_goes_on_over_files_of_bounded_size() {
    let mut server = server();
    let file = server.file("mfp.yaml");
    let text = fs::read_to_string(&file).unwrap();
    fs::write(&file, text.replace("audit.log}", "audit.log, max_size: 64KiB, keep: 2}")).unwrap();
    let full = |server: &Server| {
        let names = fs::read_dir(server.folder.path()).unwrap().map(|entry| entry.unwrap().file_name());
        let names = names.filter_map(|name| name.to_str()?.strip_prefix("audit.log.")?.parse::<u64>().ok());
        let mut names: Vec<_> = names.collect();
        names.sort_unstable();
        names
    };
    server.start();
    server.until(&["channels"], |all| !all.as_array().unwrap().is_empty());
    // Entries that are long, so that it does not take many.
    let long = "x".repeat(20_000);
    let tell = |server: &Server| assert!(!server.run(&["quarantine", "--agent", &long]).status.success());
    let mut last = String::new();
    for round in 0..5 {
        (0..2).for_each(|_| tell(&server));
        if round == 2 {
            server.kill();
            server.start();
        }
        let checked = server.run(&["export-audit", "--verify"]);
        let said = String::from_utf8(checked.stderr).unwrap();
        assert!(checked.status.success(), "{said}");
        said.lines().find_map(|line| line.strip_prefix("last hash: ")).unwrap().clone_into(&mut last);
    }
    server.stop();
    let names = full(&server);
    assert_eq!(names.len(), 2, "{names:?}");
    for entry in fs::read_dir(server.folder.path()).unwrap().map(Result::unwrap) {
        if entry.file_name().to_str().unwrap().starts_with("audit.log") {
            let found = entry.metadata().unwrap();
            assert!(found.len() <= 64 << 10, "{entry:?}");
            assert_eq!(found.permissions().mode() & 0o777, 0o600);
        }
    }
    // Without a break, from the first that is kept; and what was the last is still there.
    let exported = server.run(&["export-audit", "--verify", "--expect-last", &last]);
    let said = String::from_utf8(exported.stderr.clone()).unwrap();
    assert!(exported.status.success() && said.contains("were in files that are not here"), "{said}");
    let told = entries(&exported);
    let numbers: Vec<_> = told.iter().map(|entry| entry["seq"].as_u64().unwrap()).collect();
    assert!(numbers.windows(2).all(|two| two[1] == two[0] + 1), "{numbers:?}");
    assert_eq!((&told[0]["event"], &told[told.len() - 1]["event"]), (&"Continued".into(), &"Stopped".into()));
    // A file out of the middle is missed.
    fs::rename(server.file(&format!("audit.log.{}", names[1])), server.file("aside")).unwrap();
    let checked = server.run(&["export-audit", "--verify"]);
    assert_eq!(checked.status.code(), Some(1));
    assert!(String::from_utf8(checked.stderr).unwrap().contains("were removed"));
    fs::rename(server.file("aside"), server.file(&format!("audit.log.{}", names[1]))).unwrap();
    // The machine stopped between two files: it goes on where the chain was.
    fs::remove_file(server.file("audit.log")).unwrap();
    server.start();
    server.stop();
    assert!(server.run(&["export-audit", "--verify"]).status.success());
}
