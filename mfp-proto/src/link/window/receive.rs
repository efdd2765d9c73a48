use core::fmt;
use core::time::Duration;

use super::SequenceFailure;
use crate::crypto::Secret;
use crate::id::SessionId;
use crate::link::storage::Queue;
use crate::time::Instant;

/// What became of an item's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It is the next: store it.
    New,
    /// It is here already: drop it.
    Repeat,
}

/// Why an item is not accepted. Nothing has changed, and the session must end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum WindowViolation {
    /// Its number is not the next: ends the session in silence (section 12).
    Sequence,
    /// The peer has exceeded this side's window: ends the session with BYE(3) (section 8).
    Window,
}

impl From<SequenceFailure> for WindowViolation {
    fn from(_: SequenceFailure) -> Self {
        Self::Sequence
    }
}

impl fmt::Display for WindowViolation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Sequence => "item is not the next",
            Self::Window => "window is exceeded",
        })
    }
}

impl core::error::Error for WindowViolation {}

/// What one session allows the peer, and what it has used.
#[derive(Clone, Copy, Debug)]
struct Window {
    items: u32,
    bytes: u32,
    /// The highest ack sent in this session; at first the POS.
    told: u64,
    /// The sum of `len` of items `told + 1` and on.
    pending: u64,
    /// A lone ACK is due at this moment, or at once if it has passed.
    due: Option<Instant>,
}

/// The receiving lane's cursor (section 8).
///
/// ```text
///   1 … told │ … durable │ … received
///     acked  │ to be acked │ not yet stored (rule W3)
/// ```
/// The cursor outlasts sessions; the window is that of one session.
#[derive(Clone, Debug)]
pub struct ReceiveWindow<Q> {
    received: u64,
    durable: u64,
    /// The session in which `received` arrived, and its HS.
    tag: Option<(SessionId, Secret)>,
    /// The lengths of items `told + 1` to `received`.
    lens: Q,
    window: Option<Window>,
    /// How long an ack waits for other traffic to carry it.
    delay: Duration,
}

impl<Q: Queue<u32>> ReceiveWindow<Q> {
    /// The cursor as it was stored, with the session in which item `n` arrived and its HS; `delay` is how long an ack
    /// waits for other traffic to carry it (lone ACK in section 8).
    pub fn new(n: u64, tag: Option<(SessionId, Secret)>, delay: Duration) -> Self {
        Self { received: n, durable: n, tag, lens: Q::default(), window: None, delay }
    }

    /// Gives back memory that an empty window does not need.
    pub fn release(&mut self) {
        self.lens.release();
    }

    /// The cursor with everything received so far: what a POS states, which is withheld until it is durable (rule W6).
    pub fn received(&self) -> u64 {
        self.received
    }

    /// The session in which the cursor's item arrived, and its HS; `None` if nothing has ever arrived.
    pub fn tag(&self) -> Option<(SessionId, &Secret)> {
        self.tag.as_ref().map(|(id, history)| (*id, history))
    }

    /// The highest number that is durably stored: the `ack` of every header.
    pub fn ack(&self) -> u64 {
        self.durable
    }

    /// A session has gone live, in which this side has claimed [`received`](Self::received). This side announced
    /// `win_items` and `win_bytes`. `at_once`: this side is the responder, whose first message is an ACK.
    pub fn start(&mut self, win_items: u32, win_bytes: u32, at_once: bool) {
        self.lens.clear();
        let due = at_once.then_some(Instant::ZERO);
        self.window = Some(Window { items: win_items, bytes: win_bytes, told: self.received, pending: 0, due });
    }

    /// The session has ended.
    pub fn end(&mut self) {
        self.window = None;
        self.lens.clear();
    }

