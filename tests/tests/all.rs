//! All suites, in one binary.

mod attacks;
mod handshake;
mod properties;
mod session;
mod sides;
mod vectors;
