use core::fmt;

/// Why a channel is refused or closed, or a session ended: the codes of REJECT, CLOSE and BYE (section 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Code {
    /// Done: an ordinary end.
    Done = 0,
    /// Refused by policy.
    Refused = 1,
    /// No agent has that name.
    NoSuchAgent = 2,
    /// A limit is exceeded.
    Limit = 3,
    /// The agent is unbound.
    Unbound = 4,
    /// The channel or agent is quarantined.
    Quarantined = 5,
    /// The channel id is in use.
    ChannelInUse = 6,
    /// A protocol error; unknown codes are read as this one.
    ProtocolError = 7,
    /// The runtime is shutting down.
    ShuttingDown = 8,
    /// A reset or a gap (section 9).
    Reset = 9,
    /// The session's keys are too old.
    KeyTooOld = 10,
    /// No such channel: the answer to CLOSE of an unknown one, never answered itself (section 11).
    NoSuchChannel = 255,
}

impl Code {
    /// Every code.
    pub const ALL: [Self; 12] = [
        Self::Done,
        Self::Refused,
        Self::NoSuchAgent,
        Self::Limit,
        Self::Unbound,
        Self::Quarantined,
        Self::ChannelInUse,
        Self::ProtocolError,
        Self::ShuttingDown,
        Self::Reset,
        Self::KeyTooOld,
        Self::NoSuchChannel,
    ];
}

/// What the code says, in words.
impl fmt::Display for Code {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Done => "an ordinary end",
            Self::Refused => "refused by policy",
            Self::NoSuchAgent => "no agent has that name",
            Self::Limit => "a limit is exceeded",
            Self::Unbound => "the agent is unbound",
            Self::Quarantined => "the channel or agent is quarantined",
            Self::ChannelInUse => "the channel id is in use",
            Self::ProtocolError => "a protocol error",
            Self::ShuttingDown => "the runtime is shutting down",
            Self::Reset => "a reset or a gap",
            Self::KeyTooOld => "the session's keys are too old",
            Self::NoSuchChannel => "no such channel",
        })
    }
}

/// A code as it came or goes: any byte. What it says is [`WireCode::code`].
///
/// The byte is kept beside its meaning, so that an item from a later version is stored and sent on unchanged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct WireCode(u8);

impl WireCode {
    /// The code with this byte.
    pub const fn from_byte(byte: u8) -> Self {
        Self(byte)
    }

    /// The byte on the wire.
    pub const fn byte(self) -> u8 {
        self.0
    }

    /// Its meaning; [`Code::ProtocolError`] for a byte that section 7 does not name.
    pub fn code(self) -> Code {
        Code::ALL.into_iter().find(|code| *code as u8 == self.0).unwrap_or(Code::ProtocolError)
    }
}

impl From<Code> for WireCode {
    fn from(code: Code) -> Self {
        Self(code as u8)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_codes_keep_their_meaning_and_others_are_protocol_errors() {
        for byte in 0..=u8::MAX {
            let read = WireCode::from_byte(byte);
            assert_eq!(read.byte(), byte);
            let known = matches!(byte, 0..=10 | 255);
            assert_eq!(read.code() as u8, if known { byte } else { 7 });
        }
        for code in Code::ALL {
            assert_eq!(WireCode::from(code).code(), code);
        }
    }
}
