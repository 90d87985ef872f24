//! Names that wait for the one place in which runs choose their container's number.
//!
//! Each keeps the place in line that it came to at first, whatever becomes of a call. One is called at a
//! time: whoever is called reads Stripe and the machines, and all but one would find the lane taken again.

use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tamesuke_domain::subdomain::Subdomain;

use crate::engine::Engine;
use crate::memory::NameMemory;

/// A place in line: the lower, the earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

#[derive(Debug, Default)]
struct Line {
    waiting: BTreeMap<Ticket, Subdomain>,
    given: u64,
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

    /// Notes that a name waits, in the place it has or in a new one.
    fn wait(&self, name: &Subdomain, ticket: Option<Ticket>) -> Ticket {
        let mut line = self.lock();
        let ticket = ticket.unwrap_or_else(|| {
            line.given += 1;
            Ticket(line.given)
        });
        line.waiting.insert(ticket, name.clone());
        ticket
    }

    fn leave(&self, ticket: Ticket) {
        self.lock().waiting.remove(&ticket);
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
}

impl Engine {
    /// Has the name called when its turn at the lane comes.
    pub(crate) fn wait_for_lane(&self, name: &Subdomain, memory: &mut NameMemory) {
        memory.ticket = Some(self.lane.wait(name, memory.ticket));
    }

    /// The name is through with the lane, or has something else to do first, which may take a while.
    pub(crate) fn leave_lane(&self, name: &Subdomain, memory: &mut NameMemory) {
        if let Some(ticket) = memory.ticket.take() {
            self.lane.leave(ticket);
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
        {
            self.queue.add(&name);
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

    #[test]
    fn whoever_came_first_is_called_first_and_nobody_else_until_its_turn_is_over() {
        let lane = LaneQueue::default();
        let tickets = ["c", "a", "b"].map(|text| lane.wait(&name(text), None));
        lane.wait(&name("c"), Some(tickets[0]));
        assert_eq!(lane.call(), Some(name("c")));
        assert_eq!(lane.call(), None);
        lane.answered(&name("b"));
        assert_eq!(lane.call(), None, "it was not called");
        lane.answered(&name("c"));
        lane.leave(tickets[1]);
        assert_eq!(lane.call(), Some(name("b")));
        lane.answered(&name("b"));
        assert_eq!(lane.call(), None);
    }

    #[test]
    fn who_is_called_in_vain_keeps_the_place() {
        let lane = LaneQueue::default();
        let tickets = ["a", "b", "c"].map(|text| lane.wait(&name(text), None));
        for (text, ticket) in ["a", "b", "c"].into_iter().zip(tickets) {
            assert_eq!(lane.call(), Some(name(text)));
            lane.answered(&name(text));
            assert!(ticket <= tickets[2]);
        }
        for (text, ticket) in ["c", "b", "a"].into_iter().zip(tickets.into_iter().rev()) {
            lane.wait(&name(text), Some(ticket));
        }
        assert_eq!(lane.call(), Some(name("a")));
    }
}
