//! Runs of `provisioner.py`, a step at a time: tunnel, token, ingress, DNS (replacing whatever stands
//! there, as the real one does), file, clone, start, wait. A run may die before or after a step takes
//! effect, its last request may arrive after its death, and it may outlive its parent.

mod effect;

use std::collections::BTreeSet;

use tamesuke_domain::metadata::key;
use tamesuke_domain::subdomain::Subdomain;

use crate::fate::Kind;
use crate::invariants::Invariant;
use crate::world::{Pid, World};
use effect::effect;

/// Steps from this one on may go side by side.
pub const CLONED: u8 = 8;
/// The last step.
const LAST: u8 = 10;
/// All steps.
pub const STEPS: std::ops::RangeInclusive<u8> = 1..=LAST;
/// How a step can go wrong.
pub const WAYS: [&str; 6] = ["dies before", "dies after", "fails before", "fails after", "arrives late", "is slow"];
/// Whoever started a run kills it after that long.
const TIMEOUT: u64 = 600_000;
/// The script waits that long for the address to answer.
const PATIENCE: u64 = 300_000;

/// A run.
#[derive(Debug, Clone)]
pub struct Run {
    /// The name.
    pub name: Subdomain,
    /// The subscription it truly is for.
    pub sub: usize,
    /// Who started it.
    pub parent: Pid,
    /// Its parent is gone and it goes on.
    pub orphan: bool,
    /// It has not ended.
    pub alive: bool,
    /// The last step done.
    pub step: u8,
    /// Whether it ended well, and when by the processes' own clock.
    pub ended: Option<(bool, u64)>,
    /// What was there before that millisecond, the look that led to it could show.
    pub seen_until: u64,
    vmid: Option<u32>,
    tunnel: Option<usize>,
    waits_since: u64,
}

/// All runs.
#[derive(Debug, Default)]
pub struct Runs {
    /// In the order of their starts.
    pub runs: Vec<Run>,
}

impl Runs {
    /// Whether a run of a name is alive.
    pub fn alive(&self, name: &Subdomain) -> Option<usize> {
        self.runs.iter().position(|run| run.alive && run.name == *name)
    }

    /// Whether a run, of those asked for, has not chosen its container's number yet.
    pub fn any_at_clone(&self, which: impl Fn(&Run) -> bool) -> bool {
        self.runs.iter().any(|run| run.alive && run.step < CLONED && which(run))
    }

    /// Whether any run is alive.
    pub fn any_alive(&self) -> bool {
        self.runs.iter().any(|run| run.alive)
    }
}

/// Starts a run.
pub fn start(world: &mut World, parent: Pid, name: &Subdomain, sub: usize) {
    let run = world.runs.runs.len();
    world.tally.runs += 1;
    world.trace.note(world.now, "run", (run as u64, sub as u64), || format!("run {run} of {name} for sub_{sub}"));
    let orphan_to_be = world.chance.permille(world.options.orphans);
    world.runs.runs.push(Run {
        name: name.clone(),
        sub,
        parent,
        orphan: orphan_to_be,
        alive: true,
        step: 0,
        ended: None,
        seen_until: seen_until(world, parent, name),
        vmid: None,
        tunnel: None,
        waits_since: 0,
    });
    if let Some(process) = world.processes.get_mut(&parent) {
        process.runs.insert(name.clone(), run);
    }
    note_waits(world, sub);
    next(world, run);
    world.after(TIMEOUT, move |world| {
        let watched = world.runs.runs.get(run).is_some_and(|r| world.processes.get(&r.parent).is_some_and(|p| p.alive));
        if watched {
            end(world, run, false);
        }
    });
}

/// Notes how long a subscription has waited for its first run, and who waits for that one to be over.
fn note_waits(world: &mut World, sub: usize) {
    let begun: BTreeSet<_> =
        world.runs.runs.iter().filter_map(|run| world.stripe.subs.get(run.sub)).map(|sub| sub.id.clone()).collect();
    let (now, its) = (world.now, world.stripe.subs.get(sub).map(|sub| sub.id.clone()));
    for session in &mut world.stripe.sessions {
        let id = session.shown.subscription.as_ref();
        session.stands_in_line |= id.is_some_and(|id| !begun.contains(id));
        if session.waited == 0 && its.as_ref() == id && id.is_some() {
            session.waited = now - session.paid_at;
        }
    }
}

/// When the lists were read that a run's starter last looked at its name by.
fn seen_until(world: &World, parent: Pid, name: &Subdomain) -> u64 {
    let looked = world.processes.get(&parent).and_then(|process| process.looked.get(name));
    let began = looked.map_or(world.now, |looked| world.now - world.own_now().saturating_sub(*looked));
    began.saturating_sub(world.options.tunnels_lag.max(world.options.records_lag))
}

/// A process is gone: its runs die with it, within a second, or go on alone.
pub fn parent_died(world: &mut World, pid: Pid) {
    let left: Vec<usize> = (0..world.runs.runs.len())
        .filter(|run| world.runs.runs.get(*run).is_some_and(|r| r.alive && r.parent == pid))
        .collect();
    for run in left {
        let orphan = world.runs.runs.get(run).is_some_and(|r| r.orphan);
        if orphan && world.disturb(Kind::Script, || format!("run {run} outlives process {pid}")) {
            continue;
        }
        let wait = world.chance.below(1_000);
        world.after(wait, move |world| end(world, run, false));
    }
}

