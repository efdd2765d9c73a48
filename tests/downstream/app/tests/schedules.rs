//! The application under random schedules: whatever the network, the disks and the power do, no order is booked twice, no
//! amount appears or disappears, and in the end every order has an answer.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::time::Duration;

use mfp_downstream_app::{Ledger, Number, Order, Shop, Verdict};
use mfp_proto::crypto::aead::RustCrypto;
use mfp_proto::id::{AgentName, ChannelId};
use mfp_proto::runtime::{ChannelOptions, Delivery, Effect, Message, Outcome, Ticket};
use mfp_proto::testing::sim::{Application, Fault, FaultKind, Options, Plan, Site, World};
use mfp_proto::testing::{RecordingAead, strategy};
use proptest::collection::vec;
use proptest::prelude::*;

/// The node of the ledger. Those of the shops come after it.
const LEDGER: usize = 0;
const SHOPS: usize = 2;
/// How long an answer may take before an order is placed again.
const PATIENCE: Duration = Duration::from_millis(500);

/// The agents of all nodes, and what they have in their databases.
struct Trade {
    ledger: Ledger,
    shops: [Shop; SHOPS],
    /// In memory: the orders that wait for an answer.
    waiting: [BTreeMap<Ticket, Number>; SHOPS],
    /// Whether the ledger keeps in memory, and not in its database, what it has decided: a mistake.
    forgets: bool,
}

fn name(text: &str) -> AgentName {
    AgentName::new(text).unwrap()
}

impl Trade {
    fn new(orders: &[Vec<Order>; SHOPS]) -> Self {
        let shops = [Shop::new(1, &orders[0]), Shop::new(2, &orders[1])];
        Self { ledger: Ledger::new(vec![100; 4]), shops, waiting: Default::default(), forgets: false }
    }

    fn plan() -> Plan {
        Plan::new(vec![vec![name("ledger")], vec![name("shop")], vec![name("shop")]])
    }

    /// Places each order of a shop that nobody is working on, and looks again later.
    fn go_on(&mut self, site: &mut Site<'_>) {
        let at = site.node() - 1;
        site.wake(PATIENCE, 0);
        let Some(channel) = channel(site) else { return };
        let (now, from) = (site.now(), site.agent(&name("shop")).unwrap());
        for (number, order) in self.shops[at].open() {
            if self.waiting[at].values().any(|waiting| *waiting == number) {
                continue;
            }
            let order = Message::new(&order).answer_within(PATIENCE);
            // If there is no room it is placed later.
            if let Ok(ticket) = site.runtime().send(now, from, channel, order) {
                self.waiting[at].insert(ticket, number);
            }
        }
    }

    /// What must hold in the end.
    fn check(&self) -> Result<(), String> {
        let mut balances = vec![100_i64; 4];
        for (number, order, verdict) in self.shops.iter().flat_map(Shop::orders) {
            if verdict.is_none() || self.ledger.decided(number) != verdict {
                return Err(format!("{number:?} is {verdict:?} here and {:?} there", self.ledger.decided(number)));
            }
            if verdict == Some(Verdict::Booked) {
                balances[usize::from(order.from)] -= i64::from(order.amount);
                balances[usize::from(order.to)] += i64::from(order.amount);
            }
        }
        let found: Vec<i64> = self.ledger.balances().iter().map(|balance| i64::from(*balance)).collect();
        if found == balances { Ok(()) } else { Err(format!("the ledger has {found:?} instead of {balances:?}")) }
    }
}

/// The channel of a shop to the ledger; a new one if it has none.
fn channel(site: &mut Site<'_>) -> Option<ChannelId> {
    let (now, shop, ledger) = (site.now(), site.agent(&name("shop"))?, site.peer(LEDGER)?);
    // An agent without a channel does not have this tool yet.
    let channels = site.runtime().channels(&shop).unwrap_or_default();
    if let Some(channel) = channels.iter().find(|channel| !channel.closing) {
        return Some(channel.id);
    }
    site.runtime().open_channel(now, &shop, &ledger, &name("ledger"), ChannelOptions::default()).ok()
}

impl Application for Trade {
    fn bound(&mut self, site: &mut Site<'_>, agent: &AgentName) {
        if *agent == name("shop") {
            self.go_on(site);
        }
    }

