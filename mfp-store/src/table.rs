/// The tables of records. All are alike: `k INTEGER PRIMARY KEY`, a column in the clear where something of a record
/// changes often, and the cell with everything else, which says itself what it is about. A row gets a key above all
/// others, so that rows are added at the end of a table, and the index by id is in memory ([`Index`](crate::index::Index)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Table {
    /// The cell in `store` by which a key is known to be right. No table of its own.
    KeyCheck = 0,
    Runtime = 1,
    Agent = 2,
    Channel = 3,
    Message = 4,
    DeadLetter = 5,
    Peer = 6,
    Session = 7,
    RemoteChannel = 8,
    Outbox = 9,
}

impl Table {
    /// Those that are tables.
    pub(crate) const ALL: [Self; 9] = [
        Self::Runtime,
        Self::Agent,
        Self::Channel,
        Self::Message,
        Self::DeadLetter,
        Self::Peer,
        Self::Session,
        Self::RemoteChannel,
        Self::Outbox,
    ];

    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::KeyCheck => "store",
            Self::Runtime => "runtime",
            Self::Agent => "agent",
            Self::Channel => "channel",
            Self::Message => "message",
            Self::DeadLetter => "dead_letter",
            Self::Peer => "peer",
            Self::Session => "session",
            Self::RemoteChannel => "remote_channel",
            Self::Outbox => "outbox",
        }
    }

    /// The column in the clear, which is before the cell: so it is written without what lies on overflow pages.
    pub(crate) const fn clear_column(self) -> Option<&'static str> {
        match self {
            Self::Channel => Some("q"),
            Self::Message => Some("attempts"),
            Self::RemoteChannel => Some("counts"),
            Self::Outbox => Some("n"),
            _ => None,
        }
    }
}
