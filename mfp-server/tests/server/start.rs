//! How it starts, and what it refuses to start with.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use crate::place::{Server, mfp};

#[test]
fn what_init_writes_can_be_run() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("server");
    let made = mfp(&["init", dir.to_str().unwrap(), "--listen", "127.0.0.1:0"]);
    assert!(made.status.success(), "{made:?}");
    let config = dir.join("mfp.yaml");
    let checked = mfp(&["check", "--config", config.to_str().unwrap()]);
    assert!(checked.status.success(), "{checked:?}");
    for key in ["identity.key", "master.key"] {
        assert_eq!(fs::metadata(dir.join(key)).unwrap().permissions().mode() & 0o777, 0o600);
    }
    // Nothing is overwritten.
    assert_eq!(mfp(&["init", dir.to_str().unwrap()]).status.code(), Some(2));
    assert_eq!(mfp(&["keygen", dir.join("master.key").to_str().unwrap()]).status.code(), Some(2));
}

#[test]
fn an_unsound_file_is_refused_before_anything_starts() {
    let server = Server::init("a");
    server.configure("a", "agents: [{name: echo, type: echo, tiemout: 1s}]\nlog: {lvel: info}\n");
    for command in ["check", "run"] {
        let refused = server.run(&[command]);
        assert_eq!(refused.status.code(), Some(2));
        let said = String::from_utf8(refused.stderr).unwrap();
        assert!(said.contains("mfp.yaml:4:") && said.contains("tiemout"), "{said}");
        assert!(said.contains("mfp.yaml:5:7:") && said.contains("lvel") && said.contains("level"), "{said}");
    }
    assert!(!server.file("mfp.db").exists());
}

#[test]
fn a_store_is_given_another_key() {
    let mut server = Server::init("a");
    server.configure("a", "agents: [{name: alice, type: external}, {name: echo, type: echo}]\n");
    server.start();
    let new = server.file("new.key");
    assert!(mfp(&["keygen", new.to_str().unwrap()]).status.success());
    assert_eq!(server.run(&["rekey", new.to_str().unwrap()]).status.code(), Some(2), "the server runs");
    server.stop();
    assert!(server.run(&["rekey", new.to_str().unwrap()]).status.success());
    assert_eq!(server.run(&["run"]).status.code(), Some(2), "the old key opens nothing");
    fs::rename(&new, server.file("master.key")).unwrap();
    server.start();
    server.stop();
}

/// Nobody writes to these pipes, and nothing waits for that.
#[test]
fn pipes_are_no_files() {
    let server = Server::init("a");
    let pipe = |name: &str| {
        fs::rename(server.file(name), server.file("aside")).unwrap();
        let made = std::process::Command::new("mkfifo").arg("--mode=600").arg(server.file(name)).status().unwrap();
        assert!(made.success());
        assert_eq!(server.run(&["check"]).status.code(), Some(2), "{name}");
        fs::rename(server.file("aside"), server.file(name)).unwrap();
    };
    for name in ["mfp.yaml", "identity.key", "master.key"] {
        pipe(name);
    }
    assert!(server.run(&["check"]).status.success());
}

#[test]
fn completions_and_a_manual_page() {
    for shell in ["bash", "zsh", "fish"] {
        let script = mfp(&["completions", shell]);
        assert!(String::from_utf8(script.stdout).unwrap().contains("dead-letters"));
    }
    let page = String::from_utf8(mfp(&["man"]).stdout).unwrap();
    assert!(page.contains(".TH mfp") && page.contains("quarantine"));
}

#[test]
fn two_processes_exchange_a_text_through_a_kill() {
    let shown = mfp(&["demo", "--messages", "400"]);
    let report = String::from_utf8(shown.stdout).unwrap();
    assert!(shown.status.success(), "{report}{}", String::from_utf8_lossy(&shown.stderr));
    assert!(report.contains("verified  400 lines had a receipt, 400 arrived"), "{report}");
}
