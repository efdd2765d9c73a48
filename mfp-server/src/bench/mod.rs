//! `mfp bench`: alice sends, bob answers with a hash, alice checks.

mod exchange;
pub(crate) mod input;
pub(crate) mod progress;
mod report;

use std::io::{self, Write};
use std::sync::Arc;

use anyhow::{Context, Result};

use crate::cli::Bench;
use input::Input;
use progress::Progress;
use report::Report;

/// Runs it and prints its report. Whether every check has passed.
pub(crate) fn run(args: &Bench, json: bool) -> Result<bool> {
    let input = Arc::new(Input::read(args)?);
    let progress = Arc::new(Progress::start(input.messages));
    let runtime = tokio::runtime::Runtime::new().context("the threads could not be started")?;
    let outcome = runtime.block_on(exchange::run(args, &input, &progress));
    progress.finish();
    let report = Report::new(&input, &outcome?);
    // Whoever closes the pipe has read enough.
    let _ = if json { writeln!(io::stdout(), "{}", report.json()) } else { write!(io::stdout(), "{report}") };
    Ok(report.is_success())
}
