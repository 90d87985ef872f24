//! One shared reading of a list, single-flight: many who ask at once get one call.

use std::sync::Arc;
use std::time::Duration;

use tamesuke_domain::ports::{Clock, Fault};
use tamesuke_domain::time::Monotonic;
use tokio::sync::Mutex;

/// How old a shared reading may be …
const AGE_MAX: Duration = Duration::from_secs(5);
/// … or that many times as long as it took: of a list so long that it is old when it ends, every look
/// would begin another, and nothing else would ever be done.
const AGE_PER_COST: u32 = 10;

struct Reading<T> {
    began: Monotonic,
    age_max: Duration,
    value: Arc<T>,
}

/// A list read lately.
pub(crate) struct Snapshot<T> {
    last: Mutex<Option<Reading<T>>>,
}

impl<T> Snapshot<T> {
    pub(crate) fn new() -> Self {
        Self { last: Mutex::new(None) }
    }

    /// A reading that began at or after `fresh_after` and not long ago; made now if there is none.
    /// Whoever waits for another's reading looks again when it is there.
    pub(crate) async fn get(
        &self,
        clock: &dyn Clock,
        fresh_after: Monotonic,
        read: impl Future<Output = Result<T, Fault>>,
    ) -> Result<Arc<T>, Fault> {
        let mut last = self.last.lock().await;
        let now = clock.monotonic();
        if let Some(reading) = last.as_ref()
            && reading.began >= fresh_after
            && now.since(reading.began) < reading.age_max
        {
            return Ok(Arc::clone(&reading.value));
        }
        // What is too old for anybody is not kept beside the new one.
        last.take_if(|reading| now.since(reading.began) >= reading.age_max);
        let value = Arc::new(read.await?);
        let took = clock.monotonic().since(now);
        let age_max = AGE_MAX.max(took.saturating_mul(AGE_PER_COST));
        *last = Some(Reading { began: now, age_max, value: Arc::clone(&value) });
        Ok(value)
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex as PlainMutex;
    use std::sync::PoisonError;

    use async_trait::async_trait;
    use tamesuke_domain::time::Timestamp;

    use super::*;

    /// A clock that stands until it is moved.
    #[derive(Default)]
    struct Hand(PlainMutex<Monotonic>);

    impl Hand {
        fn turn(&self, secs: u64) {
            let mut now = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            *now = now.plus(Duration::from_secs(secs));
        }
    }

    #[async_trait]
    impl Clock for Hand {
        fn now(&self) -> Timestamp {
            Timestamp::from_unix(0)
        }

        fn monotonic(&self) -> Monotonic {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner)
        }

        async fn sleep_until(&self, _: Monotonic) {
            std::future::pending::<()>().await;
        }

        async fn jumped(&self) {
            std::future::pending::<()>().await;
        }
    }

    async fn read(list: &Snapshot<u32>, clock: &Hand, fresh_after: Monotonic, (takes, value): (u64, u32)) -> u32 {
        let reading = async {
            clock.turn(takes);
            Ok(value)
        };
        list.get(clock, fresh_after, reading).await.map(|seen| *seen).unwrap()
    }

    #[tokio::test]
    async fn a_reading_is_shared_for_five_seconds_and_never_past_a_later_write() {
        let (list, clock) = (Snapshot::new(), Hand::default());
        assert_eq!(read(&list, &clock, Monotonic::START, (0, 1)).await, 1);
        clock.turn(4);
        assert_eq!(read(&list, &clock, Monotonic::START, (0, 2)).await, 1);
        assert_eq!(read(&list, &clock, clock.monotonic(), (0, 3)).await, 3, "something was written since");
        clock.turn(5);
        assert_eq!(read(&list, &clock, Monotonic::START, (0, 4)).await, 4);
    }

    #[tokio::test]
    async fn a_reading_that_took_long_is_shared_for_longer_than_it_took() {
        let (list, clock) = (Snapshot::new(), Hand::default());
        assert_eq!(read(&list, &clock, Monotonic::START, (6, 1)).await, 1);
        clock.turn(50);
        assert_eq!(read(&list, &clock, Monotonic::START, (6, 2)).await, 1);
        clock.turn(4);
        assert_eq!(read(&list, &clock, Monotonic::START, (6, 3)).await, 3);
    }

    #[tokio::test]
    async fn a_failed_reading_leaves_the_last_one_as_old_as_it_is() {
        let (list, clock) = (Snapshot::new(), Hand::default());
        assert_eq!(read(&list, &clock, Monotonic::START, (0, 1)).await, 1);
        clock.turn(6);
        let failing = async {
            Err(Fault::Retryable {
                system: tamesuke_domain::ports::System::Cloudflare,
                operation: "list tunnels",
                retry_after: None,
                cause: "down".into(),
            })
        };
        assert!(list.get(&clock, Monotonic::START, failing).await.is_err());
        assert_eq!(read(&list, &clock, Monotonic::START, (0, 2)).await, 2);
    }
}
