//! Addresses: hosts with ports, and URLs.

use std::net::{IpAddr, Ipv6Addr};

use http::Uri;

use super::section::Section;
use super::value::Value;

/// A host and a port from `lowest`.
pub(super) fn read(value: &Value, lowest: u16) -> Option<String> {
    let text = value.text()?;
    match check(text, lowest) {
        Ok(()) => Some(text.to_owned()),
        Err(why) => {
            value.advise(why, "as in `agents.example.org:7001` or `\"[::1]:7001\"`");
            None
        }
    }
}

/// Whether it is a host and a port from `lowest`.
pub(super) fn check(text: &str, lowest: u16) -> Result<(), &'static str> {
    let (host, port) = text.rsplit_once(':').ok_or("must be a host and a port")?;
    let number = port.bytes().all(|byte| byte.is_ascii_digit()).then(|| port.parse::<u16>().ok()).flatten();
    if number.is_none_or(|port| port < lowest) {
        return Err(if lowest == 0 { "the port must be 0 to 65535" } else { "the port must be 1 to 65535" });
    }
    let is_name = |host: &str| {
        !host.is_empty()
            && host.len() <= 253
            && host.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'.' | b'_'))
    };
    let valid = match host.strip_prefix('[') {
        Some(rest) => rest.strip_suffix(']').is_some_and(|host| host.parse::<Ipv6Addr>().is_ok()),
        None => is_name(host),
    };
    if valid { Ok(()) } else { Err("the host is neither a name nor an IP address (IPv6 in brackets)") }
}

/// The URL under `key`. Without TLS only to this machine, unless the section says `insecure: true`.
pub(super) fn url(section: &Section, key: &'static str) -> Option<String> {
    let insecure = section.flag("insecure").unwrap_or_default();
    let value = section.get(key);
    let Some(value) = value else {
        section.report(key, "is missing", None);
        return None;
    };
    let text = value.text()?;
    let uri = text.parse::<Uri>().ok();
    let Some((scheme, authority)) = uri.as_ref().and_then(|uri| Some((uri.scheme_str()?, uri.authority()?))) else {
        value.advise("is no URL", "as in `https://agents.example.org/mfp`");
        return None;
    };
    if authority.as_str().contains('@') {
        value.advise("a password has no place in this file", "leave out what stands before the `@`");
        return None;
    }
    match scheme {
        "https" => Some(text.to_owned()),
        "http" if insecure || is_loopback(authority.host()) => Some(text.to_owned()),
        "http" => {
            value.advise(
                "without TLS, whoever is on the way reads and changes everything",
                "write `https://`; if it is meant, say `insecure: true`",
            );
            None
        }
        _ => {
            value.report("must begin with `https://` or `http://`");
            None
        }
    }
}

fn is_loopback(host: &str) -> bool {
    let bare = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')).unwrap_or(host);
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}
