//! Many seeds, each on one thread from its beginning to its end, and what they covered.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use tamesuke_domain::decide::ROWS;

use crate::fate::{Fate, Muted};
use crate::invariants::Violation;
use crate::op::Op;
use crate::script::{STEPS, WAYS};
use crate::simulation::{self, Outcome};
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
    /// Those that broke a promise, by seed.
    pub violations: Vec<(u64, Violation)>,
    /// Those whose second run gave another hash.
    pub astray: Vec<u64>,
    /// How many threads ran them.
    pub jobs: usize,
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
    /// How many seeds run at a time, a thread each.
    pub jobs: NonZeroUsize,
}

/// Runs seeds. How many threads there are changes no seed, and nothing of the report but its speed.
pub fn run(range: Range) -> Campaign {
    #[expect(clippy::disallowed_methods, reason = "how long people wait for the campaign; no seed is told")]
    let began = Instant::now();
    let taken = AtomicU64::new(0);
    let shared = Mutex::new(Campaign { jobs: range.jobs.get(), ..Campaign::default() });
    let is_enough = || {
        let found = shared.lock().unwrap_or_else(PoisonError::into_inner).violations.len();
        found >= range.violations_max || range.at_most.is_some_and(|most| began.elapsed() >= most)
    };
    let work = || {
        // The first seed runs even where there is no time, so that there is something to report.
        while taken.load(Ordering::Relaxed) == 0 || !is_enough() {
            let nth = taken.fetch_add(1, Ordering::Relaxed);
            let Some(seed) = range.first.checked_add(nth).filter(|_| nth < range.seeds) else {
                return;
            };
            let outcome = simulation::run(seed, &Muted::default(), Detail::Hash);
            let astray = range.twice && simulation::run(seed, &Muted::default(), Detail::Hash).hash != outcome.hash;
            shared.lock().unwrap_or_else(PoisonError::into_inner).add(seed, outcome, astray);
        }
    };
    std::thread::scope(|scope| {
        for _ in 1..range.jobs.get() {
            scope.spawn(work);
        }
        work();
    });
    let mut campaign = shared.into_inner().unwrap_or_else(PoisonError::into_inner);
    campaign.violations.sort_by_key(|(seed, _)| *seed);
    campaign.astray.sort_unstable();
    campaign.took = began.elapsed();
    campaign
}

impl Campaign {
    fn add(&mut self, seed: u64, outcome: Outcome, astray: bool) {
        self.seeds += 1;
        self.tally.add(&outcome.tally);
        self.astray.extend(astray.then_some(seed));
        self.violations.extend(outcome.violation.map(|violation| (seed, violation)));
    }

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

    /// What was called how often in a seed, on average.
    fn calls_line(&self) -> String {
        let mut sums: BTreeMap<Op, u64> = BTreeMap::new();
        for ((op, _), count) in &self.tally.calls {
            *sums.entry(*op).or_insert(0) += count;
        }
        let mut sums: Vec<(Op, u64)> = sums.into_iter().collect();
        sums.sort_by_key(|(_, sum)| std::cmp::Reverse(*sum));
        let seeds = self.seeds.max(1);
        let each = sums.iter().map(|(op, sum)| format!("{} {}.{}", op.text(), sum / seeds, sum * 10 / seeds % 10));
        format!("calls of a seed: {}", each.collect::<Vec<_>>().join(", "))
    }

    /// The report.
    pub fn lines(&self) -> Vec<String> {
        let tally = &self.tally;
        let seeds = self.seeds.max(1);
        let micros = u64::try_from(self.took.as_micros()).unwrap_or(u64::MAX).max(1);
        let faults: u64 = tally.calls.iter().filter(|((_, fate), _)| *fate != Fate::Fine).map(|(_, count)| count).sum();
        let tenths = |sum: u64| format!("{}.{}", sum / seeds, sum * 10 / seeds % 10);
        let mut lines = vec![
            format!(
                "{} seeds in {} ms, {} a second with {} at a time; {} calls a second",
                self.seeds,
                micros / 1_000,
                self.seeds * 1_000_000 / micros,
                self.jobs,
                tally.calls_in_all() * 1_000_000 / micros,
            ),
            format!(
                "a seed: {} orders paid of {} forms, {} outside calls, {} runs, {} mails, {} virtual minutes",
                tenths(tally.paid),
                tenths(tally.forms),
                tenths(tally.calls_in_all()),
                tenths(tally.runs),
                tenths(tally.mails),
                tally.secs / 60 / seeds,
            ),
            format!(
                "{} crashes, {faults} calls that went wrong, {} to a system that was down",
                tally.crashes, tally.down
            ),
            format!(
                "disturbances: {}",
                tally.disturbed.iter().map(|(kind, count)| format!("{kind:?} {count}")).collect::<Vec<_>>().join(", ")
            ),
            format!(
                "Stripe calls of a quiet life: {} on average; lives by their calls: {}",
                tally.quiet_calls().map_or_else(|| "none".to_owned(), |ten| format!("{}.{}", ten / 10, ten % 10)),
                tally.quiet_lives.iter().map(|(calls, n)| format!("{calls}:{n}")).collect::<Vec<_>>().join(" "),
            ),
            format!("longest unsettled stretch after healing: {} s", tally.unsettled_secs),
            format!(
                "rows of decide: {}",
                tally.rows.iter().enumerate().map(|(row, n)| format!("{row}:{n}")).collect::<Vec<_>>().join(" ")
            ),
        ];
        lines.push(self.calls_line());
        let pairs: usize = Op::ALL.iter().map(|op| Fate::of(*op).len()).sum();
        let missing = self.uncovered();
        lines.push(format!("coverage: {pairs} pairs of call and fault, {} gaps", missing.len()));
        lines.extend(missing.iter().map(|gap| format!("  gap: {gap}")));
        lines
    }
}
