//! One seed from its first customer to the last clean-up: a safety phase with faults, healing, and a
//! liveness phase that must converge.

mod phases;
mod processes;

use std::collections::BTreeMap;
use std::sync::Arc;

use tamesuke_engine::Engine;
use tamesuke_engine::signup::Availability;

use crate::executor::{Executor, Role};
use crate::fate::{Kind, Muted};
use crate::invariants::settled::{Matter, rival, unsettled};
use crate::invariants::{Invariant, Violation, calls, foreign};
use crate::options::{HOUR, MINUTE};
use crate::settings::RESYNC;
use crate::tally::Tally;
use crate::trace::Detail;
use crate::world::{Command, Pid, Shared, World, secs};
use phases::{all_over, hand_over, heal, leap};

/// Polls of one seed at most; more is a program that turns in circles.
const POLLS_MAX: u64 = 20_000_000;
/// How often it is looked whether all is as it must be.
const LOOK_EVERY: u64 = 60_000;
/// After the last fault, or the last change since, all is settled within this, …
const SETTLED_WITHIN: u64 = 3 * HOUR;
/// … or, where only a mail of unknown outcome is left, within its stored waits.
const MAILED_WITHIN: u64 = 26 * HOUR;
/// A rival is refused within this: the second listing, and the longest wait between two tries.
const RIVALS_WITHIN: u64 = 30 * MINUTE;
/// A name is free again that long after a payment page lapsed.
const RESERVED_AT_MOST: u64 = 15 * MINUTE;
/// Nothing that takes longer is skipped over.
const WORTH_SKIPPING: u64 = 2 * MINUTE;

/// What came of a seed.
#[derive(Debug)]
pub struct Outcome {
    /// The first broken promise.
    pub violation: Option<Violation>,
    /// The hash of everything that happened.
    pub hash: u64,
    /// Numbers.
    pub tally: Tally,
    /// The disturbances, as (millisecond, kind, which of that kind, what).
    pub disturbances: Vec<(u64, Kind, u32, String)>,
    /// What happened, where lines were asked for.
    pub lines: Vec<String>,
}

/// Runs a seed.
pub fn run(seed: u64, muted: &Muted, detail: Detail) -> Outcome {
    let world = Shared::new(World::new(seed, muted.clone(), detail));
    let mut simulation = Simulation {
        world: world.clone(),
        executor: Executor::default(),
        engines: BTreeMap::new(),
        unsettled: BTreeMap::new(),
        rivals_since: None,
        was_full: false,
    };
    simulation.begin();
    simulation.go();
    simulation.finish()
}

struct Simulation {
    world: Shared,
    executor: Executor,
    engines: BTreeMap<Pid, Arc<Engine>>,
    /// Since when what is not as it must be, and by when it must.
    unsettled: BTreeMap<Matter, (u64, u64)>,
    rivals_since: Option<u64>,
    was_full: bool,
}

impl Simulation {
    fn begin(&mut self) {
        {
            let mut world = self.world.lock();
            let (window, handovers, leaps) = (world.options.heal_at, world.options.handovers, world.options.leaps);
            for _ in 0..handovers {
                let at = world.chance.between(MINUTE, window);
                world.after(at, |world| {
                    if world.disturb(Kind::Handover, || "a second process starts".to_owned()) {
                        hand_over(world);
                    }
                });
            }
            for _ in 0..leaps {
                let at = world.chance.between(MINUTE, window);
                world.after(at, leap);
            }
            world.after(window, heal);
        }
        self.obey(Command::Start);
    }

    fn go(&mut self) {
        let mut polls = 0;
        let mut look_at = 0;
        loop {
            while polls <= POLLS_MAX && self.poll() {
                polls += 1;
            }
            if self.world.lock().violation.is_some() {
                return;
            }
            if polls > POLLS_MAX {
                return self.world.lock().violate(Invariant::Converged, format!("{POLLS_MAX} polls were not enough"));
            }
            let now = self.world.lock().now;
            if now >= look_at {
                look_at = now + LOOK_EVERY;
                if self.look() {
                    return;
                }
            }
            if self.skip_quiet() {
                continue;
            }
            if !self.world.lock().advance() {
                return self.world.lock().violate(Invariant::Converged, "nothing is going to happen".to_owned());
            }
            while let Some(command) = { self.world.lock().commands.pop_front() } {
                self.obey(command);
            }
        }
    }

    fn poll(&mut self) -> bool {
        let world = self.world.clone();
        let draw = |many: usize| {
            let drawn = world.lock().chance.below(u64::try_from(many).unwrap_or(1));
            usize::try_from(drawn).unwrap_or(0)
        };
        let (polled, ended) = self.executor.poll_one(draw);
        if let Some((pid, Role::Engine)) = ended {
            self.end(pid);
        }
        polled
    }

