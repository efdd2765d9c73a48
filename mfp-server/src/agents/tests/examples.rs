//! The examples of the documentation run as they are.

use std::process::Command;

use mfp_tokio::mfp_proto::id::AgentName;
use tempfile::TempDir;

use super::{World, examples, program};
use crate::agents::Running;
use crate::config::{self, Backend};

async fn world(interpreter: &str, file: &str) -> (World, TempDir) {
    let directory = TempDir::new().unwrap();
    let script = examples().join(file);
    let backend = Backend::Subprocess(program(&directory, &[interpreter, script.to_str().unwrap()]));
    (World::new(backend).await, directory)
}

#[tokio::test(flavor = "multi_thread")]
async fn python() {
    let (world, _directory) = world("/usr/bin/python3", "agent.py").await;
    assert_eq!(world.text("hello \"you\"\n").await, "HELLO \"YOU\"\n");
    let echo = config::Agent { name: AgentName::new("echo").unwrap(), backend: Backend::Echo };
    let echo = Running::start(&world.runtime, &echo).await.unwrap();
    world.runtime.establish_channel(&world.running.handle.id(), &echo.handle.id()).await.unwrap();
    assert_eq!(world.text("ask echo who are you?").await, "who are you?");
}

#[tokio::test(flavor = "multi_thread")]
async fn shell() {
    let (world, _directory) = world("/bin/sh", "agent.sh").await;
    assert_eq!(world.text("a").await, "message 1");
    assert_eq!(world.text("b").await, "message 2");
}

#[tokio::test(flavor = "multi_thread")]
async fn node() {
    if Command::new("node").arg("--version").output().is_err() {
        eprintln!("NOT TESTED: there is no node here, so examples/agents/agent.mjs was not run");
        return;
    }
    let (world, _directory) = world("node", "agent.mjs").await;
    assert_eq!(world.text("olleh").await, "hello");
}
