use core::hash::Hasher;
use core::time::Duration;
use std::hash::DefaultHasher;

use super::super::*;
use super::host::Host;
use super::pair::Pair;

const SECOND: Duration = Duration::from_secs(1);

fn digest(link: &Link<Growing>) -> u64 {
    let mut hasher = DefaultHasher::new();
    link.hash_state(Duration::from_millis(1), &mut hasher);
    hasher.finish()
}

#[test]
fn a_copy_feeds_the_same_until_it_is_told_something() {
    let mut pair = Pair::<Growing>::new([true, false], Limits::default(), Mode::Durable, &LinkConfig::default());
    pair.run(SECOND);
    let channel = pair.hosts[0].open();
    pair.run(SECOND);
    let link = &pair.hosts[0].link;
    let before = digest(link);
    assert_eq!(digest(&link.clone()), before);
    let told: [fn(&mut Link<Growing>, &ChannelId); 4] = [
        |link, _| link.set_granting(false),
        |link, channel| assert!(link.close(channel)),
        |link, _| assert!(link.rotate(link.now)),
        |link, _| link.answered(),
    ];
    for tell in told {
        let mut copy = link.clone();
        tell(&mut copy, &channel);
        assert_ne!(digest(&copy), before);
    }
    assert_eq!(digest(&pair.hosts[0].link), before, "the copies share nothing with it");
}

#[test]
fn statistics_are_left_out_and_keys_are_not() {
    let pair = |own| {
        let mut pair = Pair::<Growing>::new([true, false], Limits::default(), Mode::Durable, &LinkConfig::default());
        pair.run(SECOND);
        pair.hosts[0].link.stats.sessions += own;
        pair
    };
    let (one, mut other) = (pair(0), pair(7));
    assert_eq!(digest(&one.hosts[0].link), digest(&other.hosts[0].link), "the same was drawn");
    other.cut();
    other.run(SECOND);
    let down = |host: &Host<Growing>| host.link.status().session.is_none();
    assert!(!other.hosts.iter().any(down));
    assert_ne!(digest(&one.hosts[0].link), digest(&other.hosts[0].link), "another session has other keys");
}
