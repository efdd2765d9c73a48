//! The exhaustive search, within bounds that take seconds. The program `exhaust` goes further.

use std::time::Duration;

use mfp_tests::model::{Bounds, COMPLETE, Exhaust, Faults, Found, LOSS};

fn search(bounds: &Bounds) -> Found {
    let found = Exhaust::new(bounds.clone()).unwrap().run(2, Duration::from_hours(1));
    assert!(found.closed, "{bounds}: {:#?}", found.counterexamples);
    found
}

fn bounds(faults: Faults) -> Bounds {
    Bounds { dials: vec![0], prompt: true, faults, together: 1, ..Bounds::default() }
}

#[test]
fn one_message_each_way_comes_in_every_order_of_what_can_happen() {
    for bounds in [bounds(Faults::default()), Bounds { prompt: false, ..bounds(Faults::default()) }] {
        let found = search(&bounds);
        assert_eq!(found.reached, [COMPLETE], "without a fault no loss is found");
        assert!(found.unique > 300, "{}", found.unique);
    }
}

#[test]
fn two_that_connect_at_once_meet() {
    let found = search(&Bounds { messages: [0, 0], dials: vec![0, 1], ..bounds(Faults::default()) });
    assert!(found.unique > 300, "{}", found.unique);
}

#[test]
fn no_single_fault_loses_a_message_or_brings_one_twice() {
    let one = Faults { rollbacks: 0, ..Faults::ALL };
    let found = search(&Bounds { messages: [1, 0], ..bounds(one) });
    assert_eq!(found.reached, [COMPLETE], "none of these loses what was durable");
}

#[test]
fn a_store_that_goes_back_is_found_out() {
    let found = search(&Bounds { messages: [1, 0], ..bounds(Faults { rollbacks: 1, ..Faults::default() }) });
    assert!(found.reached.contains(&COMPLETE) && found.reached.contains(&LOSS), "{:?}", found.reached);
}

/// An older session still brings items while both sides begin a new one: what was said before is out of date.
#[test]
fn a_session_that_is_replaced_while_the_other_side_connects_anew_is_no_loss() {
    let faults = Faults { cuts: 1, ..Faults::default() };
    let found =
        search(&Bounds { messages: [0, 0], dials: vec![0, 1], crossings: 0, replacements: 1, ..bounds(faults) });
    assert_eq!(found.reached, [COMPLETE]);
}
