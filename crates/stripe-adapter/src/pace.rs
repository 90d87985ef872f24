//! Keeps our own calls well below Stripe's limits (100 a second live, 25 in test mode).

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{Semaphore, SemaphorePermit};
use tokio::time::Instant;

/// Most calls that begin within one second.
const PER_SECOND_MAX: usize = 20;
/// Most calls in flight.
const IN_FLIGHT_MAX: usize = 5;

/// Gives each call its turn.
#[derive(Debug)]
pub(crate) struct Pace {
    in_flight: Semaphore,
    begun: Mutex<VecDeque<Instant>>,
}

impl Pace {
    pub(crate) fn new() -> Self {
        Self { in_flight: Semaphore::new(IN_FLIGHT_MAX), begun: Mutex::default() }
    }

    /// Waits for a turn; the call is over when the permit is dropped.
    pub(crate) async fn turn(&self) -> Option<SemaphorePermit<'_>> {
        // The semaphore is never closed, so there is always a permit in the end.
        let permit = self.in_flight.acquire().await.ok();
        let now = Instant::now();
        let at = self.reserve(now);
        // Even a sleep until now lasts to the timer's next millisecond, and every call would pay for it.
        if at > now {
            tokio::time::sleep_until(at).await;
        }
        permit
    }

    fn reserve(&self, now: Instant) -> Instant {
        let mut begun = self.begun.lock().unwrap_or_else(PoisonError::into_inner);
        let at = if begun.len() < PER_SECOND_MAX {
            now
        } else {
            begun.pop_front().map_or(now, |first| now.max(first + Duration::from_secs(1)))
        };
        begun.push_back(at);
        at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_twenty_first_call_within_a_second_waits_for_the_next() {
        let pace = Pace::new();
        let now = Instant::now();
        for _ in 0..PER_SECOND_MAX {
            assert_eq!(pace.reserve(now), now);
        }
        assert_eq!(pace.reserve(now), now + Duration::from_secs(1));
    }
}
