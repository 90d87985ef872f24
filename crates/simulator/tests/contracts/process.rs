//! What every process has for itself: `Clock`, `Entropy` and `Lease`.

use std::pin::Pin;
use std::task::{Context, Waker};
use std::time::Duration;

use async_trait::async_trait;
use tamesuke_domain::contract::clock::ClockWorld;
use tamesuke_domain::contract::lease::LeaseWorld;
use tamesuke_domain::contract::{clock, entropy, lease};
use tamesuke_domain::ports::{Lease, Role};
use tamesuke_domain::time::Timestamp;
use tamesuke_simulator::ports::{FakeClock, FakeEntropy, FakeLease, Link};

/// Whether a wait is over, asked once.
fn is_over(wait: &mut (dyn Future<Output = ()> + Send + Unpin)) -> bool {
    Pin::new(wait).poll(&mut Context::from_waker(Waker::noop())).is_ready()
}

struct Time(Link);

#[async_trait]
impl ClockWorld for Time {
    async fn pass(&self, time: Duration) {
        self.0.world().lock().pass(u64::try_from(time.as_millis()).unwrap());
    }

    fn dated(&self, date: Timestamp) {
        self.0.world().lock().hear_date(self.0.pid(), date);
    }

    async fn is_over(&self, wait: &mut (dyn Future<Output = ()> + Send + Unpin)) -> bool {
        is_over(wait)
    }
}

/// A process that wants the lease, and ends when it is dropped.
struct Wants(FakeLease);

impl Drop for Wants {
    fn drop(&mut self) {
        let link = &self.0.0;
        link.world().lock().death(link.pid());
    }
}

#[async_trait]
impl Lease for Wants {
    fn role(&self) -> Role {
        self.0.role()
    }

    async fn acquire(&self) {
        self.0.acquire().await;
    }
}

struct Host(Link);

#[async_trait]
impl LeaseWorld for Host {
    async fn another(&self) -> Box<dyn Lease> {
        let pid = self.0.world().lock().birth();
        Box::new(Wants(FakeLease(Link::new(self.0.world().clone(), pid))))
    }

    async fn acquires(&self, lease: &dyn Lease) -> bool {
        is_over(&mut lease.acquire())
    }
}

#[test]
fn the_simulated_clock_keeps_the_contract_of_clock() {
    let link = super::line();
    let (port, world) = (FakeClock(link.clone()), Time(link.clone()));
    super::keeps(&link, async move { clock::check(&port, &world).await });
}

#[test]
fn the_simulated_lease_keeps_the_contract_of_lease() {
    let link = super::line();
    let world = Host(link.clone());
    super::keeps(&link, async move { lease::check(&world).await });
}

#[test]
fn the_seeds_chance_keeps_the_contract_of_entropy() {
    entropy::check(&FakeEntropy(super::line()));
}
