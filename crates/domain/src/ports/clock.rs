//! The two clocks.

use async_trait::async_trait;

use crate::time::{Monotonic, Timestamp};

/// Tells the time and waits.
#[async_trait]
pub trait Clock: Send + Sync {
    /// Stripe's now: the `Date` of its last answer carried on by the monotonic clock; the local clock
    /// before the first answer.
    fn now(&self) -> Timestamp;

    /// The process's own now.
    fn monotonic(&self) -> Monotonic;

    /// Waits until that moment of [`Clock::monotonic`]; at once when it has passed.
    async fn sleep_until(&self, moment: Monotonic);

    /// Resolves when Stripe's now has moved otherwise than the monotonic clock by more than a
    /// second since the call: timers must be armed anew.
    async fn jumped(&self);
}
