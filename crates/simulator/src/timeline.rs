//! What is going to happen, and who sleeps until when. Ties are broken by who asked first.

use std::collections::BTreeMap;
use std::task::Waker;

use crate::world::{Pid, World};

/// Something that happens to the world.
pub type Happening = Box<dyn FnOnce(&mut World) + Send>;

/// One thing that is going to happen.
pub struct Entry {
    /// The process whose call it is, if it is one: it may die with its process.
    pub of: Option<Pid>,
    /// What happens.
    pub act: Happening,
}

/// What is going to happen, by when.
#[derive(Default)]
pub struct Timeline {
    entries: BTreeMap<(u64, u64), Entry>,
    asked: u64,
    of_calls: usize,
}

impl Timeline {
    /// Adds something that happens at that millisecond.
    pub fn add(&mut self, at: u64, of: Option<Pid>, act: Happening) {
        self.asked += 1;
        self.of_calls += usize::from(of.is_some());
        self.entries.insert((at, self.asked), Entry { of, act });
    }

    /// When the next thing happens.
    pub fn next_at(&self) -> Option<u64> {
        self.entries.first_key_value().map(|((at, _), _)| *at)
    }

    /// Takes the next thing.
    pub fn take(&mut self) -> Option<(u64, Entry)> {
        let ((at, _), entry) = self.entries.pop_first()?;
        self.of_calls -= usize::from(entry.of.is_some());
        Some((at, entry))
    }

    /// Whether a call is still to take effect or to be answered, though its process may be gone.
    pub fn has_calls(&self) -> bool {
        self.of_calls > 0
    }

    /// Lets `keep` choose which of a process's calls in flight still arrive.
    pub fn cut(&mut self, pid: Pid, mut keep: impl FnMut() -> bool) {
        self.entries.retain(|_, entry| entry.of != Some(pid) || keep());
        self.of_calls = self.entries.values().filter(|entry| entry.of.is_some()).count();
    }
}

/// Who sleeps until which millisecond of the processes' own clock.
#[derive(Default)]
pub struct Sleepers {
    sleeping: BTreeMap<(u64, u64), (Pid, Waker)>,
    asked: u64,
}

impl Sleepers {
    /// Puts somebody to sleep; gives the place by which to find them.
    pub fn add(&mut self, until: u64, pid: Pid, waker: Waker) -> (u64, u64) {
        self.asked += 1;
        let place = (until, self.asked);
        self.sleeping.insert(place, (pid, waker));
        place
    }

    /// Somebody does not wait any more, or waits with another waker.
    pub fn remove(&mut self, place: (u64, u64)) {
        self.sleeping.remove(&place);
    }

    /// When the next one wakes.
    pub fn next_at(&self) -> Option<u64> {
        self.sleeping.first_key_value().map(|((at, _), _)| *at)
    }

    /// All moments at which somebody wakes, soonest first.
    pub fn moments(&self) -> impl Iterator<Item = u64> {
        self.sleeping.keys().map(|(at, _)| *at)
    }

    /// Wakes everybody whose moment has come.
    pub fn wake_due(&mut self, now: u64) {
        while let Some(entry) = self.sleeping.first_entry().filter(|entry| entry.key().0 <= now) {
            let (_, waker) = entry.remove();
            waker.wake();
        }
    }
}

impl World {
    /// Lets the next thing happen, or whoever sleeps the shortest wake; gives whether there was any.
    pub fn advance(&mut self) -> bool {
        let (next, wakes) = (self.timeline.next_at(), self.next_wake());
        match (next, wakes) {
            (None, None) => return false,
            (Some(at), wakes) if wakes.is_none_or(|wakes| at <= wakes) => {
                if let Some((at, entry)) = self.timeline.take() {
                    self.move_to(at);
                    if entry.of.is_none() {
                        self.stirred_at = at;
                    }
                    (entry.act)(self);
                }
            }
            (_, Some(wakes)) => {
                self.move_to(wakes);
                let own = self.own_now();
                self.sleepers.wake_due(own);
            }
            (Some(_), None) => {}
        }
        true
    }

    /// Lets everything happen that is due within that many milliseconds.
    pub fn pass(&mut self, millis: u64) {
        let until = self.now + millis;
        while self.timeline.next_at().into_iter().chain(self.next_wake()).any(|at| at <= until) {
            self.advance();
        }
        self.move_to(until);
    }

    /// When the next sleeper wakes, by the world's clock.
    fn next_wake(&self) -> Option<u64> {
        self.sleepers.next_at().map(|at| at + self.leaped)
    }
}
