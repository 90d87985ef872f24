//! The lease: a locked file, free as soon as its holder is gone.

use async_trait::async_trait;
use tamesuke_domain::ports::{Lease, Role};

use super::Link;

/// The port `Lease`.
pub struct FakeLease(pub Link);

impl FakeLease {
    fn try_acquire(&self) -> bool {
        let mut world = self.0.world().lock();
        let _so_far = world.calm_so_far();
        let mine = *world.lease.get_or_insert(self.0.pid()) == self.0.pid();
        if mine {
            let now = world.now;
            world.trace.note(now, "lease", (u64::from(self.0.pid()), 0), || format!("p{} acts", self.0.pid()));
        }
        mine
    }
}

#[async_trait]
impl Lease for FakeLease {
    fn role(&self) -> Role {
        let held = self.0.world().lock().lease == Some(self.0.pid());
        if held { Role::Worker } else { Role::Standby }
    }

    async fn acquire(&self) {
        let bell = self.0.world().lock().lease_bell.clone();
        loop {
            let free = bell.notified();
            if self.try_acquire() {
                return;
            }
            free.await;
        }
    }
}
