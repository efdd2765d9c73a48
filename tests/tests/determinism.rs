//! The same seed and the same inputs give the same outputs, byte for byte.

use mfp_proto::runtime::Effect;
use proptest::prelude::*;
use proptest_state_machine::ReferenceStateMachine;

use crate::delivery::Delivery;
use crate::lifecycle::Lifecycle;
use crate::machine::{Model, Reference, Step, Sut};
use crate::property::property;

/// Whether two effects agree in every byte, not only in what `Debug` shows of ids.
fn same(one: &Effect, other: &Effect) -> bool {
    match (one, other) {
        (Effect::Persist(one), Effect::Persist(other)) => one.id == other.id && one.ops == other.ops,
        (Effect::Load, Effect::Load) => true,
        (Effect::Deliver(one), Effect::Deliver(other)) => {
            (one.id, one.to, &one.from, one.channel, one.message)
                == (other.id, other.to, &other.from, other.channel, other.message)
                && (one.reply_to, one.answers, &one.meta, &one.payload)
                    == (other.reply_to, other.answers, &other.meta, &other.payload)
        }
        (Effect::Accepted(ticket, receipt), Effect::Accepted(other_ticket, other)) => {
            (ticket, receipt) == (other_ticket, other)
        }
        (Effect::Acked(one), Effect::Acked(other))
        | (Effect::Unanswered(one), Effect::Unanswered(other))
        | (Effect::Uncertain(one), Effect::Uncertain(other)) => one == other,
        (Effect::Event(one), Effect::Event(other)) => one == other,
        _ => false,
    }
}

/// Both runtimes go through the same steps.
fn agree(mut model: Model, steps: &[Step], [one, other]: [&mut Sut; 2]) {
    for step in steps {
        model = model.apply(step);
        let [(reply, effects), (other_reply, other_effects)] = [one.step(&model), other.step(&model)];
        assert_eq!(reply, other_reply);
        assert_eq!(effects.len(), other_effects.len());
        for (effect, other) in effects.iter().zip(&other_effects) {
            assert!(same(effect, other), "{step:?}: {effect:?} is not {other:?}");
        }
        assert_eq!(one.rt.global_state(), other.rt.global_state());
        assert_eq!(one.rt.poll_timeout(), other.rt.poll_timeout());
        assert_eq!(one.rt.stats(), other.rt.stats());
        for (sut, effects) in [(&mut *one, &effects), (&mut *other, &other_effects)] {
            sut.told(&model, effects);
        }
    }
}

fn run(model: Model, steps: &[Step]) {
    let start = |seed| {
        let mut sut = Sut::new(seed);
        let effects = sut.drain();
        sut.told(&model, &effects);
        sut
    };
    let (mut one, mut other, stranger) = (start(1), start(1), start(2));
    assert_ne!(one.store_id, stranger.store_id, "the seed matters");
    agree(model, steps, [&mut one, &mut other]);
}

proptest! {
    #![proptest_config(property!(64, "determinism"))]

    #[test]
    fn two_runtimes_agree_on_messages(
        (model, steps, _) in Reference::<Delivery>::sequential_strategy(1..120),
    ) {
        run(model, &steps);
    }

    #[test]
    fn two_runtimes_agree_on_agents(
        (model, steps, _) in Reference::<Lifecycle>::sequential_strategy(1..80),
    ) {
        run(model, &steps);
    }
}
