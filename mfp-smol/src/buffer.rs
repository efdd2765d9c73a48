//! Buffers of connections: a connection has one only while there is something in it.

use std::mem;
use std::sync::{Mutex, MutexGuard, PoisonError};

use mfp_proto::link::TooSmall;
use mfp_proto::runtime::Progress;

/// Bytes of a buffer, and so of a read or a write. A message that is longer gets one of its own.
const SIZE: usize = 64 << 10;
/// Buffers that are kept for whoever needs one next.
const KEPT: usize = 32;
/// Bytes of longer ones that are kept.
const KEPT_LONG: usize = 2 << 20;
/// What of a message has come and fits in here waits without a buffer.
const REST: usize = 1 << 10;

/// Buffers that nobody needs at the moment.
#[derive(Debug, Default)]
pub(crate) struct Pool(Mutex<Shelves>);

#[derive(Debug, Default)]
struct Shelves {
    usual: Vec<Vec<u8>>,
    /// New memory is zeroed and paged in, which costs more than the message in it.
    long: Vec<Vec<u8>>,
}

impl Pool {
    fn take(&self, len: usize) -> Vec<u8> {
        let kept = self.shelves().take(len);
        kept.unwrap_or_else(|| vec![0; len.max(1).next_multiple_of(SIZE)])
    }

    fn give(&self, buffer: Vec<u8>) {
        // What is not kept is dropped when the lock is free.
        let _dropped = self.shelves().give(buffer);
    }

    fn shelves(&self) -> MutexGuard<'_, Shelves> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Shelves {
    fn take(&mut self, len: usize) -> Option<Vec<u8>> {
        if len <= SIZE {
            return self.usual.pop();
        }
        let fitting = self.long.iter().enumerate().filter(|(_, buffer)| buffer.len() >= len);
        let (at, _) = fitting.min_by_key(|(_, buffer)| buffer.len())?;
        Some(self.long.swap_remove(at))
    }

    fn give(&mut self, buffer: Vec<u8>) -> Option<Vec<u8>> {
        if buffer.len() == SIZE && self.usual.len() < KEPT {
            self.usual.push(buffer);
        } else if buffer.len() > SIZE && self.long.iter().map(Vec::len).sum::<usize>() + buffer.len() <= KEPT_LONG {
            self.long.push(buffer);
        } else {
            return Some(buffer);
        }
        None
    }
}

/// Bytes that have been read and are not used up.
#[derive(Debug)]
pub(crate) struct Input {
    /// Empty, or at least as long as what is needed.
    buffer: Vec<u8>,
    /// Bytes at its front that are there.
    have: usize,
    /// Bytes that must be there before they are of use.
    need: usize,
}

impl Input {
    pub(crate) const fn new() -> Self {
        Self { buffer: Vec::new(), have: 0, need: 1 }
    }

    /// Where more can be read to.
    pub(crate) fn room(&mut self, pool: &Pool) -> &mut [u8] {
        let need = self.need.max(self.have + 1);
        if self.buffer.len() < need {
            let mut buffer = pool.take(need);
            if let (Some(to), Some(from)) = (buffer.get_mut(..self.have), self.buffer.get(..self.have)) {
                to.copy_from_slice(from);
            }
            pool.give(mem::replace(&mut self.buffer, buffer));
        }
        self.buffer.get_mut(self.have..).unwrap_or_default()
    }

    /// So many bytes were read.
    pub(crate) const fn filled(&mut self, len: usize) {
        self.have += len;
    }

    /// What is there, if it is enough to be of use.
    pub(crate) fn bytes(&mut self) -> Option<&mut [u8]> {
        if self.have < self.need { None } else { self.buffer.get_mut(..self.have) }
    }

    /// What the core has made of it.
    pub(crate) fn used(&mut self, progress: Progress) {
        let consumed = progress.consumed.min(self.have);
        self.buffer.copy_within(consumed..self.have, 0);
        self.have -= consumed;
        self.need = progress.need.max(self.have + 1);
    }

    /// Nothing can be read at the moment: gives up the buffer, if there is little in it.
    pub(crate) fn rest(&mut self, pool: &Pool) {
        if self.have <= REST && self.buffer.len() >= SIZE {
            let rest = self.buffer.get(..self.have).unwrap_or_default().to_vec();
            pool.give(mem::replace(&mut self.buffer, rest));
        }
    }
}

