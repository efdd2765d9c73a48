//! An application: shops place orders at a ledger, and the ledger books each of them once.
//!
//! What the agents decide is here, without a word about messages: whoever carries the bytes is a driver, or a simulation
//! as in `tests/schedules.rs`. An order is asked for again until there is an answer, so it comes more than once whenever an
//! answer is late or lost; its number is what keeps the ledger from booking it twice.

use std::collections::BTreeMap;

/// Moves an amount from one account to another.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// The account that pays.
    pub from: u8,
    /// The account that is paid.
    pub to: u8,
    /// The amount.
    pub amount: u32,
}

/// What became of an order. It never changes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// The amount was moved.
    Booked,
    /// There is no such account, or too little on it: nothing was moved.
    Refused,
}

/// Which order of which shop.
pub type Number = (u8, u32);

/// Accounts, and what was decided about each order.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    balances: Vec<u32>,
    decided: BTreeMap<Number, Verdict>,
}

impl Ledger {
    /// Accounts with these balances. No order was decided about.
    pub fn new(balances: Vec<u32>) -> Self {
        Self { balances, decided: BTreeMap::new() }
    }

    /// What is on each account.
    pub fn balances(&self) -> &[u32] {
        &self.balances
    }

    /// What was decided about an order.
    pub fn decided(&self, number: Number) -> Option<Verdict> {
        self.decided.get(&number).copied()
    }

    /// Answers a message of a shop. `None` if it is not an order.
    pub fn answer(&mut self, message: &[u8]) -> Option<Vec<u8>> {
        let (number, order) = read_order(message)?;
        let verdict = *self.decided.entry(number).or_insert_with(|| book(&mut self.balances, order));
        Some(write_verdict(number, verdict))
    }
}

fn book(balances: &mut [u32], order: Order) -> Verdict {
    let (from, to) = (usize::from(order.from), usize::from(order.to));
    let paid = balances.get(from).and_then(|from| from.checked_sub(order.amount));
    let received = balances.get(to).and_then(|to| to.checked_add(order.amount));
    let (Some(paid), Some(received)) = (paid, received) else { return Verdict::Refused };
    if from != to {
        for (at, balance) in balances.iter_mut().enumerate() {
            *balance = if at == from { paid } else { *balance };
            *balance = if at == to { received } else { *balance };
        }
    }
    Verdict::Booked
}

/// The orders of a shop, and the answers to them.
#[derive(Clone, Debug)]
pub struct Shop {
    shop: u8,
    orders: Vec<(Order, Option<Verdict>)>,
}

impl Shop {
    /// The shop with this number, which has these orders to place.
    pub fn new(shop: u8, orders: &[Order]) -> Self {
        Self { shop, orders: orders.iter().map(|order| (*order, None)).collect() }
    }

    /// The orders and what became of them, if that is known.
    pub fn orders(&self) -> impl Iterator<Item = (Number, Order, Option<Verdict>)> {
        (0..).zip(&self.orders).map(|(at, (order, verdict))| ((self.shop, at), *order, *verdict))
    }

    /// The orders without an answer, as messages to the ledger.
    pub fn open(&self) -> Vec<(Number, Vec<u8>)> {
        let open = self.orders().filter(|(_, _, verdict)| verdict.is_none());
        open.map(|(number, order, _)| (number, write_order(number, order))).collect()
    }

    /// Takes an answer of the ledger. `None` if it answers no order of this shop, or not as it was answered before.
    pub fn take(&mut self, message: &[u8]) -> Option<Number> {
        let ((shop, at), verdict) = read_verdict(message)?;
        let (_, answer) = self.orders.get_mut(usize::try_from(at).ok()?).filter(|_| shop == self.shop)?;
        (*answer.get_or_insert(verdict) == verdict).then_some((shop, at))
    }
}

fn write_order((shop, at): Number, order: Order) -> Vec<u8> {
    let mut message = vec![shop];
    message.extend(at.to_be_bytes());
    message.extend([order.from, order.to]);
    message.extend(order.amount.to_be_bytes());
    message
}

fn read_order(message: &[u8]) -> Option<(Number, Order)> {
    let (number, rest) = read_number(message)?;
    let [from, to, amount @ ..] = rest else { return None };
    let amount = u32::from_be_bytes(amount.try_into().ok()?);
    Some((number, Order { from: *from, to: *to, amount }))
}

fn write_verdict((shop, at): Number, verdict: Verdict) -> Vec<u8> {
    let mut message = vec![shop];
    message.extend(at.to_be_bytes());
    message.push(u8::from(verdict == Verdict::Booked));
    message
}

fn read_verdict(message: &[u8]) -> Option<(Number, Verdict)> {
    match read_number(message)? {
        (number, [1]) => Some((number, Verdict::Booked)),
        (number, [0]) => Some((number, Verdict::Refused)),
        _ => None,
    }
}

fn read_number(message: &[u8]) -> Option<(Number, &[u8])> {
    let (shop, rest) = message.split_first()?;
    let (at, rest) = rest.split_first_chunk()?;
    Some(((*shop, u32::from_be_bytes(*at)), rest))
}
