mod delivery;
mod fingerprint;
mod host;
mod pair;
mod recovery;
mod sessions;

use super::{Entry, Growing, Link};

/// What a link and a channel cost while nothing happens, but for what their tables add.
#[test]
fn they_are_small() {
    assert!(size_of::<Link<Growing>>() <= 4_096, "{}", size_of::<Link<Growing>>());
    assert!(size_of::<Entry>() <= 128, "{}", size_of::<Entry>());
}
