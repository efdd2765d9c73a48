use super::SequenceFailure;
use crate::id::ChannelId;
use crate::link::TableFull;
use crate::link::storage::Queue;
use crate::wire::item::Kind;

/// What a link keeps of a numbered item. The body is its owner's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Numbered {
    /// The channel: that of DATA; of another kind the one that its body names.
    pub channel: ChannelId,
    /// Its kind.
    pub kind: Kind,
    /// Bytes of its body.
    pub len: u32,
    /// Whether it answers an item of the peer (section 8, `max_answers`).
    pub answer: bool,
    /// This session has carried something else under its number, before it was [replaced](SendWindow::replace).
    pub superseded: bool,
}

/// How far the sending lane has come. Two equal values with time between them mean that nothing went (section 8, ack
/// timeout).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    acked: u64,
    taken: u64,
}

/// What one session allows, and has used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Window {
    items: u32,
    bytes: u32,
    /// The highest number transmitted in this session; at first, the one that the peer claimed to have.
    transmitted: u64,
    /// The sum of `len` of what is transmitted and not acked.
    in_flight: u64,
}

/// The sending lane's numbers (section 8).
///
/// ```text
///   1 … acked │ acked+1 … transmitted │ … durable │ … given │ queued, without a number
///     deleted │ in flight             │ W1: may go │ wait for the store
/// ```
/// Numbers outlast sessions; the window is that of one session.
#[derive(Clone, Debug, Default)]
pub struct SendWindow<Q> {
    acked: u64,
    /// The highest number whose item is durable (rule W1).
    durable: u64,
    /// Items `acked + 1` and on.
    items: Q,
    /// The sum of their lengths.
    bytes: u64,
    window: Option<Window>,
    /// Bytes of numbered items that the transport took, of all sessions.
    taken: u64,
}

impl<Q: Queue<Numbered>> SendWindow<Q> {
    /// The lane as it was stored: `acked`, and then [`restore`](Self::restore) for each numbered item.
    pub fn new(acked: u64) -> Self {
        Self { acked, durable: acked, items: Q::default(), bytes: 0, window: None, taken: 0 }
    }

    /// Gives back memory that an empty window does not need.
    pub fn release(&mut self) {
        self.items.release();
    }

    /// Takes the next numbered item from the store, and returns its number.
    ///
    /// # Errors
    /// [`TableFull`] if there is no room; nothing has changed.
    pub fn restore(&mut self, item: Numbered) -> Result<u64, TableFull> {
        let n = self.push(item)?;
        self.durable = n;
        Ok(n)
    }

    /// The highest number that the peer has durably stored.
    pub fn acked(&self) -> u64 {
        self.acked
    }

    /// The highest number given.
    pub fn given(&self) -> u64 {
        self.acked.saturating_add(u64::try_from(self.items.len()).unwrap_or(u64::MAX))
    }

    /// The highest number whose item is durable.
    pub fn durable(&self) -> u64 {
        self.durable
    }

    /// The highest number transmitted in this session; `None` without a session.
    pub fn transmitted(&self) -> Option<u64> {
        self.window.map(|window| window.transmitted)
    }

    /// Item `n`, if it has its number and is not acked.
    pub fn get(&self, n: u64) -> Option<&Numbered> {
        self.items.get(self.place(n)?)
    }

    /// How far it has come.
    pub fn progress(&self) -> Progress {
        Progress { acked: self.acked, taken: self.taken }
    }

    /// Whether something is transmitted in this session and not acked.
    pub fn is_in_flight(&self) -> bool {
        self.window.is_some_and(|window| window.transmitted > self.acked)
    }

    /// A session has gone live, in which the peer has shown that it has everything up to what is acked by now: it goes
    /// on with the next number (section 9, RESYNC), under the peer's `win_items` and `win_bytes`.
    pub fn start(&mut self, win_items: u32, win_bytes: u32) {
        self.window = Some(Window { items: win_items, bytes: win_bytes, transmitted: self.acked, in_flight: 0 });
        let mut at = 0;
        while let Some(item) = self.items.get_mut(at) {
            item.superseded = false;
            at += 1;
        }
    }

