//! Steps that have been taken before.
//!
//! A link does the same whenever it is in the same state and is told the same. Most states of the two sides together
//! differ in one side only, so that nearly every step was taken before, and costs no cryptography.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::broken::Broken;
use super::node::{Node, Out};

/// What a step leads to.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) node: Arc<Node>,
    pub(super) outs: Vec<Out>,
    pub(super) broken: Option<Broken>,
}

#[derive(Debug, Default)]
struct Kept {
    steps: HashMap<(u128, u128), Arc<Outcome>>,
    nodes: HashMap<u128, Arc<Node>>,
    taken: u64,
}

/// Steps, by the node that takes them and what it is told.
#[derive(Debug, Default)]
pub(super) struct Memo {
    sides: [Mutex<Kept>; 2],
}

/// So many steps of a side are kept; then it begins anew.
const MOST: usize = 400_000;

impl Memo {
    /// The outcome of a step, taken now if it has not been before.
    pub(super) fn recall(
        &self,
        side: usize,
        key: (u128, u128),
        step: impl FnOnce() -> (Node, Vec<Out>, Option<Broken>),
    ) -> Option<Arc<Outcome>> {
        let kept = self.sides.get(side)?;
        if let Some(outcome) = kept.lock().unwrap_or_else(PoisonError::into_inner).steps.get(&key) {
            return Some(Arc::clone(outcome));
        }
        let (node, outs, broken) = step();
        let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
        if kept.steps.len() >= MOST {
            (kept.steps, kept.nodes) = (HashMap::new(), HashMap::new());
        }
        let node = Arc::clone(kept.nodes.entry(node.fingerprint).or_insert_with(|| Arc::new(node)));
        let outcome = Arc::new(Outcome { node, outs, broken });
        kept.steps.insert(key, Arc::clone(&outcome));
        kept.taken += 1;
        Some(outcome)
    }

    /// Steps that were taken, and not recalled.
    pub(super) fn taken(&self) -> u64 {
        self.sides.iter().map(|kept| kept.lock().unwrap_or_else(PoisonError::into_inner).taken).sum()
    }
}
