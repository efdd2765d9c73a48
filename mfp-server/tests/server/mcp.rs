//! `mfp mcp`: an agent's messages as tools, for hosts of several kinds.
#![allow(clippy::needless_pass_by_value, reason = "calls read better with `json!` in them than with `&json!`")]

use std::fs;
use std::io::{BufRead as _, BufReader, Lines, Write as _};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::agents::stub;
use crate::place::{LONG, Server};

/// A host that speaks line by line.
pub(crate) struct Host {
    child: Child,
    stdin: ChildStdin,
    lines: Lines<BufReader<ChildStdout>>,
    next: u64,
}

impl Host {
    fn start(server: &Server, agent: &str) -> Self {
        let config = server.file("mfp.yaml");
        Self::start_with(server, &["mcp", "--agent", agent, "--config", config.to_str().unwrap()])
    }

    /// Starts the program with these arguments.
    pub(crate) fn start_with(server: &Server, args: &[&str]) -> Self {
        let log = fs::File::options().create(true).append(true).open(server.file("mcp.log")).unwrap();
        let mut command = Command::new(env!("CARGO_BIN_EXE_mfp"));
        command.env_remove("MFP_CONFIG").env_remove("MFP_CONTROL");
        let mut child = command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(log).spawn().unwrap();
        let (stdin, stdout) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
        let mut host = Self { child, stdin, lines: BufReader::new(stdout).lines(), next: 0 };
        let hello = json!({ "protocolVersion": "2025-06-18", "capabilities": {}, "clientInfo": { "name": "test", "version": "1" } });
        let answer = host.ask("initialize", hello);
        assert_eq!(answer["result"]["serverInfo"]["name"], "mfp", "{answer}");
        host.say(r#"{"jsonrpc":"2.0","method":"notifications/initialized"}"#);
        host
    }

    fn say(&mut self, line: &str) {
        writeln!(self.stdin, "{line}").unwrap();
    }

    fn line(&mut self) -> Value {
        serde_json::from_str(&self.lines.next().unwrap().unwrap()).unwrap()
    }

    fn tell(&mut self, method: &str, params: Value) -> u64 {
        self.next += 1;
        self.say(&json!({ "jsonrpc": "2.0", "id": self.next, "method": method, "params": params }).to_string());
        self.next
    }

    pub(crate) fn ask(&mut self, method: &str, params: Value) -> Value {
        let id = self.tell(method, params);
        self.answer(id)
    }

    fn answer(&mut self, id: u64) -> Value {
        loop {
            let line = self.line();
            if line["id"] == id {
                return line;
            }
        }
    }

    /// A call: whether it went wrong, and what came of it.
    fn tried(&mut self, tool: &str, arguments: Value) -> (bool, Value) {
        let answer = self.ask("tools/call", json!({ "name": tool, "arguments": arguments }));
        let result = &answer["result"];
        assert!(result["content"][0]["text"].is_string(), "{answer}");
        (result["isError"] == true, result["structuredContent"].clone())
    }

    fn call(&mut self, tool: &str, arguments: Value) -> Value {
        let (wrong, result) = self.tried(tool, arguments);
        assert!(!wrong, "{result}");
        result
    }

    /// A call that goes wrong, and the code of its error.
    fn refused(&mut self, tool: &str, arguments: Value) -> String {
        let (wrong, result) = self.tried(tool, arguments);
        assert!(wrong, "{result}");
        result["error"]["code"].as_str().unwrap().to_owned()
    }

    /// Closes its input: it ends by itself.
    pub(crate) fn end(self) {
        let Self { mut child, stdin, .. } = self;
        drop(stdin);
        let start = Instant::now();
        while child.try_wait().unwrap().is_none() {
            assert!(start.elapsed() < LONG);
            sleep(Duration::from_millis(5));
        }
        assert!(child.wait().unwrap().success());
    }
}

/// One with an agent for the host, `ann`, and two it can write to.
fn alone() -> Server {
    let mut server = Server::init("a");
    server.configure(
        "a",
        "agents: [{name: ann, type: external}, {name: bob, type: external}, {name: echo, type: echo}]\n\
         channels: [{agent: ann, to: bob}, {agent: ann, to: echo}]\n",
    );
    server.start();
    server.until(&["channels", "--agent", "ann"], |all| all.as_array().unwrap().len() == 2);
    server
}

#[test]
fn the_tools_do_what_they_say() {
    let mut server = alone();
    let mut host = Host::start(&server, "ann");
    let tools = host.ask("tools/list", json!({}));
    let names: Vec<_> = tools["result"]["tools"].as_array().unwrap().iter().map(|tool| &tool["name"]).collect();
    assert_eq!(names, ["mfp_send", "mfp_channels", "mfp_status", "mfp_receive"]);
    let channels = host.call("mfp_channels", json!({}));
    assert_eq!(channels["channels"].as_array().unwrap().len(), 2);
    let status = host.call("mfp_status", json!({}));
    assert_eq!((&status["agent"]["name"], &status["held"]), (&json!("ann"), &Value::Null));
    // One goes to an agent that echoes, and its answer stays until it is finished.
    let sent = host.call("mfp_send", json!({ "to": "echo", "payload": "hello", "wait": "acked" }));
    let answer = host.call("mfp_receive", json!({}));
    assert_eq!((&answer["body"]["payload"], &answer["reply_to"]), (&json!("hello"), &sent["message"]));
    assert_eq!(host.call("mfp_status", json!({}))["held"], answer["message"]);
    assert_eq!(host.call("mfp_receive", json!({}))["message"], answer["message"], "it is not finished");
    let none = host.call("mfp_receive", json!({ "ack": [answer["message"], "ff"], "timeout_seconds": 0.2 }));
    assert_eq!((&none["message"], &none["acked"]), (&Value::Null, &json!([answer["message"]])));
    assert_eq!(none["not_acked"][0]["id"], "ff");
    // A message to it is answered, which finishes it.
    let asked = server.ask(&["send", "--from", "bob", "--to", "ann", "a question"]);
    let question = host.call("mfp_receive", json!({}));
    assert_eq!(question["message"], asked["message"]);
    let wrong = json!({ "reply_to": question["message"], "to": "echo", "payload": "x" });
    assert_eq!(host.refused("mfp_send", wrong), "malformed");
    let reply = host.call(
        "mfp_send",
        json!({ "reply_to": question["message"], "payload_base64": "AP8=", "content_type": "application/x-test" }),
    );
    assert_eq!(reply["finished"], true);
    let back = server.ask(&["receive", "bob"]);
    assert_eq!((&back["reply_to"], &back["body"]["payload_base64"]), (&asked["message"], &json!("AP8=")));
    assert_eq!(back["body"]["content_type"], "application/x-test");
    assert_eq!(host.call("mfp_receive", json!({ "timeout_seconds": 0 }))["message"], Value::Null);
    // It may be answered later too, over its channel.
    let late = host.call("mfp_send", json!({ "reply_to": asked["message"], "to": "bob", "payload": "more" }));
    let back = server.ask(&["receive", "bob"]);
    assert_eq!((&back["reply_to"], &back["message"]), (&asked["message"], &late["message"]));
    // The largest that there may be, of what grows most as JSON.
    let large = "\u{1}".repeat(1 << 20);
    host.call("mfp_send", json!({ "to": "echo", "payload": large }));
    let echoed = host.call("mfp_receive", json!({}));
    assert_eq!(echoed["body"]["payload"].as_str(), Some(&*large));
    // What is held when the host goes is given back.
    host.end();
    let again = server.ask(&["receive", "ann"]);
    assert_eq!(again["message"], echoed["message"]);
    server.stop();
}

#[test]
fn what_cannot_be_understood_is_refused() {
    let mut server = alone();
    let mut host = Host::start(&server, "ann");
    for (tool, arguments) in [
        ("mfp_send", json!({})),
        ("mfp_send", json!({ "to": "bob" })),
        ("mfp_send", json!({ "payload": "x" })),
        ("mfp_send", json!({ "to": 7, "payload": "x" })),
        ("mfp_send", json!({ "to": "bob", "payload": "x", "payload_base64": "eA==" })),
        ("mfp_send", json!({ "to": "bob", "payload_base64": "?" })),
        ("mfp_send", json!({ "to": "bob", "payload": "x", "wait": "forever" })),
        ("mfp_send", json!({ "to": "bob", "payload": "x", "more": 1 })),
        ("mfp_send", json!({ "to": "bob", "payload": "x", "timeout_seconds": 601 })),
        ("mfp_send", json!({ "to": "bob", "payload": "x", "reply_to": "no id" })),
        ("mfp_send", json!({ "to": "bob", "payload": "x".repeat((1 << 20) + 1) })),
        ("mfp_receive", json!({ "timeout_seconds": -1 })),
        ("mfp_receive", json!({ "timeout_seconds": 1e300 })),
        ("mfp_receive", json!({ "ack": "id" })),
        ("mfp_receive", json!({ "ack": vec!["id"; 101] })),
        ("mfp_channels", json!({ "more": 1 })),
        ("mfp_status", json!({ "more": 1 })),
    ] {
        assert_eq!(host.refused(tool, arguments.clone()), "malformed", "{tool}");
    }
    for (tool, arguments) in [
        ("mfp_send", json!({ "to": "nobody", "payload": "x" })),
        ("mfp_send", json!({ "to": "bob@nowhere", "payload": "x" })),
        ("mfp_send", json!({ "to": "00000000", "payload": "x" })),
        ("mfp_send", json!({ "to": "", "payload": "x" })),
        ("mfp_send", json!({ "reply_to": "00", "payload": "x" })),
        ("mfp_fly", json!({})),
    ] {
        assert_eq!(host.refused(tool, arguments), "unknown");
    }
    // What is not of the protocol is no call, and the session goes on.
    for line in [
        "",
        "hello",
        "[]",
        "{}",
        "7",
        "\"\\ud800\"",
        r#"{"jsonrpc":"2.0","id":900}"#,
        "\u{0}",
        r#"{"jsonrpc":"1.0","id":901,"method":"tools/call"}"#,
    ] {
        host.say(line);
    }
    host.stdin.write_all(b"\xff\xfe\n").unwrap();
    let odd = host.ask("tools/call", json!({ "name": 7 }));
    assert!(odd["error"].is_object(), "{odd}");
    let unknown = host.ask("no/such", json!({}));
    assert!(unknown["error"].is_object(), "{unknown}");
    // A call that is cancelled takes nothing.
    let waiting = host.tell("tools/call", json!({ "name": "mfp_receive", "arguments": { "timeout_seconds": 600 } }));
    let status = host.call("mfp_status", json!({}));
    assert_eq!(status["agent"]["name"], "ann", "others are served while one waits");
    host.say(
        &json!({ "jsonrpc": "2.0", "method": "notifications/cancelled", "params": { "requestId": waiting } })
            .to_string(),
    );
    let asked = server.ask(&["send", "--from", "bob", "--to", "ann", "after"]);
    assert_eq!(host.call("mfp_receive", json!({}))["message"], asked["message"]);
    host.call("mfp_receive", json!({ "ack": [asked["message"]], "timeout_seconds": 0 }));
    host.end();
    for agent in ["echo", "nobody"] {
        let output = server.run(&["mcp", "--agent", agent]);
        assert_eq!(output.status.code(), Some(1));
        assert!(output.stdout.is_empty());
    }
    server.stop();
    assert_eq!(server.run(&["mcp", "--agent", "ann"]).status.code(), Some(3));
}

#[test]
fn a_session_outlives_its_server() {
    let mut server = alone();
    let mut host = Host::start(&server, "ann");
    let asked = server.ask(&["send", "--from", "bob", "--to", "ann", "one"]);
    let one = host.call("mfp_receive", json!({}));
    assert_eq!(one["message"], asked["message"]);
    server.kill();
    assert_eq!(host.refused("mfp_send", json!({ "to": "bob", "payload": "x", "timeout_seconds": 0.3 })), "absent");
    // It waits for the server to be there again.
    let waiting = host.tell("tools/call", json!({ "name": "mfp_status", "arguments": {} }));
    server.start();
    assert_eq!(host.answer(waiting)["result"]["structuredContent"]["agent"]["name"], "ann");
    // It is finished although the connection that held it has gone, and does not come again.
    let second = server.ask(&["send", "--from", "bob", "--to", "ann", "two"]);
    let two = host.call("mfp_receive", json!({ "ack": [one["message"]] }));
    assert_eq!((&two["message"], &two["acked"]), (&second["message"], &json!([one["message"]])));
    host.call("mfp_receive", json!({ "ack": [two["message"]], "timeout_seconds": 0 }));
    // Commits keep their order: when this is durable, so is what was finished before it, and it does not come again.
    server.ask(&["quarantine", "--agent", "bob"]);
    server.ask(&["restore", "--agent", "bob"]);
    // While it waits.
    let waiting = host.tell("tools/call", json!({ "name": "mfp_receive", "arguments": {} }));
    server.kill();
    server.start();
    let third = server.ask(&["send", "--from", "bob", "--to", "ann", "three"]);
    let three = host.answer(waiting)["result"]["structuredContent"].clone();
    assert_eq!(three["message"], third["message"]);
    host.call("mfp_send", json!({ "reply_to": three["message"], "payload": "and back", "wait": "acked" }));
    assert_eq!(server.ask(&["receive", "bob"])["reply_to"], third["message"]);
    host.end();
    server.stop();
}

/// Talks to a model at another server through a restart of each: it prints a line when it wants one, and goes on when it is
/// told.
const PYTHON: &str = include_str!("mcp_host.py");

/// The official client of another language, in a folder that stays; `None` if it cannot be had here.
fn python() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("mcp-venv");
    let python = folder.join("bin/python");
    let has = || Command::new(&python).args(["-c", "import mcp"]).output().is_ok_and(|output| output.status.success());
    if !has() {
        let made = Command::new("python3").args(["-m", "venv"]).arg(&folder).output();
        if !made.is_ok_and(|output| output.status.success()) {
            eprintln!("SKIPPED: there is no python3 with venv here");
            return None;
        }
        let mut pip = Command::new("timeout");
        pip.arg("120").arg(&python).args(["-m", "pip", "install", "--quiet", "mcp"]);
        let _ = pip.output();
    }
    if !has() {
        eprintln!("SKIPPED: the Python package mcp cannot be had here");
        return None;
    }
    Some(python)
}

