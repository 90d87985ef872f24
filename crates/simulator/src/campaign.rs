//! Many seeds, one after the other, and what they covered.

use std::time::{Duration, Instant};

use tamesuke_domain::decide::ROWS;

use crate::fate::{Fate, Muted};
use crate::invariants::Violation;
use crate::op::Op;
use crate::script::{STEPS, WAYS};
use crate::simulation;
use crate::tally::Tally;
use crate::trace::Detail;

/// A seed has at least that many paid orders on average …
const PAID_MEAN_MIN: u64 = 8;
/// … and that many outside calls.
const CALLS_MEAN_MIN: u64 = 100;
/// In that many seeds every pair of a call and a fault must have come up often.
const FULL: u64 = 100_000;
/// How often, in that many seeds.
const PAIR_MIN: u64 = 100;

/// What many seeds came to.
#[derive(Debug, Default)]
pub struct Campaign {
    /// How many seeds ran.
    pub seeds: u64,
    /// Their numbers.
    pub tally: Tally,
    /// Those that broke a promise.
    pub violations: Vec<(u64, Violation)>,
    /// Those whose second run gave another hash.
    pub astray: Vec<u64>,
    /// How long it took.
    pub took: Duration,
}

/// How many seeds, from which one, how often each, and how many broken promises are enough.
#[derive(Debug, Clone, Copy)]
pub struct Range {
    /// The first seed.
    pub first: u64,
    /// How many.
    pub seeds: u64,
    /// Each runs twice, and both must be the same.
    pub twice: bool,
    /// So many violations end it.
    pub violations_max: usize,
    /// After that long no further seed begins.
    pub at_most: Option<Duration>,
}

/// Runs seeds.
pub fn run(range: Range) -> Campaign {
    let began = Instant::now();
    let mut campaign = Campaign::default();
    for seed in (range.first..).take(usize::try_from(range.seeds).unwrap_or(usize::MAX)) {
        let outcome = simulation::run(seed, &Muted::default(), Detail::Hash);
        campaign.seeds += 1;
        campaign.tally.add(&outcome.tally);
        if range.twice && simulation::run(seed, &Muted::default(), Detail::Hash).hash != outcome.hash {
            campaign.astray.push(seed);
        }
        if let Some(violation) = outcome.violation {
            campaign.violations.push((seed, violation));
        }
        let enough = campaign.violations.len() >= range.violations_max;
        if enough || range.at_most.is_some_and(|most| began.elapsed() >= most) {
            break;
        }
    }
    campaign.took = began.elapsed();
    campaign
}

impl Campaign {
    /// Why the campaign is not a success, a line each.
    pub fn complaints(&self) -> Vec<String> {
        let mut complaints = Vec::new();
        if !self.violations.is_empty() {
            complaints.push(format!("{} seeds broke a promise", self.violations.len()));
        }
        if !self.astray.is_empty() {
            complaints.push(format!("not the same twice: seeds {:?}", self.astray));
        }
        if self.tally.paid < PAID_MEAN_MIN * self.seeds {
            complaints.push(format!("fewer than {PAID_MEAN_MIN} paid orders a seed"));
        }
        if self.tally.calls_in_all() < CALLS_MEAN_MIN * self.seeds {
            complaints.push(format!("fewer than {CALLS_MEAN_MIN} outside calls a seed"));
        }
        if self.seeds >= FULL {
            complaints.extend(self.uncovered());
        }
        complaints
    }

    /// What came up less often than it must in so many seeds.
    pub fn uncovered(&self) -> Vec<String> {
        let min = (PAIR_MIN * self.seeds / FULL).max(1);
        let mut missing = Vec::new();
        for row in 0..ROWS {
            if self.tally.rows.get(row).copied().unwrap_or(0) == 0 {
                missing.push(format!("row {row} of decide never answered"));
            }
        }
        for (op, fate) in Op::ALL.iter().flat_map(|op| Fate::of(*op).iter().map(move |fate| (*op, *fate))) {
            let count = self.tally.calls.get(&(op, fate)).copied().unwrap_or(0);
            if count < min {
                missing.push(format!("{op:?} {fate:?} came up {count} times"));
            }
        }
        for (step, way) in STEPS.flat_map(|step| WAYS.map(|way| (step, way))) {
            let count = self.tally.steps.get(&(step, way)).copied().unwrap_or(0);
            if count < min {
                missing.push(format!("step {step} {way} came up {count} times"));
            }
        }
        missing
    }

    /// The report.
    pub fn lines(&self) -> Vec<String> {
        let tally = &self.tally;
        let seeds = self.seeds.max(1);
        let micros = u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX).max(1);
        let faults: u64 = tally.calls.iter().filter(|((_, fate), _)| *fate != Fate::Fine).map(|(_, count)| count).sum();
        let tenths = |sum: u64| format!("{}.{}", sum / seeds, sum * 10 / seeds % 10);
        let mut lines = vec![
            format!("{} seeds in {} ms, {} a second", self.seeds, micros / 1_000, self.seeds * 1_000_000 / micros),
            format!(
                "a seed: {} orders paid of {} forms, {} outside calls, {} runs, {} mails, {} virtual minutes",
                tenths(tally.paid),
                tenths(tally.forms),
                tenths(tally.calls_in_all()),
                tenths(tally.runs),
                tenths(tally.mails),
                tally.secs / 60 / seeds,
            ),
            format!("{} crashes, {faults} calls that went wrong", tally.crashes),
            format!(
                "disturbances: {}",
                tally.disturbed.iter().map(|(kind, count)| format!("{kind:?} {count}")).collect::<Vec<_>>().join(", ")
            ),
            format!("Stripe calls of a quiet life: at most {}.{}", tally.quiet_calls / 10, tally.quiet_calls % 10),
            format!("longest unsettled stretch after healing: {} s", tally.unsettled_secs),
            format!(
                "rows of decide: {}",
                tally.rows.iter().enumerate().map(|(row, n)| format!("{row}:{n}")).collect::<Vec<_>>().join(" ")
            ),
        ];
        let pairs: usize = Op::ALL.iter().map(|op| Fate::of(*op).len()).sum();
        let missing = self.uncovered();
        lines.push(format!("coverage: {pairs} pairs of call and fault, {} gaps", missing.len()));
        lines.extend(missing.iter().map(|gap| format!("  gap: {gap}")));
        lines
    }
}
