//! The `mfp` program. It is a library so that its parsers can be fuzzed; nobody else is meant to use it.

mod agents;
mod bench;
mod cli;
mod commands;
mod config;
mod control;
mod demo;
#[doc(hidden)]
pub mod fuzzing;
mod mcp;
mod ops;
mod server;
mod trace;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;

/// Runs the program with the arguments of this process.
pub fn main() -> ExitCode {
    if let Some(code) = agents::isolated_main() {
        return code;
    }
    let failure = match commands::run(&Cli::parse()) {
        Ok(()) => return ExitCode::SUCCESS,
        Err(failure) => failure,
    };
    // Whoever has closed it does not want to know.
    let _ = write!(std::io::stderr(), "{failure}");
    failure.code()
}
