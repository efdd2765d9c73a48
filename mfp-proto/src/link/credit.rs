//! Credit of one channel, one direction at a time (section 8).
//!
//! Both sides count the channel's DATA items in the order of their numbers: i = 1, 2, …. The counts are durable with the
//! channel; what was said about them is not.

use core::fmt;

/// The sender's side: which item may be scheduled.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct SendCredit {
    /// Items that have got their number.
    count: u64,
    /// `chan_items` of the receiver in this session.
    first: u16,
    /// The highest CREDIT since the load.
    told: u64,
}

impl SendCredit {
    /// A channel of which `count` items have got their number. Before a session starts it has no credit.
    pub const fn new(count: u64) -> Self {
        Self { count, first: 0, told: 0 }
    }

    /// i of the last item that got its number: to be stored with the channel.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// The highest i that may be scheduled.
    pub fn limit(&self) -> u64 {
        self.told.max(self.first.into())
    }

    /// Whether the next item may be scheduled. One that has its number is sent whatever the limit.
    pub fn allows(&self) -> bool {
        self.count < self.limit()
    }

    /// A session starts, in which the receiver announced `chan_items`.
    pub fn start(&mut self, chan_items: u16) {
        self.first = chan_items;
    }

    /// CREDIT has come. A limit below the present one changes nothing.
    pub fn handle_credit(&mut self, limit: u64) {
        self.told = self.told.max(limit);
    }

    /// An item has got its number.
    pub fn handle_numbered(&mut self) {
        self.count = self.count.saturating_add(1);
    }
}

/// The peer has sent more on a channel than it was ever granted: ends the session with BYE(3) (section 8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CreditExceeded;

impl fmt::Display for CreditExceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("credit of the channel is exceeded")
    }
}

impl core::error::Error for CreditExceeded {}

/// The receiver's side: what it has granted, and what it accepts.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub struct ReceiveCredit {
    /// Items received.
    count: u64,
    /// Items done.
    done: u64,
    /// Items durably done: what is granted may not be taken back by a crash.
    durable: u64,
    /// `chan_items` of this side.
    items: u16,
    /// The last grant told in this session; at first `chan_items`.
    told: u64,
    /// At the start of a session a grant is told whatever it is.
    start: bool,
}

impl ReceiveCredit {
    /// A channel of which `count` items have been received and `done` of them are durably done.
    pub const fn new(count: u64, done: u64) -> Self {
        Self { count, done, durable: done, items: 0, told: 0, start: false }
    }

    /// i of the last item received: to be stored with the channel.
    pub const fn count(&self) -> u64 {
        self.count
    }

    /// Items done: to be stored with the channel.
    pub const fn done(&self) -> u64 {
        self.done
    }

    /// A session starts, in which this side has announced `chan_items`.
    pub fn start(&mut self, chan_items: u16) {
        self.items = chan_items;
        self.told = chan_items.into();
        self.start = self.durable > 0;
    }

    /// Takes the next item. `chan_max` is the highest `chan_items` ever configured for this peer, so that a lower one
    /// after a restart breaks no promise.
    ///
    /// # Errors
    /// [`CreditExceeded`]; nothing has changed.
    pub fn accept(&mut self, chan_max: u16) -> Result<(), CreditExceeded> {
        let count = self.count.checked_add(1).ok_or(CreditExceeded)?;
        if count > self.done.saturating_add(chan_max.into()) {
            return Err(CreditExceeded);
        }
        self.count = count;
        Ok(())
    }

    /// One more item is done.
    pub fn handle_done(&mut self) {
        self.done = self.done.saturating_add(1).min(self.count);
    }

    /// So many items are durably done.
    pub fn handle_durable(&mut self, done: u64) {
        self.durable = self.durable.max(done.min(self.done));
    }

    /// Whether all that is done is durably so.
    pub const fn is_settled(&self) -> bool {
        self.durable == self.done
    }

    /// The limit that CREDIT should tell now, if it should.
    pub fn poll_grant(&self) -> Option<u64> {
        let grant = self.durable.saturating_add(self.items.into());
        let step = u64::from(self.items / 4).max(1);
        (self.start || grant >= self.told.saturating_add(step)).then_some(grant)
    }

