//! The control socket: what it does, and what it refuses.

use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::time::Instant;

use rustix::process::Signal;
use serde_json::Value;

use crate::place::{LONG, Server, mfp};

fn pair() -> [Server; 2] {
    let [a, b] = ["a", "b"].map(Server::init);
    let peers = [b.as_peer("b"), a.as_peer("a")];
    a.configure(
        "a",
        &format!(
            "agents: [{{name: alice, type: external}}, {{name: echo, type: echo}}]\n\
             channels: [{{agent: alice, to: echo, depth: 8}}, {{agent: alice, peer: b, to: bob}}]\n\
             federation: {{peers: [{}]}}\n",
            peers[0]
        ),
    );
    b.configure("b", &format!("agents: [{{name: bob, type: external}}]\nfederation: {{peers: [{}]}}\n", peers[1]));
    let mut all = [a, b];
    all.iter_mut().for_each(Server::start);
    all[0].until(&["channels"], |all| {
        let open = |to: &str| all.as_array().unwrap().iter().any(|channel| channel["to"] == to);
        open("echo") && open("bob")
    });
    all[0].until(&["peers"], |peers| peers[0]["state"] == "up");
    all
}

#[test]
fn every_command_does_what_it_says() {
    let [mut a, mut b] = pair();
    assert_eq!(a.ask(&["status"])["agents"], 2);
    assert_eq!(a.ask(&["agents"])[0]["name"], "alice");
    a.until(&["peers"], |peers| peers[0]["state"] == "up" && peers[0]["name"] == "b");
    // Inside the server, and to the peer and back.
    let answer = a.ask(&["request", "--from", "alice", "--to", "echo", "hello"]);
    assert_eq!(answer["body"]["payload"], "hello");
    let receipt = a.ask(&["send", "--from", "alice", "--to", "bob@b", "--acked", "across"]);
    let taken = b.ask(&["receive", "bob", "--reply", "and back"]);
    assert_eq!((&taken["body"]["payload"], &taken["message"]), (&Value::from("across"), &receipt["message"]));
    // The peer is the one whose key was proved, and the name is what it says.
    assert_eq!(taken["from"]["agent"], "alice");
    assert_eq!(taken["from"]["peer"], "a");
    let back = a.ask(&["receive", "alice"]);
    assert_eq!((&back["body"]["payload"], &back["reply_to"]), (&Value::from("and back"), &receipt["message"]));
    // For people: what is in the message, and nothing else.
    let plain = a.run(&["request", "--from", "alice", "--to", "echo", "plain"]);
    assert_eq!(plain.stdout, b"plain\n");
    // Quarantine and back.
    a.ask(&["quarantine", "--agent", "alice"]);
    assert_eq!(a.ask(&["agents"])[0]["state"], "quarantined");
    assert_eq!(a.run(&["send", "--from", "alice", "--to", "echo", "no"]).status.code(), Some(1));
    a.ask(&["restore", "--agent", "alice"]);
    a.ask(&["rotate", "b"]);
    a.until(&["peers"], |peers| peers[0]["rotations"] == 1);
    a.ask(&["redial", "b"]);
    // There is nothing to recover from.
    assert_eq!(a.run(&["recover", "accept-gap", "b"]).status.code(), Some(1));
    assert_eq!(a.ask(&["dead-letters", "list"]), Value::Array(Vec::new()));
    assert_eq!(a.run(&["dead-letters", "purge", "00"]).status.code(), Some(1));
    let copy = a.file("copy.db");
    a.ask(&["backup", copy.to_str().unwrap()]);
    assert!(copy.exists());
    let channel = a.ask(&["open", "alice", "b", "bob"])["channel"].as_str().unwrap().to_owned();
    a.ask(&["close", &channel[..12]]);
    a.until(&["channels"], |all| all.as_array().unwrap().iter().all(|other| other["id"] != channel.as_str()));
    assert_eq!(a.run(&["send", "--from", "nobody", "--to", "echo", "x"]).status.code(), Some(1));
    assert_eq!(a.run(&["send", "--from", "alice", "--to", "nobody", "x"]).status.code(), Some(1));
    a.stop();
    b.stop();
    assert_eq!(a.run(&["status"]).status.code(), Some(3), "no server is there");
    assert!(!a.file("mfp.sock").exists());
}

