/// Reads big-endian fields off the front of a slice; `None` where it is too short, and then nothing is read.
#[derive(Clone, Copy, Debug)]
pub(super) struct Reader<'a>(pub(super) &'a [u8]);

impl<'a> Reader<'a> {
    pub(super) fn array<const N: usize>(&mut self) -> Option<&'a [u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(head)
    }

    pub(super) fn bytes(&mut self, len: usize) -> Option<&'a [u8]> {
        let (head, rest) = self.0.split_at_checked(len)?;
        self.0 = rest;
        Some(head)
    }

    pub(super) fn u8(&mut self) -> Option<u8> {
        self.array().map(|bytes| u8::from_be_bytes(*bytes))
    }

    pub(super) fn u16(&mut self) -> Option<u16> {
        self.array().map(|bytes| u16::from_be_bytes(*bytes))
    }

    pub(super) fn u32(&mut self) -> Option<u32> {
        self.array().map(|bytes| u32::from_be_bytes(*bytes))
    }

    pub(super) fn u64(&mut self) -> Option<u64> {
        self.array().map(|bytes| u64::from_be_bytes(*bytes))
    }

    /// A string behind its length in one byte.
    pub(super) fn short(&mut self) -> Option<&'a [u8]> {
        let mut ahead = *self;
        let len = ahead.u8()?;
        let bytes = ahead.bytes(len.into())?;
        *self = ahead;
        Some(bytes)
    }

    pub(super) fn is_empty(self) -> bool {
        self.0.is_empty()
    }
}

/// Writes to the front of a slice; `None` where it is too short, and then nothing is written.
#[derive(Debug)]
pub(super) struct Writer<'a>(pub(super) &'a mut [u8]);

impl Writer<'_> {
    pub(super) fn put(&mut self, bytes: &[u8]) -> Option<()> {
        let (head, rest) = core::mem::take(&mut self.0).split_at_mut_checked(bytes.len())?;
        head.copy_from_slice(bytes);
        self.0 = rest;
        Some(())
    }

    /// A string of at most 255 bytes behind its length in one byte.
    pub(super) fn put_short(&mut self, bytes: &[u8]) -> Option<()> {
        self.put(&[u8::try_from(bytes.len()).ok()?])?;
        self.put(bytes)
    }
}

/// The `N` bytes at `AT`. That they are there is checked when this is compiled.
pub(crate) const fn take<const AT: usize, const N: usize, const LEN: usize>(bytes: &[u8; LEN]) -> [u8; N] {
    const { assert!(AT + N <= LEN) };
    let mut out = [0; N];
    let mut at = 0;
    while at < N {
        out[at] = bytes[AT + at];
        at += 1;
    }
    out
}

/// Writes `N` bytes at `AT`. That there is room is checked when this is compiled.
pub(crate) const fn put<const AT: usize, const N: usize, const LEN: usize>(bytes: &mut [u8; LEN], value: [u8; N]) {
    const { assert!(AT + N <= LEN) };
    let mut at = 0;
    while at < N {
        bytes[AT + at] = value[at];
        at += 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_short_read_reads_nothing() {
        let mut reader = Reader(&[3, 1, 2]);
        assert_eq!((reader.u64(), reader.u32(), reader.bytes(4), reader.short()), (None, None, None, None));
        assert_eq!((reader.u8(), reader.u16(), reader.is_empty()), (Some(3), Some(0x0102), true));
    }
}