    /// Moves the clocks over a stretch in which nothing is due but the poll and the listing, which have
    /// both seen all there is: they would find nothing new. Whether it did, and woke who slept.
    fn skip_quiet(&mut self) -> bool {
        let mut world = self.world.lock();
        if world.now < world.options.window || !world.is_idle() || world.live_processes().count() != 1 {
            return false;
        }
        let (now, leaped) = (world.now, world.leaped);
        let listing = u64::try_from(RESYNC.as_millis()).unwrap_or(0) * 11 / 10 + 1_000;
        let (soon, seen_all) = (now + listing, world.stirred_at + listing + MINUTE);
        let (events_at, list_at) = world.listed_at;
        if now < seen_all || events_at.min(list_at) <= world.stirred_at {
            return false;
        }
        let near = world.sleepers.moments().take_while(|at| at + leaped <= soon).count();
        if near > 2 {
            return false;
        }
        let sleeper = world.sleepers.moments().nth(near).map(|at| at + leaped);
        let event = world.timeline.next_at();
        let bound = self.unsettled.values().map(|(_, due)| *due).min();
        let Some(target) = sleeper.into_iter().chain(event).chain(bound).min().map(|at| at.saturating_sub(1_000))
        else {
            return false;
        };
        let worth = target > now + WORTH_SKIPPING;
        if worth {
            let _so_far = world.calm_so_far();
            world.move_to(target);
            let own = world.own_now();
            world.trace.note(target, "skip", (now, 0), || format!("over {} s", secs(target - now)));
            world.sleepers.wake_due(own);
        }
        worth
    }

    /// Looks whether all is as it must be; gives whether the seed is over.
    fn look(&mut self) -> bool {
        let mut world = self.world.lock();
        foreign::compare(&mut world);
        let Some(healed_at) = world.healed_at else {
            return world.violation.is_some();
        };
        let now = world.now;
        if let Some(what) = rival(&world) {
            let since = *self.rivals_since.get_or_insert(now);
            if now - since > RIVALS_WITHIN {
                world.violate(Invariant::OneOwner, format!("{what}, {} s long", secs(now - since)));
                return true;
            }
        } else {
            self.rivals_since = None;
        }
        if let Some(what) = self.lapsed_reservation(&world, healed_at) {
            world.violate(Invariant::Converged, what);
            return true;
        }
        self.was_full |= world.proxmox.free().is_none();
        let found = unsettled(&world);
        let still = |matter: &Matter| found.iter().any(|open| open.matter == *matter);
        let settled = self.unsettled.extract_if(.., |matter, _| !still(matter));
        let longest = settled.map(|(_, (since, _))| now - since).max().unwrap_or(0);
        world.tally.unsettled_secs = world.tally.unsettled_secs.max(longest / 1_000);
        let overdue = if self.was_full { u64::try_from(world.options.overdue_secs).unwrap_or(0) * 1_000 } else { 0 };
        for open in &found {
            let began = healed_at.max(now.saturating_sub(LOOK_EVERY));
            let (since, due) = self.unsettled.entry(open.matter.clone()).or_insert((began, 0));
            *due = *since + if open.unheard { MAILED_WITHIN } else { SETTLED_WITHIN + overdue };
            if now > *due {
                world.violate(open.invariant, format!("{}, {} s after all was well", open.what, secs(now - *since)));
                return true;
            }
        }
        if found.is_empty() {
            self.was_full = false;
            let stripe = world.stripe_now();
            return !world.stripe.subs.iter().any(|sub| sub.live(stripe)) && all_over(&world);
        }
        false
    }

    /// A name that whoever acts still keeps for somebody whose payment page lapsed long ago.
    fn lapsed_reservation(&self, world: &World, healed_at: u64) -> Option<String> {
        let engine = self.engines.get(&world.lease?)?;
        let now = world.now.saturating_sub(RESERVED_AT_MOST);
        let long = |name: &&&str| match name.parse().map(|name| engine.availability(&name)) {
            Ok(Ok(Availability::Reserved { until })) => world.millis_of(until).max(healed_at) < now,
            _ => false,
        };
        let name = world.options.names.iter().find(long)?;
        Some(format!("{name} is kept for a page that lapsed over {} s ago", secs(RESERVED_AT_MOST)))
    }

    fn finish(mut self) -> Outcome {
        calls::count(&mut self.world.lock());
        let pids: Vec<Pid> = self.engines.keys().copied().collect();
        for pid in pids {
            if let Some(engine) = self.engines.remove(&pid) {
                self.executor.drop_all_of(pid);
                self.world.lock().tally.add_rows(&engine.rows());
            }
        }
        let mut world = self.world.lock();
        foreign::compare(&mut world);
        if world.options.quiet
            && let Some(refused) = world.stripe.subs.iter().find(|sub| sub.refused())
        {
            let what = format!("{} was refused though nothing went wrong", refused.id);
            world.violate(Invariant::NothingLost, what);
        }
        let mut tally = world.tally.clone();
        tally.secs = world.now / 1_000;
        for (_, kind, ..) in &world.disturbances {
            *tally.disturbed.entry(*kind).or_insert(0) += 1;
        }
        Outcome {
            violation: world.violation.clone(),
            hash: world.trace.hash(),
            tally,
            disturbances: world.disturbances.clone(),
            lines: world.trace.lines().map(str::to_owned).collect(),
        }
    }
}
