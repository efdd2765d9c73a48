//! `transport` and `recovery`: where peers connect, and the times of links.

use mfp_tokio::NetLimits;
use mfp_tokio::mfp_proto::link::{InvalidLinkConfig, LinkConfig};

use super::address;
use super::section::Section;
use super::shape::TIMEOUTS;
use super::value::Value;

/// Reads the addresses to listen at.
pub(super) fn listen(section: &Section) -> Vec<String> {
    let mut addresses: Vec<String> = Vec::new();
    for value in section.get("listen").iter().flat_map(Value::list) {
        let Some(address) = address::read(&value, 0) else { continue };
        if addresses.contains(&address) {
            value.report("is there twice");
        } else {
            addresses.push(address);
        }
    }
    addresses.extend(python(section));
    addresses
}

/// The Python server's `host` and `port`.
fn python(section: &Section) -> Option<String> {
    let (host, port) = (section.old("host"), section.old("port"));
    let here = host.as_ref().or(port.as_ref())?;
    let help = "`listen: [\"HOST:PORT\"]`";
    if section.has("listen") {
        here.advise("is the old spelling of `listen`, which is there too", "leave it out");
        return None;
    }
    let (Some(host), Some(port)) = (&host, &port) else {
        here.advise("needs both `host` and `port`", help);
        return None;
    };
    let (name, number) = (host.text(), port.integer(1..=u16::MAX));
    let (name, number) = (name?, number?);
    let address = if name.contains(':') { format!("[{name}]:{number}") } else { format!("{name}:{number}") };
    if let Err(why) = address::check(&address, 1) {
        host.advise(why, help);
        return None;
    }
    Some(address)
}

/// Reads the bounds on connections.
pub(super) fn net(section: &Section) -> NetLimits {
    let mut net = NetLimits::default();
    net.connections = section.count("connections").unwrap_or(net.connections);
    if let Some(rate) = section.count("accepts_per_second") {
        net.accepts_per_second = rate;
        net.accept_burst = rate;
    }
    net
}

/// Reads what links with all peers have in common. `None` if it cannot work.
pub(super) fn link(transport: &Section, recovery: &Section) -> Option<LinkConfig> {
    let mut link = LinkConfig::default();
    let timeouts = transport.section("timeouts", &TIMEOUTS);
    link.handshake = timeouts.time("handshake").unwrap_or(link.handshake);
    link.keep_alive = timeouts.time("keep_alive").unwrap_or(link.keep_alive);
    link.dead = timeouts.time("dead").unwrap_or(link.dead);
    link.ack_timeout = timeouts.time("ack").unwrap_or(link.ack_timeout);
    link.message_idle = timeouts.time("message_idle").unwrap_or(link.message_idle);
    link.max_recovery_attempts = recovery.count("max_attempts").unwrap_or(link.max_recovery_attempts);
    link.recovery_pause = recovery.time("pause").unwrap_or(link.recovery_pause);

    let Err(error) = link.validate() else { return Some(link) };
    match error {
        InvalidLinkConfig::KeepAlive => {
            let key = if timeouts.has("keep_alive") { "keep_alive" } else { "dead" };
            timeouts.report(key, "an idle link would be dropped", Some("`keep_alive` must be shorter than `dead`"));
        }
        InvalidLinkConfig::Zero("max_recovery_attempts") => recovery.report("max_attempts", error.to_string(), None),
        InvalidLinkConfig::Zero("ack_timeout") => timeouts.report("ack", error.to_string(), None),
        InvalidLinkConfig::Zero(name) => timeouts.report(name, error.to_string(), None),
        InvalidLinkConfig::Age => transport.report("timeouts", error.to_string(), None),
    }
    None
}
