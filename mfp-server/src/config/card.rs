//! What a peer's operator has to know of this runtime.

use std::fmt::Write;
use std::net::IpAddr;

use super::model::Config;

/// This runtime as an entry for a peer's file, to be put under `federation: peers:`. Nothing in it is secret.
pub(crate) fn card(config: &Config) -> String {
    let name: String = config.instance.chars().take(16).collect();
    let mut text = String::new();
    // Writing to a string does not fail.
    let _ = writeln!(text, "    # {} of {}", config.instance, config.deployment);
    let _ = writeln!(text, "    - name: \"{}\"", name.replace('\\', "\\\\").replace('"', "\\\""));
    let _ = writeln!(text, "      public_key: \"{}\"", hex::encode(config.identity.public().as_bytes()));
    let _ = writeln!(text, "      runtime_id: \"{}\"", config.identity.id());
    let _ = match config.listen.first().and_then(|address| address.rsplit_once(':')) {
        None => writeln!(text, "      # It has no address: it connects to you."),
        Some((_, "0")) => writeln!(text, "      # address: HOST:PORT"),
        Some((host, port)) if is_unspecified(host) => writeln!(text, "      # address: HOST:{port}"),
        Some((host, port)) => writeln!(text, "      address: \"{host}:{port}\""),
    };
    text
}

fn is_unspecified(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    bare.parse::<IpAddr>().is_ok_and(|address| address.is_unspecified())
}
