//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};

const EXIT_CODES: &str = "Exit codes: 0 success, 1 a check has failed, 2 it could not be run as asked.";

/// Mirror Frame Protocol: secure messaging between agents.
#[derive(Debug, Parser)]
#[command(version, arg_required_else_help = true)]
#[command(after_help = EXIT_CODES)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Send every line of a text from alice to bob and check the answers.
    ///
    /// bob answers each line with its SHA-256, and alice checks the answer. With more agents there are as many alices
    /// and bobs, each pair with its own channels, and the messages go to the channels in turn. All of it runs in this
    /// process, in memory.
    #[command(after_help = EXIT_CODES)]
    Demo(DemoArgs),
}

/// What `mfp demo` is told.
#[derive(Args, Debug)]
pub(crate) struct DemoArgs {
    /// The text; `-` is standard input. Any bytes will do; empty lines are skipped. [default: a text about mirror
    /// frames]
    pub(crate) file: Option<PathBuf>,

    /// Pairs of agents.
    #[arg(long, value_name = "N", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=5_000))]
    pub(crate) agents: u32,

    /// Channels of each pair.
    #[arg(long, value_name = "M", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1_000))]
    pub(crate) channels: u32,

    /// Send random bytes, so many in each message, instead of a text.
    #[arg(long, value_name = "BYTES", conflicts_with = "file")]
    #[arg(value_parser = clap::value_parser!(u32).range(1..=1_048_576))]
    pub(crate) payload: Option<u32>,

    /// Messages in all. A text that is shorter starts again. [default: one for each line; with --payload 10000]
    #[arg(long, value_name = "COUNT")]
    pub(crate) messages: Option<u64>,

    /// Messages of each channel that may wait for their answer at a time.
    #[arg(long, value_name = "W", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    pub(crate) window: u32,
}
