//! The work queue: names that wait to be looked at. Queued, dirty, processing; one task per name.
//!
//! Repeats collapse. A hold is checked when a name is taken and nothing but time ends it: a hint that
//! could shorten one would let a late write of a dead call meet a fresh decision.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tamesuke_domain::planted::{self, Planted};
use tamesuke_domain::subdomain::Subdomain;
use tamesuke_domain::time::{Monotonic, Timestamp};
use tokio::sync::Notify;

/// Both nows.
pub type Now = (Monotonic, Timestamp);

/// When a name is to be looked at again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Again {
    /// At that moment of this process.
    pub at: Option<Monotonic>,
    /// At that moment of Stripe's clock, whichever of the two comes first.
    pub when: Option<Timestamp>,
}

#[derive(Debug, Default)]
struct Entry {
    again: Again,
    hold: Option<Monotonic>,
    /// The place in line: whoever asked first is taken first.
    turn: u64,
    processing: bool,
    dirty: bool,
}

/// Names that wait, and in which order they fall due.
#[derive(Debug, Default)]
struct Line {
    entries: BTreeMap<Subdomain, Entry>,
    /// Names that wait for a moment of this process, not before their hold is over.
    by_own: BTreeSet<(Monotonic, u64, Subdomain)>,
    /// Names that wait for a moment of Stripe's clock.
    by_stripe: BTreeSet<(Timestamp, Subdomain)>,
    processing: usize,
    turns: u64,
}

/// Names that wait.
#[derive(Debug)]
pub struct Queue {
    line: Mutex<Line>,
    woken: Notify,
    names_max: usize,
}

impl Queue {
    /// An empty queue of at most `names_max` names.
    pub fn new(names_max: usize) -> Self {
        Self { line: Mutex::default(), woken: Notify::new(), names_max }
    }

    fn lock(&self) -> MutexGuard<'_, Line> {
        self.line.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Asks for a look at `name` as soon as may be. Dropped when the queue is full: the next resync
    /// finds the name again. Gives whether it waits now.
    pub fn add(&self, name: &Subdomain) -> bool {
        self.add_at(name, Again::NOW)
    }

    /// Asks for a look at `name` at a given moment; the earlier wish wins. Gives whether it
    /// waits now.
    pub fn add_at(&self, name: &Subdomain, again: Again) -> bool {
        {
            let mut line = self.lock();
            if line.entries.len() >= self.names_max && !line.entries.contains_key(name) {
                tracing::warn!(subdomain = %name, "the queue is full, {name} is left to the next resync");
                return false;
            }
            line.change(name, |entry| {
                if planted::has(Planted::HintEndsHold) {
                    entry.hold = None;
                }
                if entry.processing && again.at.is_some_and(|at| at == Monotonic::START) {
                    entry.dirty = true;
                } else {
                    entry.again.merge(again);
                }
            });
        }
        self.woken.notify_one();
        true
    }

    /// Lets nobody look at `name` before `until`.
    pub fn hold(&self, name: &Subdomain, until: Monotonic) {
        self.lock().change(name, |entry| entry.hold = entry.hold.max(Some(until)));
    }

    /// Takes the name that has been due the longest.
    pub fn take(&self, now: Now) -> Option<Subdomain> {
        let mut line = self.lock();
        line.fall_due(now);
        let name = line.by_own.first().filter(|(at, ..)| *at <= now.0).map(|(.., name)| name.clone())?;
        line.change(&name, |entry| {
            entry.processing = true;
            entry.dirty = false;
            entry.again = Again::default();
            entry.hold = None;
        });
        line.processing += 1;
        Some(name)
    }

    /// Takes a name out of turn, unless it is worked on or its hold is not over. Whoever takes one gives
    /// it back with [`Queue::done`].
    pub fn claim(&self, name: &Subdomain, (now, _): Now) -> bool {
        let mut line = self.lock();
        let free =
            line.entries.get(name).is_none_or(|entry| !entry.processing && entry.hold.is_none_or(|until| until <= now));
        if free {
            line.change(name, |entry| {
                entry.processing = true;
                entry.dirty = false;
                entry.hold = None;
            });
            line.processing += 1;
        }
        free
    }