    /// CREDIT has gone, with the limit of [`poll_grant`](Self::poll_grant).
    pub fn handle_granted(&mut self) {
        if let Some(grant) = self.poll_grant() {
            self.told = grant;
            self.start = false;
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn grants_come_a_quarter_at_a_time_and_at_the_start() {
        let mut credit = ReceiveCredit::new(0, 0);
        credit.start(8);
        assert_eq!(credit.poll_grant(), None, "chan_items is known from the handshake");
        for _ in 0..8 {
            credit.accept(8).unwrap();
        }
        assert_eq!(credit.accept(8), Err(CreditExceeded));
        credit.handle_done();
        credit.handle_durable(1);
        assert_eq!(credit.poll_grant(), None);
        credit.handle_done();
        assert_eq!(credit.poll_grant(), None, "it is not durable");
        credit.handle_durable(2);
        assert_eq!(credit.poll_grant(), Some(10));
        credit.handle_granted();
        assert_eq!(credit.poll_grant(), None);
        credit.start(8);
        assert_eq!(credit.poll_grant(), Some(10), "a new session starts by telling it");
        credit.handle_granted();
        assert_eq!(credit.poll_grant(), None);
    }

    #[test]
    fn one_item_of_credit_is_told_one_by_one() {
        let mut credit = ReceiveCredit::new(0, 0);
        credit.start(1);
        credit.accept(1).unwrap();
        credit.handle_done();
        credit.handle_durable(1);
        assert_eq!(credit.poll_grant(), Some(2));
    }

    #[test]
    fn more_cannot_be_done_than_was_received() {
        let mut credit = ReceiveCredit::new(1, 0);
        credit.handle_done();
        credit.handle_done();
        assert_eq!((credit.count(), credit.done()), (1, 1));
    }

    #[derive(Clone, Copy, Debug)]
    enum Step {
        Send,
        Done,
        Tell,
        /// A new session, with this `chan_items`; `true`: both sides were loaded, too.
        Session(u16, bool),
    }

    fn any_step() -> impl Strategy<Value = Step> {
        prop_oneof![
            6 => Just(Step::Send),
            4 => Just(Step::Done),
            4 => Just(Step::Tell),
            1 => (1..9_u16, any::<bool>()).prop_map(|(items, load)| Step::Session(items, load)),
        ]
    }

    proptest! {
        /// An honest sender is never refused, whatever `chan_items` is set to between sessions, and an inbox never holds
        /// more than `chan_max`.
        #[test]
        fn the_two_sides_agree(steps in prop::collection::vec(any_step(), 0..200)) {
            let (mut sender, mut receiver, mut chan_max) = (SendCredit::new(0), ReceiveCredit::new(0, 0), 4);
            sender.start(4);
            receiver.start(4);
            for step in steps {
                match step {
                    Step::Send if sender.allows() => {
                        sender.handle_numbered();
                        prop_assert!(receiver.accept(chan_max).is_ok());
                    }
                    Step::Send => {}
                    Step::Done => {
                        receiver.handle_done();
                        receiver.handle_durable(receiver.done());
                    }
                    Step::Tell => if let Some(limit) = receiver.poll_grant() {
                        receiver.handle_granted();
                        sender.handle_credit(limit);
                    },
                    Step::Session(items, load) => {
                        if load {
                            sender = SendCredit::new(sender.count());
                            receiver = ReceiveCredit::new(receiver.count(), receiver.done());
                        }
                        chan_max = chan_max.max(items);
                        sender.start(items);
                        receiver.start(items);
                    }
                }
                prop_assert_eq!(sender.count(), receiver.count());
                prop_assert!(receiver.count() - receiver.done() <= chan_max.into());
            }
            // No stall: once all is done and told, the sender may go on.
            while receiver.done() < receiver.count() {
                receiver.handle_done();
                receiver.handle_durable(receiver.done());
            }
            if let Some(limit) = receiver.poll_grant() {
                sender.handle_credit(limit);
            }
            prop_assert!(sender.allows());
        }
    }
}
