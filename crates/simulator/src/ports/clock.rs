//! The two clocks of a process: Stripe's as far as it has heard, and its own.

use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};

use async_trait::async_trait;
use tamesuke_domain::ports::Clock;
use tamesuke_domain::time::{Monotonic, Timestamp};

use super::Link;
use crate::world::Shared;

/// The port `Clock`.
pub struct FakeClock(pub Link);

#[async_trait]
impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        self.0.world().lock().stripe_now_of(self.0.pid())
    }

    fn monotonic(&self) -> Monotonic {
        self.0.world().lock().monotonic_of(self.0.pid())
    }

    async fn sleep_until(&self, moment: Monotonic) {
        let until = {
            let world = self.0.world().lock();
            let born = world.processes.get(&self.0.pid()).map_or(0, |process| process.born);
            let since = moment.since_start();
            // Never earlier than asked for: a part of a millisecond is a whole one.
            let millis = since.as_nanos().div_ceil(1_000_000);
            born.saturating_add(u64::try_from(millis).unwrap_or(u64::MAX))
        };
        Sleep { world: self.0.world().clone(), pid: self.0.pid(), until, place: None }.await;
    }

    async fn jumped(&self) {
        let jumped = {
            let world = self.0.world().lock();
            world.processes.get(&self.0.pid()).map(|process| process.jumped.clone())
        };
        if let Some(jumped) = jumped {
            jumped.notified().await;
        }
    }
}

/// Sleeps until a millisecond of the processes' own clock.
struct Sleep {
    world: Shared,
    pid: u32,
    until: u64,
    place: Option<(u64, u64)>,
}

impl Future for Sleep {
    type Output = ();

    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<()> {
        let (shared, pid, until) = (self.world.clone(), self.pid, self.until);
        let mut world = shared.lock();
        if let Some(place) = self.place.take() {
            world.sleepers.remove(place);
        }
        if world.own_now() >= until {
            return Poll::Ready(());
        }
        self.place = Some(world.sleepers.add(until, pid, context.waker().clone()));
        Poll::Pending
    }
}

impl Drop for Sleep {
    fn drop(&mut self) {
        if let Some(place) = self.place.take() {
            self.world.lock().sleepers.remove(place);
        }
    }
}
