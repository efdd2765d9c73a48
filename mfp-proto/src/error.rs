//! Errors: small `Copy` enums. None carries a secret, a frame or a payload.

/// A cryptographic operation failed. Opaque on purpose: which check failed is nobody's business but the test's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CryptoError;

/// A label or name is empty or too long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidLabel;

/// The text of an identifier is not its bytes in hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidId;

/// A frame depth outside 2 to 32 blocks (section 2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvalidDepth;

macro_rules! display {
    ($($name:ident: $text:literal),* $(,)?) => {$(
        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str($text)
            }
        }
        impl core::error::Error for $name {}
    )*};
}

display! {
    CryptoError: "cryptographic check failed",
    InvalidLabel: "label or name is empty or too long",
    InvalidId: "an identifier is 32 or 64 hexadecimal digits, as long as its kind asks for",
    InvalidDepth: "frame depth is not between 2 and 32 blocks",
}
