//! Both clocks, and who answered when.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use async_trait::async_trait;
use tamesuke_domain::ports::{Clock, System, Witness};
use tamesuke_domain::time::{Monotonic, Timestamp};
use tamesuke_http::Outside;
use tokio::sync::Notify;
use tokio::time::Instant;

/// `Date` has whole seconds and answers take time: below that a difference says nothing.
const JITTER_SECS: i64 = 2;

/// The clock of Stripe's last `Date`, carried on by the monotonic clock.
pub(crate) struct StripeClock {
    start: Instant,
    anchor: Mutex<Option<(Timestamp, Instant)>>,
    jumped: Notify,
    /// When each system last answered, in milliseconds since the start and one more; 0 is never.
    answered: [AtomicU64; System::ALL.len()],
    /// When each system's tries began to fail, likewise; 0 where the last one did not.
    failing: [AtomicU64; System::ALL.len()],
    /// When each system last failed, likewise.
    failed: [AtomicU64; System::ALL.len()],
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// This machine's idea of the time.
pub(crate) fn local_now() -> Timestamp {
    #[expect(
        clippy::disallowed_methods,
        reason = "the one place that reads it: for signatures and to tell that it is off"
    )]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix(i64::try_from(since.as_secs()).unwrap_or(i64::MAX))
}

fn whole_secs(duration: Duration) -> i64 {
    i64::try_from(duration.as_secs()).unwrap_or(i64::MAX)
}

/// A system's place in a list of all.
fn place(marks: &[AtomicU64; System::ALL.len()], system: System) -> &AtomicU64 {
    let [stripe, proxmox, cloudflare, file_server, smtp, provisioner] = marks;
    match system {
        System::Stripe => stripe,
        System::Proxmox => proxmox,
        System::Cloudflare => cloudflare,
        System::FileServer => file_server,
        System::Smtp => smtp,
        System::Provisioner => provisioner,
    }
}

impl StripeClock {
    pub(crate) fn new() -> Self {
        Self {
            start: Instant::now(),
            anchor: Mutex::default(),
            jumped: Notify::new(),
            answered: Default::default(),
            failing: Default::default(),
            failed: Default::default(),
        }
    }

    /// This moment as it is kept.
    fn mark(&self) -> u64 {
        u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX - 1) + 1
    }

    /// How long after the start a system's kept moment is; none for 0.
    fn kept(marks: &[AtomicU64; System::ALL.len()], system: System) -> Option<Duration> {
        place(marks, system).load(Ordering::Relaxed).checked_sub(1).map(Duration::from_millis)
    }

    fn carried_on(&self) -> Option<Timestamp> {
        let (date, at) = (*lock(&self.anchor))?;
        Some(date.plus_secs(whole_secs(at.elapsed())))
    }
}

#[async_trait]
impl Clock for StripeClock {
    fn now(&self) -> Timestamp {
        self.carried_on().unwrap_or_else(local_now)
    }

    fn monotonic(&self) -> Monotonic {
        Monotonic::from_start(self.start.elapsed())
    }

    async fn sleep_until(&self, moment: Monotonic) {
        tokio::time::sleep_until(self.start + moment.since_start()).await;
    }

    async fn jumped(&self) {
        self.jumped.notified().await;
    }
}

impl Witness for StripeClock {
    fn answered(&self, system: System) {
        place(&self.answered, system).store(self.mark(), Ordering::Relaxed);
        place(&self.failing, system).store(0, Ordering::Relaxed);
    }

    fn failed(&self, system: System) {
        let now = self.mark();
        // Only the first of a row of failures is a beginning.
        let first = place(&self.failing, system).compare_exchange(0, now, Ordering::Relaxed, Ordering::Relaxed);
        place(&self.failed, system).store(now, Ordering::Relaxed);
        if first.is_ok() {
            tracing::debug!(%system, "{system} has begun to fail");
        }
    }

