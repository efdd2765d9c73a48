//! The `mfp` program.

mod agents;
mod bench;
mod cli;
mod commands;
mod config;
mod control;
mod demo;
mod mcp;
mod ops;
mod server;
mod trace;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::Cli;

fn main() -> ExitCode {
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