    /// The session has ended. Its items keep their numbers.
    pub fn end(&mut self) {
        self.window = None;
    }

    /// Whether an item with a body of `len` bytes may get a number now: there is a session, and with the item everything
    /// that has a number fits into its window. So none is numbered while items of a wider window wait.
    pub fn can_number(&self, len: u32) -> bool {
        let Some(window) = self.window else { return false };
        let items = u64::try_from(self.items.len()).unwrap_or(u64::MAX);
        let fits = items < u64::from(window.items) && self.bytes + u64::from(len) <= u64::from(window.bytes);
        fits && !self.items.is_full() && self.given() < u64::MAX
    }

    /// Gives an item its number. It is to be durable, and [`handle_durable`](Self::handle_durable) told, before it goes.
    ///
    /// # Errors
    /// [`TableFull`] if it [may not](Self::can_number) get one; nothing has changed.
    pub fn number(&mut self, item: Numbered) -> Result<u64, TableFull> {
        if self.can_number(item.len) { self.push(item) } else { Err(TableFull) }
    }

    /// The items up to `n` are durable.
    pub fn handle_durable(&mut self, n: u64) {
        self.durable = self.durable.max(n.min(self.given()));
    }

    /// The item that goes next, and its number: durable, and inside the window.
    pub fn next(&self) -> Option<(u64, &Numbered)> {
        let window = self.window?;
        let n = window.transmitted.checked_add(1).filter(|n| *n <= self.durable)?;
        let item = self.get(n)?;
        let items = window.transmitted.saturating_sub(self.acked);
        let fits = items < u64::from(window.items) && window.in_flight + u64::from(item.len) <= u64::from(window.bytes);
        fits.then_some((n, item))
    }

    /// The item that was [next](Self::next) has gone, in a message of `message_len` bytes.
    pub fn handle_transmitted(&mut self, message_len: usize) {
        let Some((n, len)) = self.next().map(|(n, item)| (n, item.len)) else { return };
        if let Some(window) = &mut self.window {
            window.transmitted = n;
            window.in_flight += u64::from(len);
            self.taken = self.taken.saturating_add(u64::try_from(message_len).unwrap_or(u64::MAX));
        }
    }

    /// The peer has durably stored everything up to `ack`. `acked` is told each item that this acks, and its number.
    ///
    /// A number above what this session has sent is legal: an earlier session may have brought it.
    ///
    /// # Errors
    /// [`SequenceFailure`] if no item has that number; nothing has changed.
    pub fn handle_ack(&mut self, ack: u64, mut acked: impl FnMut(u64, Numbered)) -> Result<(), SequenceFailure> {
        if ack > self.given() {
            return Err(SequenceFailure);
        }
        while self.acked < ack {
            let Some(item) = self.items.pop_front() else { break };
            self.acked += 1;
            self.bytes = self.bytes.saturating_sub(item.len.into());
            if let Some(window) = &mut self.window {
                if self.acked <= window.transmitted {
                    window.in_flight = window.in_flight.saturating_sub(item.len.into());
                }
                window.transmitted = window.transmitted.max(self.acked);
            }
            acked(self.acked, item);
        }
        self.durable = self.durable.max(self.acked);
        Ok(())
    }

    /// Replaces item `n`, which keeps its number: what was too large, or lost to a gap, becomes CLOSE (sections 8 and 9).
    /// It is to be durable before it goes. `false` if there is no such item.
    ///
    /// What has been transmitted in this session goes as the new item in later ones, and is
    /// [superseded](Numbered::superseded) until then.
    pub fn replace(&mut self, n: u64, item: Numbered) -> bool {
        let Some(place) = self.place(n) else { return false };
        let Some(old) = self.items.get_mut(place) else { return false };
        let (before, after) = (u64::from(old.len), u64::from(item.len));
        self.bytes = self.bytes.saturating_sub(before) + after;
        let mut superseded = false;
        if let Some(window) = self.window.as_mut().filter(|window| n <= window.transmitted) {
            window.in_flight = window.in_flight.saturating_sub(before) + after;
            superseded = true;
        }
        *old = Numbered { superseded, ..item };
        self.durable = self.durable.min(n - 1).max(self.acked);
        true
    }