    /// Judges the number of an item whose body has `len` bytes. Nothing changes.
    ///
    /// # Errors
    /// [`WindowViolation`]; also if there is no session.
    pub fn judge(&self, n: u64, len: u32) -> Result<Arrival, WindowViolation> {
        let window = self.window.ok_or(WindowViolation::Sequence)?;
        if n <= self.received {
            return Ok(Arrival::Repeat);
        }
        if n - self.received > 1 {
            return Err(WindowViolation::Sequence);
        }
        let items = n.saturating_sub(window.told);
        let bytes = window.pending + u64::from(len);
        let exceeded = items > u64::from(window.items) || bytes > u64::from(window.bytes) || self.lens.is_full();
        if exceeded { Err(WindowViolation::Window) } else { Ok(Arrival::New) }
    }

    /// Takes an item that was judged [`Arrival::New`], in the session `id` with this HS. It is to be stored, with the
    /// cursor, in one transaction (rule W3).
    ///
    /// # Errors
    /// As [`judge`](Self::judge), and [`WindowViolation::Sequence`] for a repeat; nothing has changed.
    pub fn accept(&mut self, n: u64, len: u32, id: SessionId, history: &Secret) -> Result<(), WindowViolation> {
        if self.judge(n, len)? == Arrival::Repeat {
            return Err(WindowViolation::Sequence);
        }
        self.lens.push_back(len).map_err(|_| WindowViolation::Window)?;
        if let Some(window) = &mut self.window {
            window.pending += u64::from(len);
        }
        self.received = n;
        self.retag(id, history);
        Ok(())
    }

    /// A GAP has come: the cursor is `next − 1`, tagged with the session `id` (section 9). It is to be stored, with
    /// what else follows from the GAP, in one transaction.
    ///
    /// # Errors
    /// [`SequenceFailure`] if it would lower the cursor, or there is no session; nothing has changed.
    pub fn handle_gap(&mut self, next: u64, id: SessionId, history: &Secret) -> Result<(), SequenceFailure> {
        let cursor = next.checked_sub(1).filter(|cursor| *cursor >= self.received).ok_or(SequenceFailure)?;
        let window = self.window.as_mut().ok_or(SequenceFailure)?;
        // What came before the gap is told with it.
        (window.told, window.pending) = (cursor, 0);
        self.lens.clear();
        self.received = cursor;
        // At 0 there is nothing that a POS could name (section 7).
        if cursor > 0 {
            self.retag(id, history);
        }
        Ok(())
    }

    /// Everything up to `n` is durable.
    pub fn handle_durable(&mut self, now: Instant, n: u64) {
        self.durable = self.durable.max(n.min(self.received));
        let Some(window) = &mut self.window else { return };
        if self.durable <= window.told {
            return;
        }
        let quarter = (self.durable - window.told) >= u64::from(window.items / 4).max(1)
            || window.pending >= u64::from(window.bytes / 4).max(1);
        let latest = if quarter { now } else { now + self.delay };
        window.due = Some(window.due.map_or(latest, |due| due.min(latest)));
    }

    /// A GAP is durable, and [`handle_durable`](Self::handle_durable) knows how far: its sender waits for an ack, even if
    /// the cursor kept its value. Items behind it may be here and not yet be durable.
    pub fn handle_gap_durable(&mut self) {
        if let Some(window) = &mut self.window {
            window.due = Some(Instant::ZERO);
        }
    }

    /// When a lone ACK is due, if no other message goes before: [`Instant::ZERO`] for at once.
    pub fn poll_ack(&self) -> Option<Instant> {
        self.window.and_then(|window| window.due)
    }

    /// A message of this session has gone, which carried [`ack`](Self::ack).
    pub fn handle_transmitted(&mut self) {
        let Some(window) = &mut self.window else { return };
        window.due = None;
        while window.told < self.durable {
            let len = self.lens.pop_front().unwrap_or(0);
            window.told += 1;
            window.pending = window.pending.saturating_sub(len.into());
        }
    }

