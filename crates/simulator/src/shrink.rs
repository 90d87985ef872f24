//! Shrinks a failing seed's schedule: disturbances are left out as long as the same promise breaks.

use std::collections::BTreeSet;

use crate::fate::{Kind, Muted};
use crate::invariants::Invariant;
use crate::simulation::{self, Outcome};
use crate::trace::Detail;

/// Most replays of one shrinking.
const REPLAYS_MAX: u32 = 400;

/// A shrunk schedule.
pub struct Shrunk {
    /// The replay with nothing left that it does not need, with its lines.
    pub outcome: Outcome,
    /// How many replays it took.
    pub replays: u32,
}

struct Search {
    seed: u64,
    invariant: Invariant,
    replays: u32,
}

impl Search {
    /// Replays with those left out; gives the disturbances that were left where it still fails.
    fn fails(&mut self, muted: &Muted) -> Option<Vec<(Kind, u32)>> {
        if self.replays >= REPLAYS_MAX {
            return None;
        }
        self.replays += 1;
        let outcome = simulation::run(self.seed, muted, Detail::Hash);
        let same = outcome.violation.is_some_and(|violation| violation.invariant == self.invariant);
        same.then(|| outcome.disturbances.iter().map(|(_, kind, nth, _)| (*kind, *nth)).collect())
    }
}

/// Shrinks the schedule of a seed that breaks that promise.
pub fn shrink(seed: u64, invariant: Invariant) -> Shrunk {
    let mut search = Search { seed, invariant, replays: 0 };
    let mut muted = Muted::default();
    let mut left = search.fails(&muted).unwrap_or_default();
    for kind in Kind::ALL {
        let mut without = muted.clone();
        without.kinds.insert(kind);
        if let Some(still) = search.fails(&without) {
            (muted, left) = (without, still);
        }
    }
    let mut size = left.len().div_ceil(2);
    while size > 0 {
        let mut at = 0;
        while at < left.len() {
            let chunk: BTreeSet<(Kind, u32)> = left.iter().skip(at).take(size).copied().collect();
            let mut without = muted.clone();
            without.single.extend(chunk);
            match search.fails(&without) {
                Some(still) => (muted, left) = (without, still),
                None => at += size,
            }
        }
        size = if size == 1 { 0 } else { size.div_ceil(2) };
    }
    let outcome = simulation::run(seed, &muted, Detail::Lines);
    Shrunk { outcome, replays: search.replays }
}
