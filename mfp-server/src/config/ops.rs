//! `http`: how the program is watched.

use std::net::SocketAddr;

use super::section::Section;
use super::value::Value;

/// Where health and metrics are served. Whoever gets there reads them, so that it is this machine alone unless the file
/// says otherwise.
pub(super) fn http(section: &Section) -> Option<SocketAddr> {
    let insecure = section.read("insecure", Value::boolean).unwrap_or_default();
    let Some(value) = section.get("listen") else {
        if section.has("insecure") {
            section.report("listen", "is missing", Some("`listen: \"127.0.0.1:9477\"`"));
        }
        return None;
    };
    let Ok(address) = value.text()?.parse::<SocketAddr>() else {
        value.advise("must be an IP address and a port", "as in `127.0.0.1:9477` or `\"[::1]:9477\"`");
        return None;
    };
    if !address.ip().is_loopback() && !insecure {
        value.advise(
            "whoever reaches this address reads metrics, for there is no authentication",
            "listen at `127.0.0.1`; if it is meant, say `insecure: true`",
        );
        return None;
    }
    Some(address)
}
