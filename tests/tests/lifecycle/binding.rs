use mfp_proto::config::Config;
use mfp_proto::runtime::Event;

use crate::rig::{Rig, events, name};

#[test]
fn an_agent_whose_commit_was_uncertain_is_told_of_after_the_load() {
    let mut rig = Rig::new(Config::default());
    let agent = rig.rt.bind(rig.now, &name("alice")).unwrap();
    rig.fail(1);
    let told = events(&rig.load());
    assert!(told.contains(&Event::AgentBound { agent, name: name("alice") }), "{told:?}");
    assert!(rig.rt.status(&agent).is_ok_and(|status| status.attached));
}

#[test]
fn an_agent_bound_again_before_it_is_durable_is_told_of_once_it_is() {
    let mut rig = Rig::new(Config::default());
    let agent = rig.rt.bind(rig.now, &name("alice")).unwrap();
    rig.rt.detach(rig.now, &agent).unwrap();
    assert_eq!(rig.rt.bind(rig.now, &name("alice")), Ok(agent));
    assert_eq!(events(&rig.poll()), []);
    assert_eq!(events(&rig.settle()), [Event::AgentBound { agent, name: name("alice") }]);
}
