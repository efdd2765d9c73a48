//! Version 2.

mod frame;
mod identity;
mod local_channel;
mod merkle;
mod message_id;
mod recovery;
