use mfp_proto::id::{ChannelId, MessageId, StoreId};
use mfp_tests::vectors::{Failure, Version};

#[test]
fn message_id() -> Result<(), Failure> {
    Version::V2.run("message_id", |case| {
        let (store, channel) = (StoreId::from(case.array("store_id")?), ChannelId::from(case.array("channel_id")?));
        case.expect("message_id", MessageId::derive(&store, &channel, case.integer("q")?).as_bytes())
    })
}