#[test]
fn no_payload_and_no_key_is_in_a_log_at_any_level() {
    let [mut a, mut b] = ["a", "b"].map(Server::init);
    let peers = [b.as_peer("b"), a.as_peer("a")];
    let agents = "log: {level: trace}\nagents: [{name: alice, type: external}, {name: echo, type: echo}]\n";
    let channels = "channels: [{agent: alice, to: echo}, {agent: alice, peer: b, to: echo}]\n";
    a.configure("a", &format!("{agents}{channels}federation: {{peers: [{}]}}\n", peers[0]));
    b.configure("b", &format!("{agents}federation: {{peers: [{}]}}\n", peers[1]));
    a.start();
    b.start();
    a.until(&["channels", "--agent", "alice"], |all| all.as_array().unwrap().len() == 2);
    let payload = "what nobody else has to read";
    for to in ["echo", "echo@b"] {
        assert_eq!(a.ask(&["request", "--from", "alice", "--to", to, payload])["body"]["payload"], payload);
    }
    a.ask(&["rotate", "b"]);
    a.until(&["peers"], |peers| peers[0]["rotations"] == 1);
    a.stop();
    b.stop();
    let hidden = |server: &Server, text: &str| !server.log().to_lowercase().contains(&text.to_lowercase());
    for server in [&a, &b] {
        assert!(server.log().contains("RemoteChannelOpened"), "there is no log: {}", server.log());
        assert!(hidden(server, payload) && hidden(server, &hex::encode(payload)));
        for key in ["identity.key", "master.key"] {
            let key = std::fs::read_to_string(server.file(key)).unwrap();
            assert!(hidden(server, key.trim()) && hidden(server, &key[..16]), "a key is in the log");
        }
    }
}

