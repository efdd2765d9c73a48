//! What must never happen.

use mfp_proto::handshake::HandshakeError;
use mfp_proto::link::DownCause;
use mfp_proto::wire::item::Code;

/// Something that must never happen has happened.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Broken {
    /// An item has gone out that is not durable as it went (rule W1).
    WriteAhead,
    /// A message that its peer's agent had already, or one after a later one, has come to an inbox.
    Order,
    /// A position of a lane was used that is not the next: twice, or one was left out.
    Position,
    /// What is durable of a cursor, or of what is acked, has fallen.
    Regress,
    /// A session has ended for what no peer does that keeps the rules.
    Session(DownCause),
    /// A handshake has failed though nobody forges anything.
    Handshake(HandshakeError),
    /// The link asks for something that cannot be.
    Unexpected(&'static str),
}

impl Broken {
    /// Whether a session may end for this, where nobody forges anything.
    pub(super) fn of_cause(cause: DownCause, rolled_back: bool) -> Option<Self> {
        let wrong = match cause {
            DownCause::Lost | DownCause::Replaced | DownCause::Stopped => false,
            // A store that went back may have forgotten that messages were done for which it had granted credit.
            DownCause::Bye(Code::Limit) => !rolled_back,
            DownCause::ByeReceived(code) => code.code() != Code::Limit,
            _ => true,
        };
        wrong.then_some(Self::Session(cause))
    }
}
