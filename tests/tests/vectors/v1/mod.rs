//! Constructions that version 2 keeps, against vectors of version 1.

mod conversation;
mod encoding;
mod frame;
mod ratchet;
mod stream;
