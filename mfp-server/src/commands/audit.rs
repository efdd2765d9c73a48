//! `mfp export-audit`.

use std::io::Write as _;
use std::time::SystemTime;

use anyhow::{Context as _, anyhow};

use super::{Failure, load};
use crate::cli::{Cli, ExportAudit};
use crate::ops::{Fault, Hash, Line, Whole, read, verify};

/// Prints the entries, and says on standard error whether the log is as it was written.
pub(super) fn export(cli: &Cli, told: &ExportAudit) -> Result<(), Failure> {
    let path = load(cli)?.audit.context("the configuration has no audit log")?.path;
    let log = read(&path).with_context(|| path.display().to_string())?;
    let is_wanted = |line: &str| match told.since {
        None => true,
        // What cannot be read is shown: it is what somebody looks for.
        Some(since) => time(line).is_none_or(|time| time >= since),
    };
    let mut out = std::io::stdout().lock();
    for line in log.lines().filter(|line| is_wanted(line)) {
        // Whoever closes it has read enough.
        if writeln!(out, "{line}").is_err() {
            break;
        }
    }
    drop(out);
    if !told.verify && told.expect_last.is_none() {
        return Ok(());
    }
    // It may have grown since that was the last.
    let has = |hash: &Hash| log.lines().filter_map(Line::parse).any(|line| line.hash == *hash);
    let verdict = verify(&log).and_then(|whole| match &told.expect_last {
        Some(expected) if !has(expected) => Err(Fault::OtherEnd { seq: whole.end.seq }),
        _ => Ok(whole),
    });
    let mut notes = std::io::stderr();
    match verdict {
        Ok(Whole { gone, end }) => {
            let _ = writeln!(notes, "{}: {} entries as they were written", path.display(), end.seq - gone);
            if gone > 0 {
                let _ = writeln!(notes, "entries 1 to {gone} were in files that are not here");
            }
            let _ = writeln!(notes, "last hash: {}", hex::encode(end.hash));
            Ok(())
        }
        Err(fault) => {
            let _ = writeln!(notes, "{}: {fault}", path.display());
            Err(Failure::Check)
        }
    }
}

fn time(line: &str) -> Option<SystemTime> {
    humantime::parse_rfc3339(&Line::parse(line)?.time).ok()
}

/// A hash as it is printed.
pub(crate) fn hash(text: &str) -> Result<Hash, String> {
    let mut hash = [0; 32];
    hex::decode_to_slice(text, &mut hash).map_err(|_| "must be 64 hexadecimal digits".to_owned())?;
    Ok(hash)
}

/// A point in time, or how long ago it was.
pub(crate) fn since(text: &str) -> Result<SystemTime, String> {
    if let Ok(ago) = humantime::parse_duration(text) {
        return SystemTime::now().checked_sub(ago).ok_or_else(|| "is too long ago".to_owned());
    }
    let time = humantime::parse_rfc3339_weak(text);
    time.map_err(|_| anyhow!("as in `2026-01-31T12:00:00Z` or `24h`").to_string())
}
