//! The promises of [`Clock`].

use std::time::Duration;

use async_trait::async_trait;

use crate::ports::Clock;
use crate::time::Timestamp;

/// What a test makes happen to time.
#[async_trait]
pub trait ClockWorld: Send + Sync {
    /// Lets that much time pass.
    async fn pass(&self, time: Duration);
    /// Stripe's answer carries that date.
    fn dated(&self, date: Timestamp);
    /// Whether a wait is over by now.
    async fn is_over(&self, wait: &mut (dyn Future<Output = ()> + Send + Unpin)) -> bool;
}

/// Sees that all promises are kept.
///
/// # Panics
/// Where one is broken.
pub async fn check(clock: &dyn Clock, world: &dyn ClockWorld) {
    let minute = Duration::from_secs(60);
    world.dated(Timestamp::from_unix(1_790_000_000));
    assert_eq!(clock.now(), Timestamp::from_unix(1_790_000_000), "now is Stripe's");
    let before = clock.monotonic();
    world.pass(minute).await;
    assert_eq!(clock.monotonic().since(before), minute, "the monotonic clock goes with time");
    assert_eq!(clock.now(), Timestamp::from_unix(1_790_000_060), "Stripe's now is carried on");
    let mut past = clock.sleep_until(before);
    assert!(world.is_over(&mut past).await, "a moment that has passed is not waited for");
    let mut wait = clock.sleep_until(clock.monotonic().plus(minute));
    assert!(!world.is_over(&mut wait).await, "a moment to come is waited for");
    world.pass(minute).await;
    assert!(world.is_over(&mut wait).await, "until it has come");
    let mut jumped = clock.jumped();
    assert!(!world.is_over(&mut jumped).await, "nothing has jumped");
    world.dated(clock.now().plus_secs(1));
    assert!(!world.is_over(&mut jumped).await, "a second is no jump");
    world.dated(Timestamp::from_unix(1_790_604_800));
    assert!(world.is_over(&mut jumped).await, "a week is");
    assert_eq!(clock.now(), Timestamp::from_unix(1_790_604_800), "and now is Stripe's again");
    let monotonic = clock.monotonic();
    world.dated(Timestamp::from_unix(1_789_000_000));
    assert!(clock.monotonic() >= monotonic, "the monotonic clock never goes back");
}
