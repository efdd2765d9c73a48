//! A full disk: the sender is told, nothing that was acked is lost, and the service goes on when there is room.

use std::fs::{self, File};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use crate::node::{Nodes, permitted};

/// A small file system in memory.
struct Small {
    dir: PathBuf,
}

impl Small {
    /// `None` where this is not permitted.
    fn new(dir: PathBuf) -> Option<Self> {
        fs::create_dir_all(&dir).unwrap();
        permitted(&format!("mount -t tmpfs -o size=32m tmpfs {}", dir.display())).then_some(Self { dir })
    }

    fn fill(&self) {
        let mut file = File::create(self.dir.join("filler")).unwrap();
        let mut len = 1 << 20;
        while len > 0 {
            if file.write_all(&vec![1; len]).is_err() {
                len /= 2;
            }
        }
    }

    fn empty(&self) {
        fs::remove_file(self.dir.join("filler")).unwrap();
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        // What still uses it keeps it until it ends.
        let _ = Command::new("umount").arg("--lazy").arg(&self.dir).output();
    }
}

fn full_disk(side: usize) {
    let place = tempfile::tempdir().unwrap();
    let Some(small) = Small::new(place.path().join("small")) else { return };
    let store = small.dir.join("store");
    let (arguments, none) =
        (["--store", path(&store), "--pause", "1", "--size", "500"], ["--pause", "1", "--size", "500"]);
    let more: [&[&str]; 2] = if side == 0 { [&arguments, &none] } else { [&none, &arguments] };
    let mut pair = Nodes::on_loopback(more);
    for node in &mut pair.nodes {
        node.begin();
    }
    sleep(Duration::from_secs(2));
    small.fill();
    sleep(Duration::from_secs(3));
    let told = pair.nodes[side].sent().1;
    let failed = pair.nodes[side].events("StoreFailed");
    small.empty();
    sleep(Duration::from_secs(1));
    let before = pair.nodes.each_ref().map(|node| node.sent().0);
    sleep(Duration::from_secs(2));
    let after = pair.nodes.each_ref().map(|node| node.sent().0);
    let tally = pair.finish();
    println!("a full disk at node {}: {told} messages told, {failed} commits failed, {tally:?}", side + 1);
    assert!(told > 0 && failed > 0, "{told} {failed}");
    assert!(after[0] > before[0] && after[1] > before[1], "{before:?} {after:?}");
}

fn path(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn full_disk_of_one_that_dials() {
    full_disk(0);
}

#[test]
fn full_disk_of_the_other() {
    full_disk(1);
}
