//! Programs that do as they should, and programs that do not.

use std::time::{Duration, Instant};

use base64::Engine as _;
use tempfile::TempDir;

use super::{LONG, World, agent, alive, program, python, until};
use crate::agents::Running;
use crate::config::Backend;

#[tokio::test(flavor = "multi_thread")]
async fn messages_arrive_whole_and_bytes_go_both_ways() {
    let directory = TempDir::new().unwrap();
    let script = r#"
hello = json.loads(sys.stdin.readline())
for line in sys.stdin:
    line = json.loads(line)
    if line["type"] == "message":
        line["hello"] = hello
        line["env"] = sorted(os.environ)
        line["cwd"] = os.getcwd()
        if "payload_base64" in line: say(type="reply", id=line["id"], payload_base64=line["payload_base64"])
        else: say(type="reply", id=line["id"], payload=json.dumps(line), content_type="application/json")
"#;
    let mut config = python(&directory, script);
    config.environment.insert("OWN".into(), "1".into());
    let world = World::new(Backend::Subprocess(config)).await;
    let answer = world.ask("text").await.unwrap();
    assert_eq!(answer.meta.as_ref().unwrap().content_type.as_deref(), Some("application/json"));
    let line: serde_json::Value = serde_json::from_slice(&answer.payload).unwrap();
    assert_eq!(line["payload"], "text");
    assert_eq!(line["channel"], world.channel.to_string());
    assert_eq!(line["from"]["agent"], "somebody");
    assert_eq!(line["from"]["runtime"], world.runtime.id().to_string());
    assert_eq!(line["hello"]["version"], 1);
    assert_eq!(line["hello"]["agent"], "it");
    assert_eq!(line["cwd"], directory.path().canonicalize().unwrap().to_str().unwrap());
    for name in line["env"].as_array().unwrap() {
        let name = name.as_str().unwrap();
        assert!(["HOME", "LANG", "LC_CTYPE", "OWN", "PATH", "TZ"].contains(&name), "{name}");
    }
    assert_eq!(&*world.ask(b"\xff\x00bytes").await.unwrap().payload, b"\xff\x00bytes");
    // The largest message of which every byte is escaped.
    let largest = vec![0; 1 << 20];
    assert!(*world.ask(&largest).await.unwrap().payload == *largest);
    assert!(base64::engine::general_purpose::STANDARD.encode(&largest).len() < crate::agents::protocol::LINE);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_sends_asks_and_is_told_what_was_wrong() {
    let directory = TempDir::new().unwrap();
    let script = r#"
def ask(**line):
    say(**line)
    return json.loads(sys.stdin.readline())
json.loads(sys.stdin.readline())
message = json.loads(sys.stdin.readline())
seen = []
for line in ["nonsense", '{"type":"dance"}', '{"type":"done","id":"00"}', '{"type":"done","id":"%s","more":1}' % message["id"], "x" * (5 << 20),
             json.dumps(dict(type="reply", id=message["id"], payload=""))]:
    print(line, flush=True)
    seen.append(json.loads(sys.stdin.readline())["code"])
for line in [dict(type="status", ref="a"), dict(type="channels", ref="b"), dict(type="send", ref="c", to="nobody", payload="x"),
             dict(type="send", ref="d", to="somebody", payload="first"), dict(type="request", ref="e", to="somebody", payload="x", timeout_ms=50)]:
    seen.append(ask(**line))
for number in range(20): say(type="send", to="somebody", payload=str(number))
say(type="send", channel=message["channel"], payload="for you", reply_to=message["id"])
say(type="done", id=message["id"])
open("seen", "w").write(json.dumps(seen))
sys.stdin.readline()
"#;
    let mut world = World::new(Backend::Subprocess(python(&directory, script))).await;
    let answer = world.text("go").await;
    assert_eq!(answer, "for you");
    assert_eq!(world.next().await, "first");
    assert_eq!(world.next().await, "x");
    for number in 0..20 {
        assert_eq!(world.next().await, number.to_string());
    }
    until("it has written", || directory.path().join("seen").exists()).await;
    tokio::time::sleep(Duration::from_millis(200)).await;
    let seen = std::fs::read(directory.path().join("seen")).unwrap();
    let seen: Vec<serde_json::Value> = serde_json::from_slice(&seen).unwrap();
    assert_eq!(seen[..6], ["bad_line", "bad_line", "unknown_message", "bad_line", "too_long", "bad_line"]);
    assert_eq!(seen[6]["status"]["name"], "it");
    assert_eq!(seen[7]["channels"][0]["agent"], "somebody");
    assert_eq!((&seen[8]["ref"], &seen[8]["code"]), (&"c".into(), &"unknown_channel".into()));
    assert_eq!(seen[9]["message"].as_str().unwrap().len(), 32);
    assert_eq!(seen[10]["code"], "unanswered");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_dies_gets_its_messages_again() {
    let directory = TempDir::new().unwrap();
    let script = r#"
json.loads(sys.stdin.readline())
for line in sys.stdin:
    line = json.loads(line)
    if not os.path.exists("died"):
        open("died", "w").close()
        os._exit(3)
    say(type="reply", id=line["id"], payload="attempt %d" % line["attempt"])
    os._exit(0)
"#;
    let world = World::new(Backend::Subprocess(python(&directory, script))).await;
    assert_eq!(world.text("a").await, "attempt 2");
    // It has exited right after its answer, which counts; and is started again.
    assert!(world.text("b").await.starts_with("attempt"));
}

#[tokio::test(flavor = "multi_thread")]
async fn no_more_messages_than_configured_are_with_the_program() {
    let directory = TempDir::new().unwrap();
    let script = r#"
import select
text = b""
while text.count(b"\n") < 3: text += os.read(0, 65536)
quiet = not select.select([0], [], [], 0.5)[0]
for line in text.splitlines()[1:]: say(type="reply", id=json.loads(line)["id"], payload="%d %s" % (text.count(b"\n") - 1, quiet))
for line in sys.stdin: say(type="reply", id=json.loads(line)["id"], payload="later")
"#;
    let config = crate::config::Subprocess { concurrency: 2, ..python(&directory, script) };
    let world = World::new(Backend::Subprocess(config)).await;
    let mut asked = Vec::new();
    for number in 0..3 {
        let (asker, inbox) = world.runtime.bind_stream(&format!("asker {number}")).await.unwrap();
        let channel = world.runtime.establish_channel(&asker.id(), &world.running.handle.id()).await.unwrap();
        asked.push(tokio::spawn(async move {
            let _inbox = inbox;
            asker.request(channel, "x", LONG).await.unwrap().payload.to_vec()
        }));
    }
    let mut answers = Vec::new();
    for asked in asked {
        answers.push(String::from_utf8(asked.await.unwrap()).unwrap());
    }
    answers.sort();
    assert_eq!(answers, ["2 True", "2 True", "later"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_is_not_finished_in_time_becomes_a_dead_letter() {
    let directory = TempDir::new().unwrap();
    let script = "for line in sys.stdin:\n    pass\n";
    let mut config = python(&directory, script);
    config.timeout = Duration::from_millis(200);
    let world = World::new(Backend::Subprocess(config)).await;
    world.somebody.send(world.channel, "never").await.unwrap();
    until("a dead letter", || !world.runtime.dead_letters().is_empty()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_fails_a_message_gets_it_again() {
    let directory = TempDir::new().unwrap();
    let script = r#"
for line in sys.stdin:
    line = json.loads(line)
    if line["type"] == "message" and line["attempt"] == 1: say(type="failed", id=line["id"], reason="not yet")
    elif line["type"] == "message": say(type="reply", id=line["id"], payload="now")
"#;
    let world = World::new(Backend::Subprocess(python(&directory, script))).await;
    assert_eq!(world.text("a").await, "now");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_reads_nothing_is_ended_and_others_are_not_held_up() {
    let directory = TempDir::new().unwrap();
    let mut config = python(&directory, "open('pid', 'w').write(str(os.getpid()))\ntime.sleep(1000)\n");
    config.timeout = Duration::from_millis(500);
    let world = World::new(Backend::Subprocess(config)).await;
    until("it runs", || std::fs::read_to_string(directory.path().join("pid")).is_ok_and(|pid| !pid.is_empty())).await;
    let pid = std::fs::read_to_string(directory.path().join("pid")).unwrap();
    world.somebody.send(world.channel, &vec![b'x'; 1 << 20][..]).await.unwrap();
    until("it is ended", || !alive(&pid)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn stop_leaves_no_process_behind() {
    let directory = TempDir::new().unwrap();
    // A child and a grandchild that ignore all that can be ignored.
    let script = r#"
import signal, subprocess
for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP): signal.signal(number, signal.SIG_IGN)
child = subprocess.Popen(["/bin/sh", "-c", "trap '' TERM; sleep 1000 & echo $! > grandchild; wait"])
while not (os.path.exists("grandchild") and open("grandchild").read()): time.sleep(0.01)
open("pids", "w").write("%d %d %s" % (os.getpid(), child.pid, open("grandchild").read()))
time.sleep(1000)
"#;
    let world = World::new(Backend::Subprocess(python(&directory, script))).await;
    let file = directory.path().join("pids");
    until("it runs", || std::fs::read_to_string(&file).is_ok_and(|pids| pids.ends_with('\n'))).await;
    let pids = std::fs::read_to_string(&file).unwrap();
    assert!(pids.split_whitespace().all(alive), "{pids}");
    let started = Instant::now();
    let World { runtime, running, somebody, channel, .. } = world;
    running.stop(Duration::from_secs(2)).await;
    assert!(started.elapsed() < Duration::from_secs(5));
    until("all are gone", || !pids.split_whitespace().any(alive)).await;
    // Started again, the agent is the same.
    let _again = Running::start(&runtime, &agent(Backend::Echo)).await.unwrap();
    assert_eq!(&*somebody.request(channel, "x", LONG).await.unwrap().payload, b"x");
}

#[tokio::test(flavor = "multi_thread")]
async fn at_stop_a_program_may_finish_what_it_has() {
    let directory = TempDir::new().unwrap();
    let script = r#"
for line in sys.stdin:
    line = json.loads(line)
    if line["type"] == "message":
        time.sleep(0.5)
        say(type="reply", id=line["id"], payload="late")
"#;
    let mut world = World::new(Backend::Subprocess(python(&directory, script))).await;
    world.somebody.send(world.channel, "a").await.unwrap();
    tokio::time::sleep(Duration::from_millis(300)).await;
    let running = std::mem::replace(&mut world.running, Running::start(&world.runtime, &other()).await.unwrap());
    running.stop(LONG).await;
    assert_eq!(world.next().await, "late");
}

fn other() -> crate::config::Agent {
    let name = mfp_tokio::mfp_proto::id::AgentName::new("other").unwrap();
    crate::config::Agent { name, backend: Backend::External }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_program_that_is_not_there_is_an_error_and_leaves_nothing_bound() {
    let directory = TempDir::new().unwrap();
    let runtime = mfp_tokio::Runtime::builder().build().await.unwrap();
    let config = program(&directory, &["/nowhere/agent"]);
    let error = Running::start(&runtime, &agent(Backend::Subprocess(config))).await.unwrap_err();
    assert!(format!("{error:#}").contains("could not be started"), "{error:#}");
    assert!(runtime.agents().is_empty());
}
