//! Identifiers, and the identity of a runtime (section 1).

use core::fmt;
use core::str::FromStr;

use crate::crypto::dh::{PublicKey, StaticSecret};
use crate::crypto::hash;
use crate::error::{InvalidId, InvalidLabel};

macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident, $len:literal) => {
        $(#[$doc])*
        ///
        /// `Debug` shows the first 8 hex digits, `Display` all of them, which is also what it is read from.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name([u8; $len]);

        impl $name {
            /// Length in bytes.
            pub const LEN: usize = $len;

            /// The identifier with these bytes.
            pub const fn from_bytes(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }

            /// Its bytes.
            pub const fn as_bytes(&self) -> &[u8; $len] {
                &self.0
            }
        }

        impl From<[u8; $len]> for $name {
            fn from(bytes: [u8; $len]) -> Self {
                Self(bytes)
            }
        }

        impl FromStr for $name {
            type Err = InvalidId;

            fn from_str(text: &str) -> Result<Self, InvalidId> {
                read_hex(text.as_bytes()).map(Self).ok_or(InvalidId)
            }
        }

        impl AsRef<[u8]> for $name {
            fn as_ref(&self) -> &[u8] {
                &self.0
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "("))?;
                write_hex(f, self.0.get(..4).unwrap_or(&self.0))?;
                f.write_str(")")
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_hex(f, &self.0)
            }
        }
    };
}

identifier! {
    /// A runtime (section 1): the hash of its static public key and its two labels.
    RuntimeId, 32
}
identifier! {
    /// An agent (section 1). Never reused.
    AgentId, 32
}
identifier! {
    /// A channel between two agents (section 1).
    ChannelId, 16
}
identifier! {
    /// A message (section 7): stable across crash and retry, so that a repeat can be dropped.
    MessageId, 16
}
identifier! {
    /// A session between two runtimes (section 6).
    SessionId, 16
}
identifier! {
    /// The durable state kept for one peer, or by a runtime for itself (section 1).
    StoreId, 16
}

fn write_hex(f: &mut fmt::Formatter<'_>, bytes: &[u8]) -> fmt::Result {
    bytes.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
}

fn read_hex<const LEN: usize>(digits: &[u8]) -> Option<[u8; LEN]> {
    let (pairs, rest) = digits.as_chunks::<2>();
    if pairs.len() != LEN || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; LEN];
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        for digit in pair {
            let digit = char::from(*digit).to_digit(16)?;
            *byte = *byte << 4 | u8::try_from(digit).ok()?;
        }
    }
    Some(bytes)
}

impl RuntimeId {
    /// `H("mfp2-runtime-id" ‖ 0 ‖ pk ‖ u16(|dep|) ‖ dep ‖ u16(|inst|) ‖ inst)` (section 1).
    ///
    /// # Errors
    /// [`InvalidLabel`] if a label is longer than 65,535 bytes.
    pub fn derive(public: &PublicKey, dep: &[u8], inst: &[u8]) -> Result<Self, InvalidLabel> {
        let dep_len = u16::try_from(dep.len()).map_err(|_| InvalidLabel)?.to_be_bytes();
        let inst_len = u16::try_from(inst.len()).map_err(|_| InvalidLabel)?.to_be_bytes();
        Ok(Self(hash::sha256(&[b"mfp2-runtime-id", &[0], public.as_bytes(), &dep_len, dep, &inst_len, inst])))
    }
}

impl AgentId {
    /// `H("mfp2-agent" ‖ rid ‖ u64 counter ‖ random)` (section 1).
    pub fn derive(runtime: &RuntimeId, counter: u64, random: &[u8; 8]) -> Self {
        Self(hash::sha256(&[b"mfp2-agent", runtime.as_bytes(), &counter.to_be_bytes(), random]))
    }
}

impl MessageId {
    /// `H("mfp2-msg" ‖ store_id of the sender ‖ channel_id ‖ u64 q)[0..16]` (section 7).
    pub fn derive(sender: &StoreId, channel: &ChannelId, q: u64) -> Self {
        let full = hash::sha256(&[b"mfp2-msg", sender.as_bytes(), channel.as_bytes(), &q.to_be_bytes()]);
        let mut id = [0; 16];
        for (to, from) in id.iter_mut().zip(full) {
            *to = from;
        }
        Self(id)
    }
}