    /// An operator has accepted a loss: everything up to `next − 1` counts as acked, whether it was sent or not, and
    /// numbered items are forgotten (section 9). There must be no session.
    pub fn skip(&mut self, next: u64) {
        self.items.clear();
        self.bytes = 0;
        self.window = None;
        self.acked = self.acked.max(next.saturating_sub(1));
        self.durable = self.acked;
    }

    /// For tests that compare whole states by a hash: all but what is only compared with itself, see [`Progress`].
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn hash_state(&self, state: &mut impl core::hash::Hasher)
    where
        Q: core::hash::Hash,
    {
        use core::hash::Hash;
        let Self { acked, durable, items, bytes, window, taken: _ } = self;
        (acked, durable, items, bytes, window).hash(state);
    }

    fn push(&mut self, item: Numbered) -> Result<u64, TableFull> {
        self.items.push_back(item)?;
        self.bytes += u64::from(item.len);
        Ok(self.given())
    }

    /// Where item `n` is.
    fn place(&self, n: u64) -> Option<usize> {
        n.checked_sub(self.acked)?.checked_sub(1).and_then(|at| usize::try_from(at).ok())
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use heapless::Deque;
    use proptest::prelude::*;

    use super::*;

    type Lane = SendWindow<Deque<Numbered, 8>>;

    fn item(len: u32) -> Numbered {
        Numbered { channel: ChannelId::from_bytes([1; 16]), kind: Kind::Data, len, answer: false, superseded: false }
    }

    /// A lane in a session, with these items numbered and durable.
    fn lane(win_items: u32, win_bytes: u32, lens: &[u32]) -> Lane {
        let mut lane = Lane::new(0);
        lane.start(win_items, win_bytes);
        for len in lens {
            let n = lane.number(item(*len)).unwrap();
            lane.handle_durable(n);
        }
        lane
    }

    fn send_all(lane: &mut Lane) -> Vec<u64> {
        core::iter::from_fn(|| {
            let n = lane.next().map(|(n, _)| n)?;
            lane.handle_transmitted(100);
            Some(n)
        })
        .collect()
    }

    #[test]
    fn nothing_is_numbered_without_a_session_nor_beyond_its_window() {
        assert!(!Lane::new(0).can_number(1));
        let mut lane = lane(3, 100, &[50, 50]);
        assert!(!lane.can_number(1), "bytes");
        assert!(lane.can_number(0));
        lane.number(item(0)).unwrap();
        assert_eq!((lane.number(item(0)), lane.given()), (Err(TableFull), 3), "items");
    }

    #[test]
    fn what_is_not_durable_waits() {
        let mut lane = Lane::new(0);
        lane.start(8, 100);
        for _ in 0..3 {
            lane.number(item(1)).unwrap();
        }
        assert!(send_all(&mut lane).is_empty());
        lane.handle_durable(2);
        assert_eq!(send_all(&mut lane), [1, 2]);
        lane.handle_durable(99);
        assert_eq!(send_all(&mut lane), [3]);
    }

    #[test]
    fn a_narrower_window_holds_back_what_has_its_number() {
        let mut lane = lane(8, 800, &[100; 6]);
        assert_eq!(send_all(&mut lane), [1, 2, 3, 4, 5, 6]);
        lane.end();
        assert!(send_all(&mut lane).is_empty());
        lane.start(4, 250);
        assert_eq!(send_all(&mut lane), [1, 2], "bytes");
        assert!(!lane.can_number(0));
        lane.handle_ack(2, |_, _| ()).unwrap();
        assert_eq!(send_all(&mut lane), [3, 4]);
        lane.handle_ack(4, |_, _| ()).unwrap();
        assert_eq!(send_all(&mut lane), [5, 6]);
        assert!(lane.can_number(50) && !lane.can_number(51));
    }

    #[test]
    fn an_ack_above_the_highest_number_is_a_failure_and_one_above_what_was_sent_is_not() {
        let mut lane = lane(8, 800, &[1, 2, 3]);
        lane.handle_transmitted(100);
        let before = lane.progress();
        assert_eq!(lane.handle_ack(4, |_, _| panic!("acked")), Err(SequenceFailure));
        assert_eq!(lane.progress(), before);
        let mut acked = Vec::new();
        lane.handle_ack(2, |n, item| acked.push((n, item.len))).unwrap();
        assert_eq!((acked, lane.transmitted()), (std::vec![(1, 1), (2, 2)], Some(2)));
        assert!(!lane.is_in_flight());
        assert_ne!(lane.progress(), before);
        assert_eq!(send_all(&mut lane), [3]);
    }

    #[test]
    fn replaced_items_wait_for_the_store_again_and_a_skip_forgets_all() {
        let mut lane = lane(8, 800, &[1, 2, 3]);
        lane.handle_transmitted(100);
        assert!(!lane.replace(4, item(9)));
        assert!(lane.replace(1, item(9)) && lane.replace(2, item(9)));
        let superseded = |lane: &Lane| [1, 2].map(|n| lane.get(n).unwrap().superseded);
        assert_eq!(superseded(&lane), [true, false]);
        assert!(send_all(&mut lane).is_empty());
        lane.handle_durable(3);
        assert_eq!(send_all(&mut lane), [2, 3]);
        lane.end();
        lane.start(8, 800);
        assert_eq!((superseded(&lane), send_all(&mut lane)), ([false, false], [1, 2, 3].to_vec()));
        lane.end();
        lane.skip(11);
        assert_eq!((lane.acked(), lane.given(), lane.get(10), lane.transmitted()), (10, 10, None, None));
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Number(u32),
        Durable,
        Transmit,
        Ack(u64),
        Restart(u32, u32),
    }

    fn any_step() -> impl Strategy<Value = Step> {
        prop_oneof![
            3 => (0..100_u32).prop_map(Step::Number),
            2 => Just(Step::Durable),
            4 => Just(Step::Transmit),
            2 => (0..4_u64).prop_map(Step::Ack),
            1 => (1..8_u32, 100..400_u32).prop_map(|(items, bytes)| Step::Restart(items, bytes)),
        ]
    }

    proptest! {
        /// Against a plain list of all lengths ever numbered: in every session items go in order from acked + 1, none
        /// before it is durable, and what is in flight never exceeds the window.
        #[test]
        fn in_order_durable_and_inside_the_window(steps in prop::collection::vec(any_step(), 0..120)) {
            let mut lane = Lane::new(0);
            let (mut items, mut bytes) = (5, 300);
            lane.start(items, bytes);
            let (mut lens, mut durable, mut acked, mut sent) = (Vec::<u32>::new(), 0, 0, 0);
            for step in steps {
                match step {
                    Step::Number(len) => if lane.number(item(len)).is_ok() { lens.push(len) },
                    Step::Durable => { durable = lens.len(); lane.handle_durable(u64::MAX); }
                    Step::Transmit => if let Some((n, found)) = lane.next() {
                        sent += 1;
                        prop_assert_eq!((n, found.len), (u64::try_from(sent).unwrap(), lens[sent - 1]));
                        prop_assert!(sent <= durable);
                        lane.handle_transmitted(1);
                    },
                    Step::Ack(more) => {
                        let ack = acked + usize::try_from(more).unwrap();
                        let fits = ack <= lens.len();
                        prop_assert_eq!(lane.handle_ack(u64::try_from(ack).unwrap(), |_, _| ()).is_ok(), fits);
                        if fits { acked = ack; sent = sent.max(ack); durable = durable.max(ack); }
                    }
                    Step::Restart(more_items, more_bytes) => {
                        (items, bytes, sent) = (more_items, more_bytes, acked);
                        lane.end();
                        lane.start(items, bytes);
                    }
                }
                prop_assert_eq!((lane.acked(), lane.given()), (u64::try_from(acked).unwrap(), u64::try_from(lens.len()).unwrap()));
                prop_assert_eq!(lane.transmitted(), Some(u64::try_from(sent).unwrap()));
                prop_assert_eq!(lane.is_in_flight(), sent > acked);
                let flying = &lens[acked..sent];
                prop_assert!(flying.len() <= usize::try_from(items).unwrap() && flying.iter().sum::<u32>() <= bytes);
            }
        }
    }
}
