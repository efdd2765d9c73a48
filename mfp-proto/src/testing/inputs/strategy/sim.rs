use core::time::Duration;
use std::vec::Vec;

use proptest::collection::{SizeRange, vec};
use proptest::prelude::*;
use proptest::sample::select;

use crate::testing::sim::{Fault, FaultKind};
use crate::time::micros;

/// Faults of these kinds, of which there must be one, for a [`Plan`](crate::testing::sim::Plan) with so many nodes: when
/// each comes, within so long, and where. A failing plan shrinks to few of them.
pub fn faults(
    kinds: impl Into<Vec<FaultKind>>,
    nodes: usize,
    within: Duration,
    count: impl Into<SizeRange>,
) -> impl Strategy<Value = Vec<(Duration, Fault)>> {
    let at = (0..micros(within).max(1)).prop_map(Duration::from_micros);
    let fault = (select(kinds.into()), 0..nodes.max(1)).prop_map(|(kind, node)| Fault { kind, node });
    vec((at, fault), count)
}
