//! Notices that Stripe gives no useful answers, and asks rarely until it does again.
//!
//! Everybody who needs Stripe backs off by himself, but hundreds who do are still hundreds of failing
//! calls. So after a few failures in a row only one call goes out in a while, and the others are told at
//! once when to come back. Counted for each kind of object, for Stripe's parts fail separately.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Failures in a row after which it counts as an outage.
const FAILURES_MAX: u32 = 5;
/// The first wait for a probe; doubles …
const WAIT_FIRST: Duration = Duration::from_secs(1);
/// … up to this.
const WAIT_MAX: Duration = Duration::from_secs(30);

#[derive(Debug, Default, Clone, Copy)]
struct Part {
    failures: u32,
    /// No call before then.
    until: Option<Instant>,
}

/// What is known of Stripe's parts.
#[derive(Debug, Default)]
pub(crate) struct Outage(Mutex<BTreeMap<String, Part>>);

/// The part of Stripe that a path belongs to: `/subscriptions/sub_1` to `subscriptions`.
fn part_of(path: &str) -> &str {
    path.trim_start_matches('/').split(['/', '?']).next().unwrap_or_default()
}

impl Outage {
    /// Whether a call may go out now; if not, when to come back. In an outage the one that may is the
    /// probe, and keeps the others waiting.
    pub(crate) fn ask(&self, path: &str, now: Instant, chance: f64) -> Result<(), Duration> {
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(part) = parts.get_mut(part_of(path)).filter(|part| part.failures >= FAILURES_MAX) else {
            return Ok(());
        };
        match part.until {
            Some(until) if until > now => Err(until - now),
            Some(_) | None => {
                // Counted as failed until it is answered: whoever fails beside it says nothing new.
                part.failures = part.failures.saturating_add(1);
                part.until = Some(now + wait(part.failures, chance));
                Ok(())
            }
        }
    }

    /// A useful answer came, be it a refusal.
    pub(crate) fn answered(&self, path: &str) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(part_of(path));
    }

    /// None came.
    pub(crate) fn failed(&self, path: &str, now: Instant, chance: f64) {
        let mut parts = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let part = parts.entry(part_of(path).to_owned()).or_default();
        if part.failures < FAILURES_MAX {
            part.failures += 1;
            part.until = Some(now + wait(part.failures, chance));
        }
    }
}

/// The wait after that many failures, of which the last quarter is drawn.
fn wait(failures: u32, chance: f64) -> Duration {
    let doublings = failures.saturating_sub(FAILURES_MAX).min(10);
    WAIT_FIRST.saturating_mul(1 << doublings).min(WAIT_MAX).mul_f64(0.75 + chance / 4.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATH: &str = "/subscriptions/sub_1";

    fn down(outage: &Outage, now: Instant) {
        for _ in 0..FAILURES_MAX {
            assert_eq!(outage.ask(PATH, now, 1.0), Ok(()));
            outage.failed(PATH, now, 1.0);
        }
    }

    #[test]
    fn a_few_failures_are_no_outage_and_an_answer_forgets_them() {
        let (outage, now) = (Outage::default(), Instant::now());
        for _ in 0..10 {
            for _ in 1..FAILURES_MAX {
                outage.failed(PATH, now, 1.0);
            }
            assert_eq!(outage.ask(PATH, now, 1.0), Ok(()));
            outage.answered(PATH);
        }
    }

    #[test]
    fn in_an_outage_one_call_probes_and_the_others_are_told_when_to_come_back() {
        let (outage, now) = (Outage::default(), Instant::now());
        down(&outage, now);
        assert_eq!(outage.ask(PATH, now, 1.0), Err(Duration::from_secs(1)));
        let later = now + Duration::from_secs(1);
        assert_eq!(outage.ask(PATH, later, 1.0), Ok(()), "the probe");
        assert!(outage.ask("/subscriptions?limit=1", later, 1.0).is_err(), "the same part of Stripe");
        outage.failed(PATH, later, 1.0);
        assert_eq!(outage.ask(PATH, later, 1.0), Err(Duration::from_secs(2)));
        outage.answered(PATH);
        assert_eq!(outage.ask(PATH, later, 1.0), Ok(()));
    }

    #[test]
    fn calls_that_were_under_way_when_it_began_do_not_lengthen_it() {
        let (outage, now) = (Outage::default(), Instant::now());
        down(&outage, now);
        for _ in 0..10 {
            outage.failed(PATH, now, 1.0);
        }
        assert_eq!(outage.ask(PATH, now, 1.0), Err(Duration::from_secs(1)));
    }

    #[test]
    fn parts_fail_separately() {
        let (outage, now) = (Outage::default(), Instant::now());
        down(&outage, now);
        assert_eq!(outage.ask("/events", now, 1.0), Ok(()));
    }

    #[test]
    fn waits_double_up_to_half_a_minute_and_are_drawn() {
        let full: Vec<u64> = (5..12).map(|failures| wait(failures, 1.0).as_secs()).collect();
        assert_eq!(full, [1, 2, 4, 8, 16, 30, 30]);
        assert_eq!(wait(u32::MAX, 0.0), WAIT_MAX.mul_f64(0.75));
    }

    #[test]
    fn an_outage_of_ten_minutes_costs_a_few_dozen_calls_however_many_ask() {
        let (outage, start) = (Outage::default(), Instant::now());
        let mut calls = 0;
        for ms in 0..600_000 {
            let now = start + Duration::from_millis(ms);
            if outage.ask(PATH, now, 0.0).is_ok() {
                calls += 1;
                outage.failed(PATH, now, 0.0);
            }
        }
        assert!((20..=40).contains(&calls), "{calls}");
    }
}
