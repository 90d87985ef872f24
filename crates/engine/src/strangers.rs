//! Bounds what strangers can make us ask. Anybody can ask for a session with an id of their own making,
//! and each such question costs a call to Stripe from the same budget that trials are ended and refunded
//! with. So only a few are asked at once, and what Stripe said is kept for some minutes.
//!
//! An id that does not exist can't come to exist later: Stripe makes them at random, and shows them to
//! nobody before they can be read.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tamesuke_domain::ids::CheckoutId;
use tamesuke_domain::subdomain::Subdomain;
use tamesuke_domain::time::Monotonic;

use crate::engine::lock;

/// Most questions about sessions that are not known, at once. Stripe takes five calls of ours at once;
/// the rest is for work.
const ASKED_MAX: usize = 2;
/// Most answers that are kept; past it the oldest go.
const KEPT_MAX: usize = 1_024;
/// How long an answer is kept.
const KEPT_FOR: Duration = Duration::from_secs(300);

/// What Stripe said of a session that leads nowhere.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Nowhere {
    /// There is none, or it is not ours.
    Unknown,
    /// It lapsed; made for that name.
    Lapsed(Subdomain),
}

/// Questions in hand and the answers that lead nowhere. Losing all of it costs a few calls.
#[derive(Debug, Default)]
pub(crate) struct Strangers {
    asked: AtomicUsize,
    kept: Mutex<BTreeMap<CheckoutId, (Monotonic, Nowhere)>>,
}

/// The right to ask one question, given back when it is dropped.
#[derive(Debug)]
pub(crate) struct Turn<'a>(&'a AtomicUsize);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::AcqRel);
    }
}

impl Strangers {
    /// A turn, if one is free. Never waits: a queue of strangers would only be longer than they are.
    pub(crate) fn turn(&self) -> Option<Turn<'_>> {
        let one_more = |asked| (asked < ASKED_MAX).then_some(asked + 1);
        self.asked.fetch_update(Ordering::AcqRel, Ordering::Acquire, one_more).ok()?;
        Some(Turn(&self.asked))
    }

    /// What Stripe said of a session within the last minutes.
    pub(crate) fn kept(&self, id: &CheckoutId, now: Monotonic) -> Option<Nowhere> {
        let kept = lock(&self.kept);
        kept.get(id).filter(|(at, _)| now.since(*at) < KEPT_FOR).map(|(_, said)| said.clone())
    }

    /// Keeps what Stripe said of a session.
    pub(crate) fn keep(&self, id: &CheckoutId, said: Nowhere, now: Monotonic) {
        let mut kept = lock(&self.kept);
        kept.insert(id.clone(), (now, said));
        if kept.len() > KEPT_MAX {
            let mut moments: Vec<Monotonic> = kept.values().map(|(at, _)| *at).collect();
            let (_, middle, _) = moments.select_nth_unstable(KEPT_MAX / 2);
            let middle = *middle;
            kept.retain(|_, (at, _)| *at > middle);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: u64) -> Monotonic {
        Monotonic::from_start(Duration::from_secs(secs))
    }

    fn id(n: usize) -> CheckoutId {
        format!("cs_test_{n}").parse().unwrap()
    }

    #[test]
    fn a_third_question_finds_no_turn_until_one_is_answered() {
        let strangers = Strangers::default();
        let first = strangers.turn().unwrap();
        let _second = strangers.turn().unwrap();
        assert!(strangers.turn().is_none());
        assert!(strangers.turn().is_none(), "one that got no turn must not give one back");
        drop(first);
        assert!(strangers.turn().is_some());
    }

    #[test]
    fn an_answer_is_kept_for_five_minutes_and_no_longer() {
        let strangers = Strangers::default();
        let lapsed = Nowhere::Lapsed("acme".parse().unwrap());
        strangers.keep(&id(1), lapsed.clone(), at(0));
        assert_eq!(strangers.kept(&id(1), at(299)), Some(lapsed));
        assert_eq!(strangers.kept(&id(1), at(300)), None);
        assert_eq!(strangers.kept(&id(2), at(0)), None);
    }

    #[test]
    fn a_flood_of_made_up_ids_stays_within_the_bound() {
        let strangers = Strangers::default();
        for n in 0..10 * KEPT_MAX {
            // All of a burst come at one moment, too.
            strangers.keep(&id(n), Nowhere::Unknown, at(n as u64 / 3_000));
            assert!(lock(&strangers.kept).len() <= KEPT_MAX);
        }
    }
}
