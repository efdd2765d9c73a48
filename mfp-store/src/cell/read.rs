use mfp_proto::id::AgentName;

/// Bytes that are no record of their table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Malformed;

/// Takes a cell apart.
#[derive(Debug)]
pub(crate) struct Reader<'c>(&'c [u8]);

impl<'c> Reader<'c> {
    pub(crate) const fn new(cell: &'c [u8]) -> Self {
        Self(cell)
    }

    pub(crate) fn array<const N: usize>(&mut self) -> Result<[u8; N], Malformed> {
        let (now, rest) = self.0.split_first_chunk().ok_or(Malformed)?;
        self.0 = rest;
        Ok(*now)
    }

    pub(crate) fn optional<const N: usize>(&mut self, there: bool) -> Result<Option<[u8; N]>, Malformed> {
        if there { self.array().map(Some) } else { Ok(None) }
    }

    pub(crate) fn u8(&mut self) -> Result<u8, Malformed> {
        Ok(u8::from_be_bytes(self.array()?))
    }

    pub(crate) fn u16(&mut self) -> Result<u16, Malformed> {
        Ok(u16::from_be_bytes(self.array()?))
    }

    pub(crate) fn u32(&mut self) -> Result<u32, Malformed> {
        Ok(u32::from_be_bytes(self.array()?))
    }

    pub(crate) fn u64(&mut self) -> Result<u64, Malformed> {
        Ok(u64::from_be_bytes(self.array()?))
    }

    pub(crate) fn take(&mut self, len: usize) -> Result<&'c [u8], Malformed> {
        let (now, rest) = self.0.split_at_checked(len).ok_or(Malformed)?;
        self.0 = rest;
        Ok(now)
    }

    /// A text of this many bytes.
    pub(crate) fn text(&mut self, len: usize) -> Result<&'c str, Malformed> {
        str::from_utf8(self.take(len)?).map_err(|_| Malformed)
    }

    /// A name with its length before it.
    pub(crate) fn name(&mut self) -> Result<AgentName, Malformed> {
        let len = self.u8()?;
        AgentName::new(self.text(len.into())?).map_err(|_| Malformed)
    }

    /// Everything that is left.
    pub(crate) const fn rest(self) -> &'c [u8] {
        self.0
    }

    /// Checks that nothing is left.
    pub(crate) const fn end(self) -> Result<(), Malformed> {
        if self.0.is_empty() { Ok(()) } else { Err(Malformed) }
    }
}