#[test]
fn a_host_in_python_talks_to_a_model_through_restarts() {
    let Some(python) = python() else { return };
    let stub = stub();
    let [mut a, mut b] = crate::agents::pair([
        "agents: [{name: ann, type: external}]\nchannels: [{agent: ann, peer: b, to: model}]\n",
        &format!(
            "agents: [{{name: model, type: llm, base_url: \"http://{stub}/v1\", model: stub, system: Be brief.}}]\n"
        ),
    ]);
    a.start();
    b.start();
    a.until(&["channels"], |all| all.as_array().unwrap().len() == 1);
    fs::write(a.file("host.py"), PYTHON).unwrap();
    let mut command = Command::new("timeout");
    command.arg("120").arg(python).arg(a.file("host.py"));
    command.args([env!("CARGO_BIN_EXE_mfp"), a.file("mfp.yaml").to_str().unwrap()]);
    let mut host = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let mut stdin = host.stdin.take().unwrap();
    let mut said = Vec::new();
    for line in BufReader::new(host.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        match line.as_str() {
            "restart a" => {
                a.kill();
                a.start();
            }
            "restart b" => {
                b.kill();
                b.start();
            }
            _ => {}
        }
        said.push(line);
        writeln!(stdin, "go on").unwrap();
    }
    assert!(host.wait().unwrap().success(), "{said:?}\n{}\n{}", a.log(), b.log());
    assert_eq!(said, ["first: 2 turns", "restart a", "second: answered", "restart b", "third: answered", "end"]);
    a.stop();
    b.stop();
}