    fn stripe_date(&self, date: Timestamp) {
        let known = self.carried_on();
        let steady = known.is_some_and(|known| date.secs_since(known).abs() <= JITTER_SECS);
        if steady {
            return;
        }
        *lock(&self.anchor) = Some((date, Instant::now()));
        if known.is_some() {
            tracing::info!(date = %date, "stripe's clock has moved, timers are armed anew");
            self.jumped.notify_waiters();
        }
    }
}

impl Outside for StripeClock {
    fn last_answers(&self) -> [Option<Duration>; System::ALL.len()] {
        let now = self.start.elapsed();
        System::ALL.map(|system| Self::kept(&self.answered, system).map(|at| now.saturating_sub(at)))
    }

    fn failing(&self) -> [Option<Duration>; System::ALL.len()] {
        // Not to this moment: a system that is asked seldom would be ill for days after one failure that
        // nobody repeats.
        System::ALL.map(|system| {
            let first = Self::kept(&self.failing, system)?;
            Some(Self::kept(&self.failed, system).unwrap_or_default().saturating_sub(first))
        })
    }

    fn clock_off_secs(&self) -> Option<i64> {
        self.carried_on().map(|stripe| local_now().secs_since(stripe))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn stripes_date_is_carried_on_and_a_jump_rings() {
        let clock = StripeClock::new();
        clock.stripe_date(Timestamp::from_unix(1_000));
        tokio::time::advance(Duration::from_secs(10)).await;
        assert_eq!(clock.now(), Timestamp::from_unix(1_010));
        clock.stripe_date(Timestamp::from_unix(1_011));
        assert_eq!(clock.now(), Timestamp::from_unix(1_010), "a second is jitter");
        let jumped = clock.jumped();
        tokio::pin!(jumped);
        assert!(futures_pending(jumped.as_mut()).await);
        clock.stripe_date(Timestamp::from_unix(9_000));
        jumped.await;
        assert_eq!(clock.now(), Timestamp::from_unix(9_000));
    }

    #[tokio::test(start_paused = true)]
    async fn failures_are_counted_from_the_first_since_the_last_answer_to_the_last() {
        let clock = StripeClock::new();
        let smtp = || clock.failing()[4];
        assert_eq!(smtp(), None);
        clock.failed(System::Smtp);
        tokio::time::advance(Duration::from_secs(10)).await;
        clock.failed(System::Smtp);
        tokio::time::advance(Duration::from_secs(86_400)).await;
        assert_eq!(smtp(), Some(Duration::from_secs(10)), "nothing was tried since");
        assert_eq!(clock.failing().iter().filter(|failing| failing.is_some()).count(), 1);
        clock.answered(System::Smtp);
        assert_eq!(smtp(), None);
        clock.failed(System::Smtp);
        tokio::time::advance(Duration::from_secs(86_400)).await;
        assert_eq!(smtp(), Some(Duration::ZERO), "one failure alone lasts no time");
    }

    struct World(std::sync::Arc<StripeClock>);

    #[async_trait]
    impl tamesuke_domain::contract::clock::ClockWorld for World {
        async fn pass(&self, time: Duration) {
            tokio::time::advance(time).await;
        }

        fn dated(&self, date: Timestamp) {
            self.0.stripe_date(date);
        }

        async fn is_over(&self, wait: &mut (dyn Future<Output = ()> + Send + Unpin)) -> bool {
            tokio::time::timeout(Duration::ZERO, wait).await.is_ok()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn stripes_clock_keeps_the_contract_of_clock() {
        let clock = std::sync::Arc::new(StripeClock::new());
        tamesuke_domain::contract::clock::check(clock.as_ref(), &World(std::sync::Arc::clone(&clock))).await;
    }

    async fn futures_pending(future: std::pin::Pin<&mut impl Future<Output = ()>>) -> bool {
        tokio::time::timeout(Duration::ZERO, future).await.is_err()
    }
}
