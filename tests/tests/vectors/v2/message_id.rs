use mfp_proto::id::{ChannelId, MessageId, StoreId};
use mfp_tests::vectors::{Case, Failure};

pub(super) fn check(case: &Case<'_>) -> Result<(), Failure> {
    let (store, channel) = (StoreId::from(case.array("store_id")?), ChannelId::from(case.array("channel_id")?));
    case.expect("message_id", MessageId::derive(&store, &channel, case.integer("q")?).as_bytes())
}
