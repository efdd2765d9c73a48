//! What each command does.

mod audit;
mod files;
mod show;
mod talk;

pub(crate) use audit::{hash, since};

use std::fmt;
use std::io::Write as _;
use std::process::ExitCode;

use crate::cli::{Cli, Command};
use crate::config::{self, Config, Problem};
use crate::control::{ClientError, Fault};
use crate::{bench, demo, mcp, server};

/// Why a command has not succeeded.
#[derive(Debug)]
pub(crate) enum Failure {
    /// A check has failed, and has said so.
    Check,
    /// The configuration cannot be used.
    Problems(Vec<Problem>),
    /// The server has refused it.
    Refused(Fault),
    /// No server is there.
    Absent(String),
    /// Anything else.
    Other(anyhow::Error),
}

impl Failure {
    pub(crate) fn code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::Check | Self::Refused(_) => 1,
            Self::Problems(_) | Self::Other(_) => 2,
            Self::Absent(_) => 3,
        })
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Check => Ok(()),
            Self::Problems(problems) => problems.iter().try_for_each(|problem| writeln!(f, "{problem}")),
            Self::Refused(fault) => writeln!(f, "mfp: {fault}"),
            Self::Absent(why) => writeln!(f, "mfp: {why}"),
            Self::Other(error) => writeln!(f, "mfp: {error:#}"),
        }
    }
}

impl From<anyhow::Error> for Failure {
    fn from(error: anyhow::Error) -> Self {
        Self::Other(error)
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Refused(fault) => Self::Refused(fault),
            error @ ClientError::Absent(_) => Self::Absent(error.to_string()),
            error @ ClientError::Broken(_) => Self::Other(error.into()),
        }
    }
}

pub(crate) fn run(cli: &Cli) -> Result<(), Failure> {
    let checked = |good: bool| if good { Ok(()) } else { Err(Failure::Check) };
    match &cli.command {
        Command::Init(init) => files::init(cli, init),
        Command::Keygen { file } => files::keygen(cli, file),
        Command::Pubkey => files::pubkey(cli),
        Command::Check => files::check(cli),
        Command::Schema => files::schema(),
        Command::Rekey { new_key_file } => files::rekey(cli, new_key_file),
        Command::Completions { shell } => files::completions(*shell),
        Command::Man => files::man(),
        Command::ExportAudit(told) => audit::export(cli, told),
        Command::Run => serve(cli),
        Command::Mcp { agent } => mcp(cli, agent),
        Command::Demo(demo) => checked(demo::run(demo, cli.json)?),
        Command::Bench(bench) => checked(bench::run(bench, cli.json)?),
        _ => talk::run(cli),
    }
}

fn load(cli: &Cli) -> Result<Config, Failure> {
    config::load(&cli.config).map_err(Failure::Problems)
}

fn serve(cli: &Cli) -> Result<(), Failure> {
    let mut config = load(cli)?;
    if let Some(control) = &cli.control {
        config.control.clone_from(control);
    }
    server::log_to_stderr(config.log);
    block_on(server::run(config))
}

fn mcp(cli: &Cli, agent: &str) -> Result<(), Failure> {
    let socket = talk::socket(cli)?;
    mcp::check(&socket, agent)?;
    // Standard output is the host's.
    server::log_to_stderr(config::Log { level: tracing::Level::INFO, format: config::Format::Text });
    block_on(mcp::serve(socket, agent.to_owned()))
}

fn block_on(work: impl Future<Output = anyhow::Result<()>>) -> Result<(), Failure> {
    let threads = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let threads = threads.map_err(|error| anyhow::anyhow!("the threads could not be started: {error}"))?;
    let done = threads.block_on(work);
    // What still blocks, such as a read of standard input, ends with the process.
    threads.shutdown_background();
    Ok(done?)
}

/// To standard output; whoever closes it has read enough.
fn print(text: impl fmt::Display) {
    let _ = writeln!(std::io::stdout(), "{text}");
}
