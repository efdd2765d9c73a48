//! Commands that need no server.

use std::io;
use std::path::Path;

use anyhow::Context as _;
use clap::CommandFactory as _;
use mfp_tokio::Key;
use mfp_tokio::mfp_store::Store;

use super::{Failure, load, print};
use crate::cli::{Cli, Init};
use crate::config::{self, InitOptions};

pub(super) fn init(cli: &Cli, init: &Init) -> Result<(), Failure> {
    let Init { dir, deployment, instance, listen } = init;
    let options =
        InitOptions { deployment: deployment.clone(), instance: instance.clone(), listen: Some(listen.clone()) };
    let made = config::init(dir, &options)?;
    let file = made.config;
    if cli.json {
        let (identity, master) = (made.identity_key, made.master_key);
        print(serde_json::json!({ "config": file, "identity_key": identity, "master_key": master }));
        return Ok(());
    }
    print(format_args!("{} is written, with fresh keys beside it.", file.display()));
    print(format_args!("Run it:          mfp run --config {}", file.display()));
    print(format_args!("For your peers:  mfp pubkey --config {}", file.display()));
    Ok(())
}

pub(super) fn keygen(cli: &Cli, file: &Path) -> Result<(), Failure> {
    config::keygen(file)?;
    if cli.json {
        print(serde_json::json!({ "key": file }));
    } else {
        print(format_args!("{} is written.", file.display()));
    }
    Ok(())
}

pub(super) fn pubkey(cli: &Cli) -> Result<(), Failure> {
    let config = load(cli)?;
    if cli.json {
        let (id, public) = (config.identity.id().to_string(), hex::encode(config.identity.public().as_bytes()));
        print(serde_json::json!({ "runtime_id": id, "public_key": public }));
    } else {
        print(config::card(&config).trim_end());
    }
    Ok(())
}

pub(super) fn check(cli: &Cli) -> Result<(), Failure> {
    let config = load(cli)?;
    let (agents, channels, peers) = (config.agents.len(), config.channels.len(), config.peers.len());
    if cli.json {
        print(serde_json::json!({ "agents": agents, "channels": channels, "peers": peers }));
    } else {
        print(format_args!("{} is sound: {agents} agents, {channels} channels, {peers} peers.", cli.config.display()));
    }
    Ok(())
}

#[allow(clippy::unnecessary_wraps, reason = "as the others")]
pub(super) fn schema() -> Result<(), Failure> {
    print(format_args!("{:#}", config::schema()));
    Ok(())
}

pub(super) fn rekey(cli: &Cli, new_key_file: &Path) -> Result<(), Failure> {
    let config = load(cli)?;
    let store = config.store.context("the configuration has no store")?;
    let new = Key::File(new_key_file.to_owned());
    Store::rekey(&store.path, store.key, &new).context("the store has its old key")?;
    if cli.json {
        print(serde_json::json!({ "store": store.path, "key": new_key_file }));
        return Ok(());
    }
    print(format_args!(
        "{} is sealed under the key in {}. Put that into the configuration.",
        store.path.display(),
        new_key_file.display()
    ));
    Ok(())
}

#[allow(clippy::unnecessary_wraps, reason = "as the others")]
pub(super) fn completions(shell: clap_complete::Shell) -> Result<(), Failure> {
    clap_complete::generate(shell, &mut Cli::command(), "mfp", &mut io::stdout());
    Ok(())
}

pub(super) fn man() -> Result<(), Failure> {
    let page = clap_mangen::Man::new(Cli::command());
    page.render(&mut io::stdout()).context("the page could not be written")?;
    Ok(())
}
