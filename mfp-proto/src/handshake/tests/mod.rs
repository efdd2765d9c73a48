//! What cannot be seen from outside. The rest is tested there.

extern crate std;

mod payloads;
mod vectors;