    /// For tests that compare whole states by a hash: all but the moment at which an ack is
    /// [due](Self::poll_ack), and the delay, which is configured.
    #[cfg(any(test, feature = "testing"))]
    pub(crate) fn hash_state(&self, state: &mut impl core::hash::Hasher)
    where
        Q: core::hash::Hash,
    {
        use core::hash::Hash;
        let Self { received, durable, tag, lens, window, delay: _ } = self;
        let window = window.map(|Window { items, bytes, told, pending, due: _ }| (items, bytes, told, pending));
        (received, durable, tag, lens, window).hash(state);
    }

    fn retag(&mut self, id: SessionId, history: &Secret) {
        if self.tag.as_ref().is_none_or(|(old, _)| *old != id) {
            self.tag = Some((id, history.clone()));
        }
    }
}

#[cfg(test)]
mod tests {
    use heapless::Deque;
    use proptest::prelude::*;

    use super::*;

    type Lane = ReceiveWindow<Deque<u32, 8>>;

    const ID: SessionId = SessionId::from_bytes([7; 16]);
    const DELAY: Duration = Duration::from_millis(5);

    fn lane(win_items: u32, win_bytes: u32) -> Lane {
        let mut lane = Lane::new(0, None, DELAY);
        lane.start(win_items, win_bytes, false);
        lane
    }

    fn take(lane: &mut Lane, n: u64, len: u32) -> Result<(), WindowViolation> {
        lane.accept(n, len, ID, &Secret::from_bytes([7; 32]))
    }

    fn at(millis: u64) -> Instant {
        Instant::from_micros(millis * 1_000)
    }

    #[test]
    fn repeats_are_dropped_and_holes_are_failures() {
        let mut lane = lane(8, 100);
        take(&mut lane, 1, 1).unwrap();
        assert_eq!(lane.judge(1, 1), Ok(Arrival::Repeat));
        assert_eq!(lane.judge(2, 1), Ok(Arrival::New));
        assert_eq!(lane.judge(3, 1), Err(WindowViolation::Sequence));
        assert_eq!(take(&mut lane, 1, 1), Err(WindowViolation::Sequence));
        assert_eq!(lane.tag().map(|(id, _)| id), Some(ID));
        lane.end();
        assert_eq!(lane.judge(2, 1), Err(WindowViolation::Sequence), "no session");
    }

    #[test]
    fn the_window_opens_as_acks_are_sent_and_not_as_items_are_stored() {
        let mut lane = lane(2, 100);
        take(&mut lane, 1, 60).unwrap();
        assert_eq!(take(&mut lane, 2, 41), Err(WindowViolation::Window), "bytes");
        take(&mut lane, 2, 40).unwrap();
        assert_eq!(take(&mut lane, 3, 0), Err(WindowViolation::Window), "items");
        lane.handle_durable(at(0), 1);
        assert_eq!(take(&mut lane, 3, 0), Err(WindowViolation::Window));
        lane.handle_transmitted();
        assert_eq!(take(&mut lane, 3, 61), Err(WindowViolation::Window));
        take(&mut lane, 3, 60).unwrap();
        assert_eq!((lane.received(), lane.ack()), (3, 1));
    }

    #[test]
    fn a_lone_ack_waits_5_ms_or_a_quarter_window() {
        let mut lane = lane(8, 1_000);
        take(&mut lane, 1, 1).unwrap();
        assert_eq!(lane.poll_ack(), None, "not durable");
        lane.handle_durable(at(10), 1);
        assert_eq!(lane.poll_ack(), Some(at(15)));
        take(&mut lane, 2, 1).unwrap();
        lane.handle_durable(at(12), 2);
        assert_eq!(lane.poll_ack(), Some(at(12)), "two of eight items");
        lane.handle_transmitted();
        assert_eq!(lane.poll_ack(), None);
        lane.handle_durable(at(13), 2);
        assert_eq!(lane.poll_ack(), None, "told already");
        take(&mut lane, 3, 250).unwrap();
        lane.handle_durable(at(20), 3);
        assert_eq!(lane.poll_ack(), Some(at(20)), "a quarter of the bytes");
    }

