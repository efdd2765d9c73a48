use core::num::NonZeroU8;

use crate::error::InvalidDepth;

/// Bytes in a block.
pub const BLOCK_LEN: usize = 16;

/// Frame depth k: the number of blocks in a frame, 2 to 32. The default is 4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Depth(NonZeroU8);

impl Depth {
    /// The smallest depth, 2 blocks.
    pub const MIN: Self = Self(NonZeroU8::MIN.saturating_add(1));
    /// The largest depth, 32 blocks.
    pub const MAX: Self = Self(NonZeroU8::MIN.saturating_add(31));
    const DEFAULT: Self = Self(NonZeroU8::MIN.saturating_add(3));
    /// Bytes in a frame of the largest depth.
    pub const MAX_FRAME_LEN: usize = 32 * BLOCK_LEN;

    /// A depth of `blocks` blocks.
    ///
    /// # Errors
    /// [`InvalidDepth`] outside 2 to 32.
    pub const fn new(blocks: u8) -> Result<Self, InvalidDepth> {
        match NonZeroU8::new(blocks) {
            Some(valid) if blocks >= 2 && blocks <= 32 => Ok(Self(valid)),
            _ => Err(InvalidDepth),
        }
    }

    /// The number of blocks.
    pub const fn blocks(self) -> u8 {
        self.0.get()
    }

    /// Bytes in a frame: 16k.
    pub const fn frame_len(self) -> usize {
        self.0.get() as usize * BLOCK_LEN
    }
}

impl Default for Depth {
    fn default() -> Self {
        Self::DEFAULT
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds() {
        for blocks in 0..=u8::MAX {
            assert_eq!(Depth::new(blocks).is_ok(), (2..=32).contains(&blocks), "{blocks}");
        }
        assert_eq!(Depth::MAX.frame_len(), Depth::MAX_FRAME_LEN);
        assert_eq!(Depth::default().frame_len(), 64);
    }
}
