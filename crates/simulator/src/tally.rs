//! What one seed did, in numbers that can be added up over many.

use std::collections::BTreeMap;

use crate::fate::{Fate, Kind};
use crate::op::Op;

/// Numbers of one seed, or of many.
#[derive(Debug, Clone, Default)]
pub struct Tally {
    /// Outside calls by what was called and how it ended.
    pub calls: BTreeMap<(Op, Fate), u64>,
    /// Calls that met a system that was down.
    pub down: u64,
    /// Script steps that went wrong, by step and how.
    pub steps: BTreeMap<(u8, &'static str), u64>,
    /// Disturbances by kind.
    pub disturbed: BTreeMap<Kind, u64>,
    /// Times that each row of `decide` was the answer.
    pub rows: Vec<u64>,
    /// Stripe calls that a life is charged for.
    pub life_calls: u64,
    /// Forms sent.
    pub forms: u64,
    /// Orders paid.
    pub paid: u64,
    /// Runs started.
    pub runs: u64,
    /// Mails that arrived.
    pub mails: u64,
    /// Deaths of a process.
    pub crashes: u64,
    /// Virtual seconds.
    pub secs: u64,
    /// Quiet lives by their Stripe calls.
    pub quiet_lives: BTreeMap<u64, u64>,
    /// The longest unsettled stretch after healing, in seconds.
    pub unsettled_secs: u64,
}

impl Tally {
    /// Counts a call.
    pub fn call(&mut self, op: Op, fate: Fate) {
        *self.calls.entry((op, fate)).or_insert(0) += 1;
        self.life_calls += u64::from(op.is_of_a_life());
    }

    /// Counts a script step that went wrong.
    pub fn step(&mut self, step: u8, how: &'static str) {
        *self.steps.entry((step, how)).or_insert(0) += 1;
    }

    /// All outside calls.
    pub fn calls_in_all(&self) -> u64 {
        self.calls.values().sum::<u64>() + self.down
    }

    /// Counts a call to a system that is down: it shows nothing of how a single call can go wrong.
    pub fn call_down(&mut self, op: Op) {
        self.down += 1;
        self.life_calls += u64::from(op.is_of_a_life());
    }

    /// Counts what an engine's `decide` answered.
    pub fn add_rows(&mut self, rows: &[u64]) {
        self.rows.resize(self.rows.len().max(rows.len()), 0);
        for (sum, row) in self.rows.iter_mut().zip(rows) {
            *sum += row;
        }
    }

    /// Tenths of Stripe calls of a quiet life, on average; none where there was no such life.
    pub fn quiet_calls(&self) -> Option<u64> {
        let calls: u64 = self.quiet_lives.iter().map(|(calls, lives)| calls * lives).sum();
        (calls * 10).checked_div(self.quiet_lives.values().sum())
    }

    /// Adds another seed's numbers.
    pub fn add(&mut self, other: &Self) {
        add_all(&mut self.calls, &other.calls);
        add_all(&mut self.steps, &other.steps);
        add_all(&mut self.disturbed, &other.disturbed);
        self.add_rows(&other.rows);
        self.down += other.down;
        self.life_calls += other.life_calls;
        self.forms += other.forms;
        self.paid += other.paid;
        self.runs += other.runs;
        self.mails += other.mails;
        self.crashes += other.crashes;
        self.secs += other.secs;
        add_all(&mut self.quiet_lives, &other.quiet_lives);
        self.unsettled_secs = self.unsettled_secs.max(other.unsettled_secs);
    }
}

fn add_all<K: Ord + Copy>(sums: &mut BTreeMap<K, u64>, others: &BTreeMap<K, u64>) {
    for (key, count) in others {
        *sums.entry(*key).or_insert(0) += count;
    }
}
