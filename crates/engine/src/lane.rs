//! Names that wait for the one place in which runs choose their container's number.

use std::collections::VecDeque;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tamesuke_domain::subdomain::Subdomain;

use crate::engine::Engine;
use crate::memory::NameMemory;

/// Those who would start a run if the lane were free, in the order they came.
#[derive(Debug, Default)]
pub(crate) struct LaneQueue(Mutex<VecDeque<Subdomain>>);

impl LaneQueue {
    fn lock(&self) -> MutexGuard<'_, VecDeque<Subdomain>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes that a name waits. Who waits already keeps the place, and who was called in vain has the first.
    fn wait(&self, name: &Subdomain, called: bool) {
        let mut waiting = self.lock();
        if waiting.contains(name) {
            return;
        }
        if called {
            waiting.push_front(name.clone());
        } else {
            waiting.push_back(name.clone());
        }
    }

    /// Notes that a name does not wait, or not any more.
    pub(crate) fn leave(&self, name: &Subdomain) {
        self.lock().retain(|waiting| waiting != name);
    }

    /// Takes the one who has waited the longest. One at a time: each who is called reads Stripe and the
    /// machines, and all but one would find the lane taken again.
    fn call(&self) -> Option<Subdomain> {
        self.lock().pop_front()
    }
}

impl Engine {
    /// Has the name called when its turn at the lane comes.
    pub(crate) fn wait_for_lane(&self, name: &Subdomain, memory: &mut NameMemory) {
        self.lane.wait(name, std::mem::replace(&mut memory.waits_for_lane, true));
    }

    /// Calls whoever's turn it is, if the lane is free.
    pub(crate) fn call_to_lane(&self) {
        if self.starting.load(Ordering::Acquire) || self.ports.provisioner.lane_busy() {
            return;
        }
        if let Some(name) = self.lane.call() {
            self.queue.add(&name);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn whoever_came_first_is_called_first_and_asking_again_keeps_the_place() {
        let lane = LaneQueue::default();
        let name = |text: &str| text.parse::<Subdomain>().unwrap();
        for text in ["c", "a", "b", "c"] {
            lane.wait(&name(text), false);
        }
        lane.leave(&name("a"));
        assert_eq!(lane.call(), Some(name("c")));
        lane.wait(&name("c"), true);
        let called: Vec<_> = std::iter::from_fn(|| lane.call()).collect();
        assert_eq!(called, [name("c"), name("b")]);
    }
}
