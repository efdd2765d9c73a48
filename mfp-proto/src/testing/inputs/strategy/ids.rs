use std::string::String;

use proptest::prelude::*;

use super::super::build;
use crate::id::{AgentId, AgentName, ChannelId, Identity, MessageId, RuntimeId, SessionId, StoreId};

macro_rules! ids {
    ($($name:ident: $type:ident),* $(,)?) => {$(
        #[doc = concat!("Any [`", stringify!($type), "`].")]
        pub fn $name() -> impl Strategy<Value = $type> {
            prop_oneof![
                1 => (0..4_u8).prop_map(|n| $type::from_bytes([n; $type::LEN])),
                3 => any::<[u8; $type::LEN]>().prop_map($type::from_bytes),
            ]
        }
    )*};
}

ids! {
    runtime_id: RuntimeId,
    agent_id: AgentId,
    channel_id: ChannelId,
    message_id: MessageId,
    session_id: SessionId,
    store_id: StoreId,
}

/// Names: a few short ones that meet often, the longest, and any text of 1 to 64 bytes.
pub fn name() -> impl Strategy<Value = AgentName> {
    prop_oneof![
        2 => "[a-d]",
        2 => "[a-z][a-z0-9-]{0,15}",
        1 => "[a-z]{64}",
        2 => any::<String>(),
    ]
    .prop_map(build::name)
}

/// Identities of runtimes: any key, and labels of up to 16 characters.
pub fn identity() -> impl Strategy<Value = Identity> {
    (any::<[u8; 32]>(), "[a-z]{0,16}", "[a-z]{0,16}")
        .prop_filter_map("labels have bounds", |(secret, dep, inst)| Identity::new(secret, &dep, &inst).ok())
}