/// Bytes that are to be written.
#[derive(Debug, Default)]
pub(crate) struct Output {
    buffer: Vec<u8>,
    from: usize,
    to: usize,
}

impl Output {
    pub(crate) const fn is_empty(&self) -> bool {
        self.from == self.to
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        self.buffer.get(self.from..self.to).unwrap_or_default()
    }

    /// So many bytes were written.
    pub(crate) fn written(&mut self, len: usize, pool: &Pool) {
        self.from = self.to.min(self.from + len);
        if self.is_empty() {
            (self.from, self.to) = (0, 0);
            pool.give(mem::take(&mut self.buffer));
        }
    }

    /// Takes as much as fits of what `poll` gives. Whether there may be more.
    pub(crate) fn fill(
        &mut self,
        pool: &Pool,
        mut poll: impl FnMut(&mut [u8]) -> Result<Option<usize>, TooSmall>,
    ) -> bool {
        if self.buffer.is_empty() {
            self.buffer = pool.take(SIZE);
        }
        let more = loop {
            match poll(self.buffer.get_mut(self.to..).unwrap_or_default()) {
                Ok(Some(len)) => self.to = self.buffer.len().min(self.to + len),
                Ok(None) => break false,
                Err(TooSmall { need }) if self.to == 0 && need > self.buffer.len() => {
                    pool.give(mem::replace(&mut self.buffer, pool.take(need)));
                }
                Err(TooSmall { .. }) => break true,
            }
        };
        if self.is_empty() {
            self.written(0, pool);
        }
        more
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(input: &mut Input, pool: &Pool, bytes: &[u8]) {
        input.room(pool)[..bytes.len()].copy_from_slice(bytes);
        input.filled(bytes.len());
    }

    #[test]
    fn what_is_idle_has_no_buffer_and_keeps_its_bytes() {
        let (pool, mut input) = (Pool::default(), Input::new());
        read(&mut input, &pool, b"abc");
        assert_eq!(input.bytes().unwrap(), b"abc");
        input.used(Progress { consumed: 1, need: 64 });
        assert_eq!(input.bytes(), None);
        input.rest(&pool);
        assert!(input.buffer.len() == 2 && pool.shelves().usual.len() == 1);
        read(&mut input, &pool, &[7; 70]);
        assert_eq!(input.bytes().unwrap(), [b"bc".as_slice(), &[7; 70]].concat());
        assert!(pool.shelves().usual.is_empty());
    }

    #[test]
    fn a_long_message_gets_the_room_that_it_needs() {
        let (pool, mut input) = (Pool::default(), Input::new());
        read(&mut input, &pool, &[1; 2_000]);
        input.used(Progress { consumed: 0, need: SIZE * 2 + 1 });
        assert_eq!(input.room(&pool).len(), SIZE * 3 - 2_000);
        let mut output = Output::default();
        let mut left = vec![10, SIZE + 5, SIZE - 20];
        let mut poll = |out: &mut [u8]| match left.first().copied() {
            None => Ok(None),
            Some(need) if need > out.len() => Err(TooSmall { need }),
            Some(len) => {
                left.remove(0);
                Ok(Some(len))
            }
        };
        assert!(output.fill(&pool, &mut poll));
        assert_eq!(output.bytes().len(), 10);
        output.written(10, &pool);
        assert!(!output.fill(&pool, &mut poll));
        assert_eq!(output.bytes().len(), SIZE + 5 + SIZE - 20);
        output.written(SIZE * 2 - 15, &pool);
        assert!(output.is_empty() && output.buffer.is_empty());
        // The next one of that length has it again.
        assert_eq!(pool.shelves().long.len(), 1);
        assert_eq!(pool.take(SIZE + 1).len(), SIZE * 2);
        assert!(pool.shelves().long.is_empty());
    }

    #[test]
    fn only_so_much_is_kept() {
        let pool = Pool::default();
        let taken: Vec<_> = (0..KEPT * 2).flat_map(|_| [pool.take(1), pool.take(SIZE * 4)]).collect();
        for buffer in taken {
            pool.give(buffer);
        }
        let shelves = pool.shelves();
        assert_eq!((shelves.usual.len(), shelves.long.len()), (KEPT, KEPT_LONG / (SIZE * 4)));
        drop(shelves);
        pool.give(vec![0; KEPT_LONG + SIZE]);
        assert_eq!(pool.shelves().long.len(), KEPT_LONG / (SIZE * 4));
    }
}