/// The name of an agent: 1 to 64 bytes of UTF-8, unique in its runtime (section 1).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AgentName(heapless::String<64>);

impl AgentName {
    /// The longest name, in bytes.
    pub const MAX_LEN: usize = 64;

    /// Checks and takes a name.
    ///
    /// # Errors
    /// [`InvalidLabel`] if it is empty or longer than 64 bytes.
    pub fn new(name: &str) -> Result<Self, InvalidLabel> {
        if name.is_empty() {
            return Err(InvalidLabel);
        }
        heapless::String::try_from(name).map(Self).map_err(|_| InvalidLabel)
    }

    /// The name as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self.as_str(), f)
    }
}

impl fmt::Display for AgentName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self.as_str(), f)
    }
}

impl TryFrom<&str> for AgentName {
    type Error = InvalidLabel;

    fn try_from(name: &str) -> Result<Self, InvalidLabel> {
        Self::new(name)
    }
}

/// Who a runtime is: its static X25519 key pair and the id that follows from it (section 1).
///
/// The secret is zeroized on drop and never shown.
#[derive(Clone, Debug)]
pub struct Identity {
    secret: StaticSecret,
    public: PublicKey,
    id: RuntimeId,
}

impl Identity {
    /// The identity with this static secret (32 bytes of entropy, made once and kept), the label of the
    /// deployment and the label of the instance in it.
    ///
    /// # Errors
    /// [`InvalidLabel`] if a label is longer than 65,535 bytes.
    pub fn new(secret: [u8; 32], dep: &str, inst: &str) -> Result<Self, InvalidLabel> {
        let secret = StaticSecret::from_bytes(secret);
        let public = secret.public();
        let id = RuntimeId::derive(&public, dep.as_bytes(), inst.as_bytes())?;
        Ok(Self { secret, public, id })
    }

    /// The id of the runtime.
    pub fn id(&self) -> RuntimeId {
        self.id
    }

    /// Its static public key, which peers configure.
    pub fn public(&self) -> &PublicKey {
        &self.public
    }

    /// Its static secret key.
    pub fn secret(&self) -> &StaticSecret {
        &self.secret
    }
}

#[cfg(test)]
mod tests {
    extern crate std;
    use std::format;
    use std::string::String;

    use super::*;

    #[test]
    fn debug_is_short_and_display_is_whole() {
        let id = ChannelId::from_bytes([0xab; 16]);
        assert_eq!(format!("{id:?}"), "ChannelId(abababab)");
        assert_eq!(format!("{id}"), "ab".repeat(16));
    }

    #[test]
    fn what_display_shows_is_read_back_and_nothing_else_is() {
        let id = MessageId::from_bytes(core::array::from_fn(|at| u8::try_from(at * 17).unwrap()));
        let text = format!("{id}");
        assert_eq!(text.parse(), Ok(id));
        assert_eq!(text.to_uppercase().parse(), Ok(id));
        assert_eq!(text.parse::<AgentId>(), Err(InvalidId), "half as long");
        for wrong in ["", "0", &text[1..], &format!("{text}0"), &text.replace('f', "g"), &text.replace("ff", "+f")] {
            assert_eq!(wrong.parse::<MessageId>(), Err(InvalidId), "{wrong}");
        }
    }

    #[test]
    fn names_have_bounds() {
        assert!(AgentName::new("").is_err());
        assert!(AgentName::new(&"x".repeat(64)).is_ok());
        assert!(AgentName::new(&"x".repeat(65)).is_err());
        assert!(AgentName::new(&"ü".repeat(33)).is_err(), "bytes count, not characters");
    }

    #[test]
    fn labels_do_not_run_together_and_secrets_do_not_show() {
        let one = Identity::new([7; 32], "ab", "c").unwrap();
        let two = Identity::new([7; 32], "a", "bc").unwrap();
        assert_ne!(one.id(), two.id());
        let long: String = core::iter::repeat_n('x', 65_536).collect();
        assert!(Identity::new([7; 32], &long, "").is_err());
        assert!(!format!("{one:?}").contains("07, 07"), "Debug must not show the secret");
    }
}
