//! Keeps our own calls within Cloudflare's budget: past 1,200 calls of a user in five minutes it blocks all
//! of them for the next five. What we leave over is the script's, which makes seven or eight a run.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Calls that may be made at once …
const AT_ONCE: u32 = 100;
/// … and how long each takes to be paid back: 540 in five minutes, 640 with those.
const EACH: Duration = Duration::from_nanos(555_555_556);

/// Gives each call its moment. (The generic cell rate algorithm, ITU-T I.371: one moment is all it
/// remembers.)
#[derive(Debug, Default)]
pub(crate) struct Budget {
    /// When everything spent so far is paid back.
    paid_back: Mutex<Option<Instant>>,
}

impl Budget {
    /// Waits until one more call is within the budget.
    pub(crate) async fn spend(&self) {
        let at = self.reserve(Instant::now());
        tokio::time::sleep_until(at).await;
    }

    fn reserve(&self, now: Instant) -> Instant {
        let mut paid_back = self.paid_back.lock().unwrap_or_else(PoisonError::into_inner);
        let from = paid_back.map_or(now, |at| at.max(now));
        *paid_back = Some(from + EACH);
        let allowance = EACH * (AT_ONCE - 1);
        now.max(from.checked_sub(allowance).unwrap_or(now))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Cloudflare's window.
    const WINDOW: Duration = Duration::from_secs(300);

    #[test]
    fn however_many_ask_at_once_no_five_minutes_hold_more_than_the_budget() {
        let budget = Budget::default();
        let now = Instant::now();
        let moments: Vec<Instant> = (0..3_000).map(|_| budget.reserve(now)).collect();
        assert!(moments.is_sorted());
        assert!(moments[..100].iter().all(|at| *at == now), "the first hundred go at once");
        assert!(moments[100] > now);
        for (index, first) in moments.iter().enumerate() {
            let within = moments[index..].iter().take_while(|at| **at < *first + WINDOW).count();
            assert!(within <= 641, "{within} calls within five minutes");
        }
    }

    #[test]
    fn what_was_spent_is_paid_back_by_waiting() {
        let budget = Budget::default();
        let now = Instant::now();
        assert!((0..AT_ONCE).all(|_| budget.reserve(now) == now));
        assert_eq!(budget.reserve(now), now + EACH);
        let later = now + EACH * 51;
        assert!((0..50).all(|_| budget.reserve(later) == later));
        assert_eq!(budget.reserve(later), later + EACH);
    }
}
