//! The state machine test over model and runtime.

use std::marker::PhantomData;

use proptest::prelude::*;
use proptest_state_machine::{ReferenceStateMachine, StateMachineTest};

use super::model::{Model, Service};
use super::step::{Step, Weights, steps};
use super::sut::Sut;
use super::told::Told;

/// What a test is about.
pub(crate) trait Focus: 'static {
    /// How often each kind of step is drawn.
    const WEIGHTS: Weights;
    /// What each run begins with.
    const SETUP: &[Step];
}

/// The model, with steps drawn for this focus.
pub(crate) struct Reference<F>(PhantomData<F>);

impl<F: Focus> ReferenceStateMachine for Reference<F> {
    type State = Model;
    type Transition = Step;

    fn init_state() -> BoxedStrategy<Model> {
        Just(Model::new()).boxed()
    }

    fn transitions(model: &Model) -> BoxedStrategy<Step> {
        match F::SETUP.get(model.steps) {
            Some(step) => Just(step.clone()).boxed(),
            None => steps(model, F::WEIGHTS),
        }
    }

    fn apply(model: Model, step: &Step) -> Model {
        model.apply(step)
    }
}

/// The runtime beside the model.
pub(crate) struct Machine<F>(PhantomData<F>);

impl<F: Focus> StateMachineTest for Machine<F> {
    type SystemUnderTest = Sut;
    type Reference = Reference<F>;

    fn init_test(model: &Model) -> Sut {
        let mut sut = Sut::new(0);
        let effects = sut.drain();
        assert_eq!(sut.told(model, &effects), model.told);
        sut
    }

    fn apply(mut sut: Sut, model: &Model, _: Step) -> Sut {
        follow(&mut sut, model);
        sut
    }

    fn check_invariants(sut: &Sut, model: &Model) {
        assert_eq!(sut.flying.len(), model.flying.len());
    }

    fn teardown(mut sut: Sut, model: Model) {
        bring_to_rest(&mut sut, model);
    }
}

/// Makes the model's last call, and compares everything.
pub(crate) fn follow(sut: &mut Sut, model: &Model) {
    let (reply, effects) = sut.step(model);
    assert_eq!(reply, model.reply, "{:?}", model.call);
    let told = sut.told(model, &effects);
    assert_eq!(sorted(&told), sorted(&model.told), "{:?}", model.call);
    in_order(&told);
    sut.check(model);
}

/// Between channels there is no order.
fn sorted(told: &[Told]) -> Vec<String> {
    let mut told: Vec<_> = told.iter().map(|told| format!("{told:?}")).collect();
    told.sort_unstable();
    told
}

/// A message is accepted, then acked, then handed over.
fn in_order(told: &[Told]) {
    let place = |wanted: Told| told.iter().position(|other| *other == wanted);
    for (at, told_then) in told.iter().enumerate() {
        if let Told::Accepted { ticket, message } = *told_then {
            assert_eq!(place(Told::Acked(ticket)), Some(at + 1));
            let before = &told[..at];
            assert!(!before.iter().any(|it| matches!(it, Told::Deliver { message: other, .. } if *other == message)));
        }
    }
}

/// Everything is committed, restored, bound and processed. Then nothing is under way, and nothing has been lost.
fn bring_to_rest(sut: &mut Sut, mut model: Model) {
    let mut step = |model: &mut Model, step: Step| {
        *model = model.clone().apply(&step);
        follow(sut, model);
    };
    if model.service != Service::Running {
        step(&mut model, Step::Restart(u8::MAX));
    }
    if model.reloading() {
        step(&mut model, Step::Load);
    }
    for name in 0..5 {
        step(&mut model, Step::Bind { name });
    }
    for pick in 0..16 {
        step(&mut model, Step::RestoreAgent(pick));
        step(&mut model, Step::RestoreChannel(pick));
    }
    while !model.flying.is_empty() || !model.deadlines().is_empty() {
        let last = u8::try_from(model.flying.len()).unwrap().wrapping_sub(1);
        step(&mut model, Step::Commit(last));
        while model.handed.iter().any(|handed| handed.valid && model.messages[handed.message].place.is_unfinished()) {
            for place in 0..u8::try_from(model.handed.len().min(200)).unwrap() {
                step(&mut model, Step::Processed(place, mfp_proto::runtime::Outcome::Done));
            }
        }
        step(&mut model, Step::WaitForDeadline);
    }
    assert_eq!(model.unfinished(), 0, "whatever can be handed over has been");
    assert_eq!(sut.rt.poll_timeout(), None);
    assert!(sut.rt.poll_effect().is_none());
    sut.history.nothing_is_lost(&sut.rt.dead_letters().map(|letter| letter.message.id).collect());
}