/// One that no handler has handled is tried again when an operator says so, and the other is dropped.
#[test]
fn dead_letters_are_tried_again_and_purged() {
    let mut server = Server::init("a");
    server.configure(
        "a",
        "agents: [{name: alice, type: external}, {name: bob, type: external}]\nchannels: [{agent: alice, to: bob}]\n",
    );
    server.start();
    server.until(&["channels", "--agent", "alice"], |all| all.as_array().unwrap().len() == 1);
    // Whoever takes a message and goes without having finished it has failed it.
    let taken_and_left = || {
        let mut socket = UnixStream::connect(server.file("mfp.sock")).unwrap();
        writeln!(socket, r#"{{"do":"receive","agent":"bob","timeout_ms":200}}"#).unwrap();
        let mut line = String::new();
        BufReader::new(socket).read_line(&mut line).unwrap();
    };
    let dead = |count: usize| {
        let start = Instant::now();
        while server.ask(&["dead-letters", "list"]).as_array().unwrap().len() != count {
            taken_and_left();
            assert!(start.elapsed() < LONG, "{}", server.log());
        }
    };
    let [one, other] = ["one", "other"].map(|text| {
        server.ask(&["send", "--from", "alice", "--to", "bob", text])["message"].as_str().unwrap().to_owned()
    });
    dead(2);
    server.ask(&["dead-letters", "purge", &other]);
    server.ask(&["dead-letters", "retry", &one]);
    assert_eq!(server.ask(&["receive", "bob"])["body"]["payload"], "one");
    assert_eq!(server.ask(&["dead-letters", "list"]), Value::Array(Vec::new()));
    assert_eq!(server.run(&["dead-letters", "retry", &other]).status.code(), Some(1), "it is gone");
    assert_eq!(server.run(&["receive", "bob", "--timeout", "300ms"]).status.code(), Some(1));
    server.stop();
}

#[test]
fn events_are_followed_as_they_happen() {
    let [a, b] = pair();
    let mut command = Command::new(env!("CARGO_BIN_EXE_mfp"));
    command.args(["tail", "--json", "--config"]).arg(a.file("mfp.yaml")).stdout(Stdio::piped());
    let mut tail = command.spawn().unwrap();
    let mut lines = BufReader::new(tail.stdout.take().unwrap()).lines();
    let mut next = || serde_json::from_str::<Value>(&lines.next().unwrap().unwrap()).unwrap();
    assert_eq!(next()["event"], "Listening");
    a.ask(&["quarantine", "--agent", "echo"]);
    assert_eq!(next()["event"], "AgentQuarantined");
    drop(b);
    while next()["event"] != "LinkDown" {}
    tail.kill().unwrap();
    tail.wait().unwrap();
}

#[test]
fn what_it_cannot_understand_it_refuses() {
    let mut server = Server::init("a");
    server.configure("a", "agents: [{name: echo, type: echo}]\n");
    server.start();
    let socket = server.file("mfp.sock");
    assert_eq!(std::fs::metadata(&socket).unwrap().permissions().mode() & 0o777, 0o600);
    let ask = |line: &[u8]| {
        let mut stream = UnixStream::connect(&socket).unwrap();
        // It may close before it has read all.
        let _ = stream.write_all(line);
        let mut answer = String::new();
        let _ = BufReader::new(stream).read_line(&mut answer);
        answer
    };
    for line in [
        &b"\n"[..],
        b"hello\n",
        b"{\"do\":\"fly\"}\n",
        b"{\"do\":\"status\",\"more\":1}\n",
        b"{\"do\":\"close\"}\n",
        b"{\"do\":\"send\",\"from\":\"echo\",\"to\":{\"channel\":\"00\"},\"body\":{\"payload_base64\":\"?\"}}\n",
        b"{\"do\":\"send\",\"from\":\"echo\",\"to\":{\"channel\":\"00\"},\"body\":{\"payload\":\"x\"},\"reply_to\":7}\n",
        b"{\"do\":\"send\",\"from\":\"echo\",\"to\":{\"channel\":\"00\"},\"body\":{\"payload\":\"x\"},\"more\":1}\n",
        b"{\"do\":\"backup\",\"path\":\"relative\"}\n",
        b"[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[\n",
        b"\xff\xfe\n",
    ] {
        let answer = ask(line);
        let quiet = answer.is_empty() && line == b"\xff\xfe\n";
        assert!(quiet || answer.starts_with("{\"error\":"), "{}: {answer}", String::from_utf8_lossy(line));
    }
    let long = ask(&vec![b'x'; 3 << 20]);
    assert!(long.is_empty() || long.contains("has at most"), "{long}");
    assert!(server.run(&["status"]).status.success(), "it goes on");
    // One that is there already is not pushed aside, and one that was killed leaves no obstacle.
    let config = server.file("mfp.yaml");
    let second = mfp(&["run", "--config", config.to_str().unwrap()]);
    assert_eq!(second.status.code(), Some(2));
    assert!(server.run(&["status"]).status.success());
    server.kill();
    assert!(socket.exists());
    server.start();
    server.stop();
}

/// Somebody else is refused, whatever the socket's mode.
#[test]
fn it_serves_its_owner_alone() {
    let mut server = Server::init("a");
    server.configure("a", "agents: [{name: echo, type: echo}]\n");
    server.start();
    let (socket, folder) = (server.file("mfp.sock"), server.folder.path());
    for path in [folder, &socket] {
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
    }
    let script = format!(
        "import socket\ns = socket.socket(socket.AF_UNIX)\ns.connect('{}')\ns.sendall(b'{{\"do\":\"status\"}}\\n')\n\
         try:\n    print(s.recv(100))\nexcept ConnectionError:\n    print(b'')",
        socket.display()
    );
    let run =
        |uid: &str| Command::new("setpriv").args(["--reuid", uid, "--clear-groups", "python3", "-c", &script]).output();
    match run("65534") {
        Ok(output) if output.status.success() => {
            assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), "b''");
            let own = run("0").unwrap();
            assert!(String::from_utf8_lossy(&own.stdout).contains("runtime"), "the same as its owner is answered");
            assert_eq!(server.log().matches("a control connection was refused").count(), 1);
        }
        other => eprintln!("SKIPPED: this process cannot become another user: {other:?}"),
    }
    server.stop();
}

#[test]
fn peers_are_read_again() {
    let [mut a, b] = pair();
    let before = std::fs::read_to_string(a.file("mfp.yaml")).unwrap();
    std::fs::write(a.file("mfp.yaml"), before.replace("accept: all", "accept: none")).unwrap();
    let changes = a.ask(&["reload"])["changes"].to_string();
    assert!(changes.contains("accept policy"), "{changes}");
    let refused = b.run(&["open", "bob", "a", "alice"]);
    assert_eq!(refused.status.code(), Some(1), "{refused:?}");
    // One that is unsound changes nothing.
    std::fs::write(a.file("mfp.yaml"), before.replace("alice, type", "alice, kind")).unwrap();
    a.signal(Signal::HUP);
    let start = Instant::now();
    while !a.log().contains("the configuration is as before") {
        assert!(start.elapsed() < LONG, "{}", a.log());
        std::thread::sleep(std::time::Duration::from_millis(10));
    }
    std::fs::write(a.file("mfp.yaml"), &before).unwrap();
    a.stop();
}