    #[test]
    fn the_responder_and_a_gap_ack_at_once() {
        let mut lane = Lane::new(4, Some((ID, Secret::from_bytes([7; 32]))), DELAY);
        lane.start(8, 100, true);
        assert_eq!(lane.poll_ack(), Some(Instant::ZERO));
        lane.handle_transmitted();
        let other = SessionId::from_bytes([8; 16]);
        let secret = Secret::from_bytes([8; 32]);
        for next in [0, 4] {
            assert_eq!(lane.handle_gap(next, other, &secret), Err(SequenceFailure), "lowers the cursor");
        }
        lane.handle_gap(5, other, &secret).unwrap();
        assert_eq!((lane.received(), lane.poll_ack(), lane.tag().map(|(id, _)| id)), (4, None, Some(other)));
        lane.handle_gap_durable();
        assert_eq!(lane.poll_ack(), Some(Instant::ZERO), "though the cursor kept its value");
        lane.handle_gap(10, other, &secret).unwrap();
        assert_eq!((lane.received(), lane.ack()), (9, 4));
        lane.handle_durable(at(0), 9);
        lane.handle_gap_durable();
        assert_eq!(lane.ack(), 9);
        take(&mut lane, 10, 100).unwrap();
    }

    #[test]
    fn a_durable_gap_acks_nothing_behind_it() {
        let mut lane = lane(8, 1_000);
        lane.handle_gap(5, ID, &Secret::from_bytes([7; 32])).unwrap();
        take(&mut lane, 5, 1).unwrap();
        lane.handle_durable(at(0), 4);
        lane.handle_gap_durable();
        assert_eq!((lane.ack(), lane.poll_ack()), (4, Some(Instant::ZERO)));
        lane.handle_transmitted();
        lane.handle_durable(at(1), 5);
        assert_eq!((lane.ack(), lane.poll_ack()), (5, Some(at(6))));
    }

    #[test]
    fn a_gap_before_the_first_item_leaves_nothing_to_claim() {
        let mut lane = lane(8, 1_000);
        lane.handle_gap(1, ID, &Secret::from_bytes([7; 32])).unwrap();
        assert_eq!((lane.received(), lane.tag()), (0, None));
        lane.handle_gap_durable();
        assert_eq!(lane.poll_ack(), Some(Instant::ZERO), "its sender waits");
        take(&mut lane, 1, 1).unwrap();
        assert_eq!(lane.tag().map(|(id, _)| id), Some(ID));
    }

    proptest! {
        /// A sender that keeps to the window by the acks that were sent is never refused, and one item more always is.
        #[test]
        fn exactly_the_window(
            win_items in 1..8_u32,
            steps in prop::collection::vec((0..60_u32, any::<bool>(), any::<bool>()), 1..60),
        ) {
            let win_bytes = 200;
            let mut lane = lane(win_items, win_bytes);
            let (mut lens, mut told) = (std::vec::Vec::<u32>::new(), 0);
            for (len, durable, carried) in steps {
                let flying = &lens[told..];
                let fits = flying.len() < usize::try_from(win_items).unwrap()
                    && flying.iter().sum::<u32>() + len <= win_bytes;
                let n = lane.received() + 1;
                prop_assert_eq!(take(&mut lane, n, len).is_ok(), fits);
                if fits {
                    lens.push(len);
                }
                if durable {
                    lane.handle_durable(at(0), lane.received());
                }
                if carried {
                    lane.handle_transmitted();
                    told = usize::try_from(lane.ack()).unwrap();
                }
                prop_assert_eq!(lane.poll_ack().is_some(), lane.ack() > u64::try_from(told).unwrap());
            }
        }
    }
}
