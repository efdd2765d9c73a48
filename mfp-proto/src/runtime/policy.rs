use alloc::vec::Vec;

use crate::id::AgentName;

/// Which channels of a peer this runtime accepts (section 11). The default is to reject all.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AcceptPolicy {
    allowed: Vec<(Option<AgentName>, Option<AgentName>)>,
}

impl AcceptPolicy {
    /// Accepts nothing.
    pub const fn reject() -> Self {
        Self { allowed: Vec::new() }
    }

    /// Accepts whatever the peer asks for.
    pub fn all() -> Self {
        Self::reject().allow(None, None)
    }

    /// Accepts also what `from`, an agent of the peer, asks of `to`, an agent of this runtime. `None` is any.
    #[must_use]
    pub fn allow(mut self, from: Option<AgentName>, to: Option<AgentName>) -> Self {
        self.allowed.push((from, to));
        self
    }

    /// Whether it accepts a channel from this agent of the peer to this agent of the runtime.
    pub fn accepts(&self, from: &AgentName, to: &AgentName) -> bool {
        let is = |allowed: &Option<AgentName>, name| allowed.as_ref().is_none_or(|allowed| allowed == name);
        self.allowed.iter().any(|(one, other)| is(one, from) && is(other, to))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> AgentName {
        AgentName::new(text).unwrap()
    }

    #[test]
    fn only_what_is_allowed_is_accepted() {
        let (alice, bob, carol) = (name("alice"), name("bob"), name("carol"));
        assert_eq!(AcceptPolicy::default(), AcceptPolicy::reject());
        let policy =
            AcceptPolicy::reject().allow(Some(alice.clone()), Some(bob.clone())).allow(None, Some(carol.clone()));
        for (from, to, accepted) in [
            (&alice, &bob, true),
            (&bob, &alice, false),
            (&carol, &bob, false),
            (&alice, &carol, true),
            (&bob, &carol, true),
            (&carol, &alice, false),
        ] {
            assert_eq!(policy.accepts(from, to), accepted, "{from} {to}");
            assert!(AcceptPolicy::all().accepts(from, to));
            assert!(!AcceptPolicy::reject().accepts(from, to));
        }
        assert!(AcceptPolicy::reject().allow(Some(alice.clone()), None).accepts(&alice, &bob));
    }
}
