/// What a runtime has counted since it was made. Never reset, saturating in theory only.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Messages that passed the six stages.
    pub messages_sent: u64,
    /// Bytes of their payloads.
    pub bytes_sent: u64,
    /// Messages that their handlers finished.
    pub messages_processed: u64,
    /// Attempts handed to handlers.
    pub deliveries: u64,
    /// Attempts that a handler failed.
    pub handler_failures: u64,
    /// Attempts that outlived their time.
    pub handler_timeouts: u64,
    /// Messages refused by VALIDATE or DECODE.
    pub validation_failures: u64,
    /// Messages refused by a full inbox.
    pub refused_full: u64,
    /// Messages refused by a rate.
    pub refused_rate: u64,
    /// Requests without an answer in time.
    pub requests_unanswered: u64,
    /// Messages that became dead letters.
    pub dead_lettered: u64,
    /// Batches emitted.
    pub batches: u64,
    /// Commits that failed.
    pub store_failures: u64,
    /// Messages accepted for peers.
    pub messages_queued: u64,
    /// Messages of peers taken into inboxes.
    pub messages_received: u64,
    /// Messages for peers that are lost, or may be.
    pub messages_lost: u64,
    /// Messages for peers that were queued for too long.
    pub messages_expired: u64,
    /// Connections closed because nobody showed in time whose they were, or too many did not.
    pub strangers_dropped: u64,
    /// Peers now, those included that only the store knows.
    pub peers: u64,
    /// Channels to peers now.
    pub remote_channels: u64,
    /// Connections now.
    pub connections: u64,
    /// Agents now.
    pub agents: u64,
    /// Channels now.
    pub channels: u64,
    /// Unfinished messages now.
    pub inbox_messages: u64,
    /// Dead letters now.
    pub dead_letters: u64,
}
