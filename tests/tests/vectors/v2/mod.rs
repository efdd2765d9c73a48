//! Version 2.

mod channels;
mod frame;
mod handshake;
mod identity;
mod items;
mod lane;
mod local_channel;
mod malformed;
mod merkle;
mod message_id;
mod padding;
mod recovery;
mod rotation;

files! {
    V2 {
        channels => channels::check,
        frame => frame::check,
        handshake => handshake::check,
        identity => identity::check,
        items => items::check,
        lane => lane::check,
        local_channel => local_channel::check,
        malformed => malformed::check,
        merkle => merkle::check,
        message_id => message_id::check,
        padding => padding::check,
        recovery => recovery::check,
        rotation => rotation::check,
    }
    left_out {}
}
