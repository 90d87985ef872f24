//! One process of this host acts at a time: whoever holds the lock on a file.

use std::fs::File;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use rustix::fs::{FlockOperation, flock};
use tamesuke_domain::ports::{Lease, Role};

/// How often a standby tries.
const TRY_EVERY: Duration = Duration::from_millis(250);

/// The lease.
pub(crate) struct FileLease {
    file: File,
    held: AtomicBool,
}

impl FileLease {
    /// Opens the lock file in the state directory.
    pub(crate) fn open(state_dir: &Path) -> std::io::Result<Self> {
        std::fs::create_dir_all(state_dir)?;
        let file = File::options().create(true).append(true).open(state_dir.join("lease.lock"))?;
        Ok(Self { file, held: AtomicBool::new(false) })
    }

    /// Takes the lease if nobody has it.
    pub(crate) fn try_acquire(&self) -> bool {
        let taken = flock(&self.file, FlockOperation::NonBlockingLockExclusive).is_ok();
        if taken {
            self.held.store(true, Ordering::Release);
        }
        taken
    }
}

#[async_trait]
impl Lease for FileLease {
    fn role(&self) -> Role {
        if self.held.load(Ordering::Acquire) { Role::Worker } else { Role::Standby }
    }

    async fn acquire(&self) {
        let mut told = false;
        while !self.try_acquire() {
            if !told {
                tracing::info!("another process of this host acts; this one serves HTTP and waits");
                told = true;
            }
            tokio::time::sleep(TRY_EVERY).await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tamesuke_domain::contract::lease::{LeaseWorld, check};

    struct World(tempfile::TempDir);

    #[async_trait]
    impl LeaseWorld for World {
        async fn another(&self) -> Box<dyn Lease> {
            Box::new(FileLease::open(self.0.path()).unwrap())
        }

        async fn acquires(&self, lease: &dyn Lease) -> bool {
            tokio::time::timeout(TRY_EVERY * 4, lease.acquire()).await.is_ok()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_locked_file_keeps_the_contract_of_lease() {
        check(&World(tempfile::tempdir().unwrap())).await;
    }
}
