use mfp_proto::local::Stage;
use mfp_proto::runtime::{AdminError, Outcome, QuarantineCause, SendError};
use mfp_proto::store::Undelivered;

/// One call, with the numbers that the model gives to what it names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// The step found nothing to act on.
    Nothing,
    Bind {
        name: u8,
    },
    Detach(usize),
    Unbind(usize),
    Terminate(usize),
    QuarantineAgent(usize),
    RestoreAgent(usize),
    Establish {
        agents: [usize; 2],
        depth: Option<u8>,
    },
    Close(usize),
    QuarantineChannel(usize),
    RestoreChannel(usize),
    Send {
        agent: usize,
        channel: usize,
        len: usize,
        reply_to: Option<usize>,
        within: Option<u64>,
        broken: bool,
    },
    Processed {
        message: usize,
        handing: u16,
        outcome: Outcome,
    },
    Retry(usize),
    Purge(usize),
    Timeout,
    /// So many batches are committed, and the store tells of the last alone.
    Commit(usize),
    /// The first batch fails, and of all under way so many were committed all the same.
    Fail {
        applied: usize,
    },
    Load,
    /// The process ends and starts again; of the batches under way so many were committed.
    Restart {
        applied: usize,
    },
    Shutdown,
}

/// What a call answers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Done,
    Agent(usize),
    Channel(usize),
    /// A message and its ticket.
    Sent {
        message: usize,
        ticket: u32,
    },
    Admin(AdminError),
    Send(SendError),
    UnknownDelivery,
    NotAsked,
}

impl From<Result<Self, AdminError>> for Reply {
    fn from(result: Result<Self, AdminError>) -> Self {
        result.unwrap_or_else(Self::Admin)
    }
}

impl From<Result<Self, SendError>> for Reply {
    fn from(result: Result<Self, SendError>) -> Self {
        result.unwrap_or_else(Self::Send)
    }
}

/// Why a channel closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Closed {
    Requested,
    AgentGone(usize),
}

/// An effect, in the model's numbers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Told {
    Persist,
    Load,
    Accepted { ticket: u32, message: usize },
    Acked(u32),
    Unanswered(u32),
    Uncertain(u32),
    Deliver { message: usize, to: usize, attempt: u16, answers: Option<u32> },
    AgentBound(usize),
    AgentTerminated(usize),
    AgentQuarantined(usize, QuarantineCause),
    AgentRestored(usize),
    ChannelOpened(usize),
    ChannelClosed(usize, Closed),
    ChannelQuarantined(usize, QuarantineCause),
    ChannelRestored(usize),
    ValidationFailed { channel: usize, stage: Stage, in_a_row: u16 },
    HandlerTimedOut { agent: usize, message: usize, attempt: u16 },
    HandlerFailed { agent: usize, message: usize, attempt: u16 },
    DeadLettered { message: usize, receiver: usize, cause: Undelivered },
    StoreFailed,
    Loaded { agents: usize, channels: usize, messages: usize },
    Drained { remaining: usize },
}

/// An effect that waits for a batch.
#[derive(Clone, Debug)]
pub(crate) enum Withheld {
    Told(Told),
    Bound(usize),
    Accepted { message: usize, ticket: u32 },
    Inboxed(usize),
}
