//! Messages: in order, exactly once into the inbox, never lost in silence.

mod failure;
mod requests;
mod shutdown;
