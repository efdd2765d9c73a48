//! Version 2.

mod frame;
mod identity;
mod message_id;