/// The command line of the inspector, which comes with the protocol.
#[test]
fn the_inspector_lists_and_calls() {
    let inspect = |server: &Server, more: &[&str]| {
        let mut command = Command::new("timeout");
        command.args(["60", "npx", "--yes", "@modelcontextprotocol/inspector", "--cli", env!("CARGO_BIN_EXE_mfp")]);
        command.args(["mcp", "--agent", "ann", "--control"]).arg(server.file("mfp.sock")).args(more);
        command.stdin(Stdio::null()).output()
    };
    let mut help = Command::new("timeout");
    help.args(["120", "npx", "--yes", "@modelcontextprotocol/inspector", "--cli", "--help"]).stdin(Stdio::null());
    if !help.output().is_ok_and(|output| output.status.success()) {
        eprintln!("SKIPPED: there is no npx here, or it cannot get the inspector");
        return;
    }
    let mut server = alone();
    let run = |more: &[&str]| {
        let output = inspect(&server, more).unwrap();
        let (said, wrong) = (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        assert!(output.status.success(), "{more:?}: {said}{wrong}");
        serde_json::from_str::<Value>(&said).unwrap_or_else(|error| panic!("{error}: {said}{wrong}"))
    };
    assert_eq!(run(&["--method", "tools/list"])["tools"].as_array().unwrap().len(), 4);
    let call = |tool: &str, arguments: &[&str]| {
        let mut all = vec!["--method", "tools/call", "--tool-name", tool];
        for argument in arguments {
            all.extend(["--tool-arg", argument]);
        }
        run(&all)["structuredContent"].clone()
    };
    assert_eq!(call("mfp_status", &[])["agent"]["name"], "ann");
    assert_eq!(call("mfp_channels", &[])["channels"].as_array().unwrap().len(), 2);
    let sent = call("mfp_send", &["to=echo", "payload=hello"]);
    let answer = call("mfp_receive", &["timeout_seconds=10"]);
    assert_eq!((&answer["reply_to"], &answer["body"]["payload"]), (&sent["message"], &json!("hello")));
    server.stop();
}