    fn handle(&mut self, site: &mut Site<'_>, message: &Delivery) -> Outcome {
        if site.node() != LEDGER {
            self.shops[site.node() - 1].take(&message.payload).expect("an answer to an order of this shop");
            return Outcome::Done;
        }
        let before: u32 = self.ledger.balances().iter().sum();
        let answer = self.ledger.answer(&message.payload).expect("an order");
        assert_eq!(self.ledger.balances().iter().sum::<u32>(), before, "an amount appeared or disappeared");
        let (now, answer) = (site.now(), Message::new(&answer).reply_to(message.message));
        match site.runtime().send(now, message.to, message.channel, answer) {
            Ok(_) => Outcome::Done,
            Err(_) => Outcome::Failed, // it comes again, and is not booked again
        }
    }

    fn told(&mut self, site: &mut Site<'_>, effect: &Effect) {
        if let Effect::Unanswered(ticket) | Effect::Uncertain(ticket) | Effect::Failed(ticket, _) = effect
            && site.node() != LEDGER
        {
            self.waiting[site.node() - 1].remove(ticket);
        }
    }

    fn woken(&mut self, site: &mut Site<'_>, _: u64) {
        self.go_on(site);
    }

    fn crashed(&mut self, node: usize) {
        match node {
            LEDGER if self.forgets => self.ledger = Ledger::new(self.ledger.balances().to_vec()),
            LEDGER => {}
            shop => self.waiting[shop - 1].clear(),
        }
    }

    fn is_done(&self) -> bool {
        self.shops.iter().all(|shop| shop.open().is_empty())
    }
}

fn orders() -> impl Strategy<Value = [Vec<Order>; SHOPS]> {
    let order = (0..4_u8, 0..4_u8, 0..80_u32).prop_map(|(from, to, amount)| Order { from, to, amount });
    [vec(order.clone(), 1..12), vec(order, 0..12)]
}

#[test]
fn every_order_is_booked_once_or_refused() {
    let (aead, faults) = (RecordingAead::leak(&RustCrypto), FaultKind::LOSSLESS);
    let faults = strategy::faults(faults, 1 + SHOPS, Duration::from_secs(5), 0..10);
    proptest!(ProptestConfig::with_cases(48), |(seed: u64, orders in orders(), faults in faults)| {
        let mut trade = Trade::new(&orders);
        let outcome = World::host(&Options::new(seed, aead), &Trade::plan().faults(faults), &mut trade);
        prop_assert!(outcome.violations.is_empty(), "{:#?}", outcome.violations);
        prop_assert_eq!(trade.check(), Ok(()));
    });
}

/// A mistake that many make, which needs a crash at the wrong moment to show.
#[test]
fn a_ledger_that_keeps_its_decisions_in_memory_is_found_out() {
    let aead = RecordingAead::leak(&RustCrypto);
    let order = Order { from: 0, to: 1, amount: 10 };
    let orders = [vec![order; 5], vec![order; 4]];
    let crash = Fault { kind: FaultKind::Crash, node: LEDGER };
    let wrong = |forgets: bool| {
        let runs = (0..40).map(|seed| {
            let mut trade = Trade::new(&orders);
            trade.forgets = forgets;
            let at = Duration::from_millis(5 * seed);
            World::host(&Options::new(seed, aead), &Trade::plan().faults(vec![(at, crash)]), &mut trade);
            trade.check()
        });
        runs.filter(Result::is_err).count()
    };
    assert_eq!(wrong(false), 0);
    assert!(wrong(true) > 0);
}

/// The same seed and plan give the same run.
#[test]
fn a_run_can_be_repeated() {
    let aead = RecordingAead::leak(&RustCrypto);
    let crash = (Duration::from_millis(40), Fault { kind: FaultKind::Crash, node: 1 });
    let [one, other] = [(); 2].map(|()| {
        let mut trade = Trade::new(&[vec![Order { from: 0, to: 1, amount: 1 }; 6], vec![]]);
        World::host(&Options::new(7, aead), &Trade::plan().faults(vec![crash]), &mut trade)
    });
    assert_eq!(one, other);
    assert!(one.receipts >= 12 && one.faults.get(&FaultKind::Crash) == Some(&1), "{one:?}");
}
