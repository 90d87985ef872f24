//! Names that wait for the one place in which runs choose their container's number.
//!
//! Whoever bought first is called first, whenever it was heard of: a restart, or a look that comes to nothing,
//! does not send it to the end. One is called at a time: whoever is called reads Stripe and the machines, and
//! all but one would find the lane taken again. It keeps nobody out: a name that is looked at just when the
//! lane is free may start before the one that was called.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tamesuke_domain::ids::SubscriptionId;
use tamesuke_domain::subdomain::Subdomain;
use tamesuke_domain::time::Timestamp;
use tamesuke_domain::trial::Trial;

use crate::engine::Engine;
use crate::memory::NameMemory;

/// A place in line: the lower, the earlier.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(Timestamp, SubscriptionId);

impl Ticket {
    /// The place of a trial that is to be provisioned.
    pub(crate) fn of(trial: &Trial) -> Self {
        Self(trial.subscription.created, trial.id().clone())
    }
}

#[derive(Debug, Default)]
struct Line {
    waiting: BTreeMap<Ticket, Subdomain>,
    /// Who was called and has not had its turn yet.
    called: Option<Subdomain>,
}

/// Those who would start a run if the lane were free.
#[derive(Debug, Default)]
pub(crate) struct LaneQueue(Mutex<Line>);

impl LaneQueue {
    fn lock(&self) -> MutexGuard<'_, Line> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait(&self, name: &Subdomain, ticket: Ticket) {
        self.lock().waiting.insert(ticket, name.clone());
    }

    fn leave(&self, ticket: &Ticket) {
        self.lock().waiting.remove(ticket);
    }

    /// The first in line, unless somebody is called already.
    fn call(&self) -> Option<Subdomain> {
        let mut line = self.lock();
        if line.called.is_none() {
            line.called = line.waiting.pop_first().map(|(_, name)| name);
            return line.called.clone();
        }
        None
    }

    fn answered(&self, name: &Subdomain) {
        let mut line = self.lock();
        if line.called.as_ref() == Some(name) {
            line.called = None;
        }
    }

    /// Whether nobody would be called before the name.
    fn is_next(&self, name: &Subdomain) -> bool {
        let line = self.lock();
        let first = line.called.as_ref().or_else(|| line.waiting.first_key_value().map(|(_, first)| first));
        first == Some(name)
    }
}

impl Engine {
    /// Has the name called when its turn at the lane comes. Gives whether that is now: the lane may have been
    /// freed a moment ago, before the name stood in line.
    pub(crate) fn wait_for_lane(&self, name: &Subdomain, ticket: Ticket, memory: &mut NameMemory) -> bool {
        if let Some(other) = memory.ticket.replace(ticket.clone()).filter(|old| *old != ticket) {
            self.lane.leave(&other);
        }
        self.lane.wait(name, ticket);
        let now = !self.lane_taken() && self.lane.is_next(name);
        if !now {
            self.call_to_lane();
        }
        now
    }

    /// A name that is not looked at although it may have been called: it goes on waiting.
    pub(crate) fn wait_on(&self, name: &Subdomain, memory: &NameMemory) {
        if let Some(ticket) = memory.ticket.clone() {
            self.lane.wait(name, ticket);
        }
    }

    /// The name is through with the lane, or has something else to do first, which may take a while.
    pub(crate) fn leave_lane(&self, name: &Subdomain, memory: &mut NameMemory) {
        if let Some(ticket) = memory.ticket.take() {
            self.lane.leave(&ticket);
            self.lane.answered(name);
            self.call_to_lane();
        }
    }

    /// Whoever was called and did not start a run leaves the lane to the next.
    pub(crate) fn had_turn(&self, name: &Subdomain) {
        self.lane.answered(name);
        self.call_to_lane();
    }

    /// Calls the first in line, if the lane is free.
    pub(crate) fn call_to_lane(&self) {
        if !self.lane_taken()
            && let Some(name) = self.lane.call()
            && !self.queue.add(&name)
        {
            self.lane.answered(&name);
        }
    }

    /// Whether somebody is at the lane, or about to be.
    pub(crate) fn lane_taken(&self) -> bool {
        self.starting.load(Ordering::Acquire) || self.ports.provisioner.lane_busy()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(text: &str) -> Subdomain {
        text.parse().unwrap()
    }

    fn ticket(bought: i64) -> Ticket {
        Ticket(Timestamp::from_unix(bought), "sub_1".parse().unwrap())
    }

    /// A line of those who bought at these moments, in the order in which they were heard of.
    fn line(of: [(&str, i64); 3]) -> LaneQueue {
        let lane = LaneQueue::default();
        for (text, bought) in of {
            lane.wait(&name(text), ticket(bought));
        }
        lane
    }

    #[test]
    fn whoever_bought_first_is_called_first_and_nobody_else_until_its_turn_is_over() {
        let lane = line([("a", 3), ("c", 1), ("b", 2)]);
        assert!(lane.is_next(&name("c")) && !lane.is_next(&name("a")));
        assert_eq!(lane.call(), Some(name("c")));
        assert_eq!(lane.call(), None);
        lane.answered(&name("b"));
        assert_eq!(lane.call(), None, "it was not called");
        assert!(lane.is_next(&name("c")) && !lane.is_next(&name("b")), "it is on its way");
        lane.answered(&name("c"));
        lane.leave(&ticket(2));
        assert_eq!(lane.call(), Some(name("a")));
        lane.answered(&name("a"));
        assert_eq!(lane.call(), None);
    }

    #[test]
    fn who_is_called_in_vain_keeps_the_place() {
        let lane = line([("a", 1), ("b", 2), ("c", 3)]);
        for text in ["a", "b", "c"] {
            assert_eq!(lane.call(), Some(name(text)));
            lane.answered(&name(text));
        }
        for (text, bought) in [("c", 3), ("b", 2), ("a", 1)] {
            lane.wait(&name(text), ticket(bought));
        }
        assert_eq!(lane.call(), Some(name("a")));
    }
}
