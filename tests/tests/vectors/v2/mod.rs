//! Version 2.

mod frame;
mod identity;
mod merkle;
mod message_id;
