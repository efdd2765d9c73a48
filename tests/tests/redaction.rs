//! What is printed of a runtime shows no payload and no key.

use mfp_proto::config::Config;
use mfp_proto::runtime::Message;

use crate::rig::Rig;

#[test]
fn debug_of_a_runtime_is_short_and_shows_no_payload() {
    let (mut rig, alice, _, channel) = Rig::pair(Config::default());
    let before = format!("{:?}", rig.rt);
    rig.send(alice, channel, Message::new(&[0xa5; 64]));
    for printed in [before, format!("{:?}", rig.rt)] {
        assert!(!printed.contains("165, 165"), "{printed}");
        assert!(printed.len() < 1_000, "{printed}");
        assert!(printed.contains(&format!("{:?}", rig.rt.id())), "{printed}");
    }
}
