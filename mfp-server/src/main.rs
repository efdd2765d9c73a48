//! The `mfp` program.

#[allow(dead_code, reason = "used step by step")]
mod agents;
mod cli;
#[allow(dead_code, reason = "used step by step")]
mod config;
mod demo;

use std::io::Write;
use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

fn main() -> ExitCode {
    if let Some(code) = agents::isolated_main() {
        return code;
    }
    let Cli { command } = Cli::parse();
    let result = match command {
        Command::Demo(args) => demo::run(&args),
    };
    match result {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "mfp: {error:#}");
            ExitCode::from(2)
        }
    }
}