    /// Whether somebody works on the name just now.
    pub fn is_in_hand(&self, name: &Subdomain) -> bool {
        self.lock().entries.get(name).is_some_and(|entry| entry.processing)
    }

    /// Gives a taken name back, to be looked at again at the given moment if at all.
    pub fn done(&self, name: &Subdomain, again: Again) {
        {
            let mut line = self.lock();
            if !line.entries.get(name).is_some_and(|entry| entry.processing) {
                return;
            }
            line.processing -= 1;
            line.change(name, |entry| {
                entry.processing = false;
                entry.again.merge(again);
                if entry.dirty {
                    entry.again.at = Some(Monotonic::START);
                }
            });
        }
        self.woken.notify_one();
    }

    /// How long until a name is due; none when nothing waits for a moment.
    pub fn next_in(&self, now: Now) -> Option<Duration> {
        let mut line = self.lock();
        line.fall_due(now);
        let by_own = line.by_own.first().map(|(at, ..)| at.since(now.0));
        let by_stripe = line.by_stripe.first().map(|(when, _)| {
            let secs = when.secs_since(now.1);
            Duration::from_secs(u64::try_from(secs).unwrap_or(0))
        });
        earlier(by_own, by_stripe)
    }

    /// Resolves when the queue may have something new. Subscribe before looking.
    pub async fn woken(&self) {
        self.woken.notified().await;
    }

    /// How many names wait or are worked on because something is due; resting ones are not counted.
    pub fn depth(&self, now: Now) -> usize {
        let mut line = self.lock();
        line.fall_due(now);
        line.processing + line.by_own.iter().take_while(|(at, ..)| *at <= now.0).count()
    }
}

impl Line {
    /// Changes a name's entry and keeps its place in line by what it is then. An entry that waits for
    /// nothing is dropped.
    fn change(&mut self, name: &Subdomain, change: impl FnOnce(&mut Entry)) {
        self.turns += 1;
        let turn = self.turns;
        let entry = self.entries.entry(name.clone()).or_insert_with(|| Entry { turn, ..Entry::default() });
        if let Some(place) = entry.own_place(name) {
            self.by_own.remove(&place);
        }
        if let Some(place) = entry.stripe_place(name) {
            self.by_stripe.remove(&place);
        }
        let due_before = entry.again.at;
        change(entry);
        if entry.again.at != due_before {
            entry.turn = turn;
        }
        let (own, stripe) = (entry.own_place(name), entry.stripe_place(name));
        if !entry.processing && own.is_none() && stripe.is_none() && entry.hold.is_none() {
            self.entries.remove(name);
        }
        self.by_own.extend(own);
        self.by_stripe.extend(stripe);
    }

    /// Moves names whose moment of Stripe's clock has come over to those due now.
    fn fall_due(&mut self, (_, stripe): Now) {
        while let Some(name) = self.by_stripe.first().filter(|(when, _)| *when <= stripe).map(|(_, name)| name.clone())
        {
            self.change(&name, |entry| {
                entry.again = Again::NOW;
            });
        }
    }
}

impl Again {
    /// As soon as may be.
    pub const NOW: Self = Self { at: Some(Monotonic::START), when: None };

    fn merge(&mut self, other: Self) {
        self.at = earlier(self.at, other.at);
        self.when = earlier(self.when, other.when);
    }
}

fn earlier<T: Ord>(a: Option<T>, b: Option<T>) -> Option<T> {
    match (a, b) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    }
}

impl Entry {
    /// Where it stands among those who wait for a moment of this process.
    fn own_place(&self, name: &Subdomain) -> Option<(Monotonic, u64, Subdomain)> {
        let at = self.again.at.filter(|_| !self.processing)?;
        Some((at.max(self.hold.unwrap_or(at)), self.turn, name.clone()))
    }

    /// Where it stands among those who wait for a moment of Stripe's clock.
    fn stripe_place(&self, name: &Subdomain) -> Option<(Timestamp, Subdomain)> {
        self.again.when.filter(|_| !self.processing).map(|when| (when, name.clone()))
    }
}

#[cfg(test)]
mod tests;