/// A run ends; whoever started it hears of it.
pub fn end(world: &mut World, run: usize, well: bool) {
    let own = world.own_now();
    let Some(ended) = world.runs.runs.get_mut(run).filter(|run| run.alive) else {
        return;
    };
    ended.alive = false;
    ended.ended = Some((well, own));
    world.trace.note(world.now, "run-end", (run as u64, u64::from(well)), || format!("run {run} well={well}"));
    ring(world, run);
}

fn ring(world: &mut World, run: usize) {
    let Some((name, parent)) = world.runs.runs.get(run).map(|run| (run.name.clone(), run.parent)) else {
        return;
    };
    if let Some(process) = world.processes.get_mut(&parent) {
        process.changed.push_back(name);
        process.changed_bell.notify_one();
    }
}

/// Draws how long the next step takes, and lets it come.
fn next(world: &mut World, run: usize) {
    let Some(step) = world.runs.runs.get(run).filter(|r| r.alive).map(|r| r.step + 1) else {
        return;
    };
    let wait = match step {
        1 => world.chance.between(700, 2_500),
        8 => world.chance.between(100, 800),
        9 => world.chance.between(1_000, 6_000),
        10 => 100,
        _ => world.chance.between(50, 1_200),
    };
    world.after(wait, move |world| take_step(world, run, step));
}

fn take_step(world: &mut World, run: usize, step: u8) {
    if !world.runs.runs.get(run).is_some_and(|r| r.alive) {
        return;
    }
    let odd = world.options.script;
    if world.chance.permille(odd) {
        let nth = usize::try_from(world.chance.below(6)).unwrap_or(0);
        let how = WAYS.get(nth).copied().unwrap_or_default();
        if world.disturb(Kind::Script, || format!("run {run} {how} step {step}")) {
            world.tally.step(step, how);
            return go_wrong(world, run, step, nth);
        }
    }
    do_step(world, run, step);
}

fn go_wrong(world: &mut World, run: usize, step: u8, way: usize) {
    match way {
        0 | 2 => end(world, run, false),
        1 | 3 => {
            let _done = effect(world, run, step);
            end(world, run, false);
        }
        4 => {
            end(world, run, false);
            let wait = world.chance.between(1_000, 30_000);
            world.arrive_late(wait, move |world| {
                let _done = effect(world, run, step);
            });
        }
        _ => {
            let wait = world.chance.between(5_000, 50_000);
            world.after(wait, move |world| {
                if world.runs.runs.get(run).is_some_and(|r| r.alive) {
                    do_step(world, run, step);
                }
            });
        }
    }
}

fn do_step(world: &mut World, run: usize, step: u8) {
    match effect(world, run, step) {
        Ok(0) => done(world, run, step),
        Ok(wait) => world.after(wait, move |world| done(world, run, step)),
        Err(why) => {
            world
                .trace
                .note(world.now, "step", (run as u64, u64::from(step)), || format!("run {run} step {step}: {why}"));
            end(world, run, false);
        }
    }
}

fn done(world: &mut World, run: usize, step: u8) {
    let Some(alive) = world.runs.runs.get_mut(run).filter(|run| run.alive) else {
        return;
    };
    if step == LAST {
        return wait_for_answer(world, run);
    }
    alive.step = step;
    world.trace.note(world.now, "step", (run as u64, u64::from(step)), || format!("run {run} did step {step}"));
    ring(world, run);
    next(world, run);
}

fn wait_for_answer(world: &mut World, run: usize) {
    let now = world.now;
    let Some((label, since)) = world.runs.runs.get_mut(run).filter(|run| run.alive).map(|run| {
        if run.waits_since == 0 {
            run.waits_since = now;
        }
        (run.name.to_string(), run.waits_since)
    }) else {
        return;
    };
    if world.answers(&label) {
        end(world, run, true);
    } else if now - since >= PATIENCE {
        end(world, run, false);
    } else {
        world.after(10_000, move |world| wait_for_answer(world, run));
    }
}

/// The subscription that a run is truly for: whose marker was written last.
pub fn sub_of(world: &World, name: &Subdomain) -> Option<usize> {
    let last_start = |sub: &crate::world::stripe::Sub| {
        sub.mark(key::ATTEMPT).and_then(|text| text.rsplit(':').next()?.parse::<i64>().ok())
    };
    world
        .stripe
        .subs
        .iter()
        .enumerate()
        .filter(|(_, sub)| sub.ours && sub.label == name.as_str() && !sub.refused())
        .filter_map(|(index, sub)| Some((last_start(sub)?, index)))
        .max()
        .map(|(_, index)| index)
}

/// A start asked for while a run of the name lives.
pub fn second_start(world: &mut World, name: &Subdomain) {
    world.violate(Invariant::OneRun, format!("a run of {name} was asked for while one is alive"));
}
