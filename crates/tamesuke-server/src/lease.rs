//! One process of this host acts at a time: whoever holds the lock on a file.
//!
//! The file is opened by whoever wants to act and by nobody else: a look leaves nothing behind.

use std::fs::File;
use std::io::ErrorKind;
use std::os::unix::fs::{MetadataExt as _, fchown};
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use rustix::fs::{FlockOperation, flock};
use tamesuke_domain::ports::{Lease, Role};

/// How often a standby tries.
const TRY_EVERY: Duration = Duration::from_millis(250);
/// The file's name in the state directory.
const FILE: &str = "lease.lock";

/// The lock file can't be opened.
#[derive(Debug, thiserror::Error)]
#[error(
    "STATE_DIR {dir} can't be written by this user; give it to the service's: sudo chown -R tamesuke: {dir} (where it is missing: sudo install -d -o tamesuke -g tamesuke -m 0700 {dir}), or set STATE_DIR"
)]
pub(crate) struct LeaseError {
    dir: String,
    #[source]
    cause: std::io::Error,
}

/// The lease.
pub(crate) struct FileLease {
    state_dir: PathBuf,
    file: OnceLock<File>,
    held: AtomicBool,
}

impl FileLease {
    /// A lease by a file in that directory; touches nothing yet.
    pub(crate) fn new(state_dir: &Path) -> Self {
        Self { state_dir: state_dir.to_owned(), file: OnceLock::new(), held: AtomicBool::new(false) }
    }

    /// Opens the lock file and makes what is missing of it, so that whoever must act fails early where it can't.
    pub(crate) fn open(&self) -> Result<&File, LeaseError> {
        if let Some(file) = self.file.get() {
            return Ok(file);
        }
        let opened = open_in(&self.state_dir)
            .map_err(|cause| LeaseError { dir: self.state_dir.display().to_string(), cause })?;
        Ok(self.file.get_or_init(|| opened))
    }

    /// Takes the lease if nobody has it.
    pub(crate) fn try_acquire(&self) -> Result<bool, LeaseError> {
        let taken = flock(self.open()?, FlockOperation::NonBlockingLockExclusive).is_ok();
        if taken {
            self.held.store(true, Ordering::Release);
        }
        Ok(taken)
    }
}

/// Opens the lock file. One that root makes is its directory's owner's, or that one could not open it later.
fn open_in(state_dir: &Path) -> std::io::Result<File> {
    std::fs::create_dir_all(state_dir)?;
    let file = File::options().create(true).append(true).open(state_dir.join(FILE))?;
    let (of_file, of_dir) = (file.metadata()?, std::fs::metadata(state_dir)?);
    if of_file.uid() != of_dir.uid() {
        match fchown(&file, Some(of_dir.uid()), Some(of_dir.gid())) {
            // Who may not give it away can use it all the same.
            Err(error) if error.kind() == ErrorKind::PermissionDenied => {}
            given => given?,
        }
    }
    Ok(file)
}

#[async_trait]
impl Lease for FileLease {
    fn role(&self) -> Role {
        if self.held.load(Ordering::Acquire) { Role::Worker } else { Role::Standby }
    }

    async fn acquire(&self) {
        let mut told = false;
        loop {
            match self.try_acquire() {
                Ok(true) => return,
                Ok(false) if !told => {
                    tracing::info!("another process of this host acts; this one serves HTTP and waits");
                }
                Err(error) if !told => tracing::error!(error = %error.cause, "{error}"),
                Ok(false) | Err(_) => {}
            }
            told = true;
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
            Box::new(FileLease::new(self.0.path()))
        }

        async fn acquires(&self, lease: &dyn Lease) -> bool {
            tokio::time::timeout(TRY_EVERY * 4, lease.acquire()).await.is_ok()
        }
    }

    #[tokio::test(start_paused = true)]
    async fn the_locked_file_keeps_the_contract_of_lease() {
        check(&World(tempfile::tempdir().unwrap())).await;
    }

    #[test]
    fn only_who_wants_to_act_makes_the_directory_and_the_file() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("state");
        let lease = FileLease::new(&dir);
        assert_eq!(lease.role(), Role::Standby);
        assert!(!dir.exists(), "a look leaves nothing behind");
        assert!(lease.try_acquire().unwrap());
        assert!(dir.join(FILE).exists());
    }

    #[test]
    fn a_directory_that_cannot_be_written_is_named_with_what_mends_it() {
        let root = tempfile::tempdir().unwrap();
        let dir = root.path().join("state");
        std::fs::write(&dir, "no directory").unwrap();
        let error = FileLease::new(&dir).try_acquire().unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with(&format!("STATE_DIR {} can't", dir.display())) && text.contains("chown"), "{text}");
        assert!(!text.contains(&error.cause.to_string()), "the cause is told once, in the chain");
    }

    #[test]
    fn a_file_that_root_makes_is_its_directorys_owners() {
        let root = tempfile::tempdir().unwrap();
        if std::os::unix::fs::chown(root.path(), Some(12_345), Some(12_345)).is_err() {
            // Only root can give a directory away, and only root's files are in question.
            return;
        }
        assert!(FileLease::new(root.path()).try_acquire().unwrap());
        let made = std::fs::metadata(root.path().join(FILE)).unwrap();
        assert_eq!((made.uid(), made.gid()), (12_345, 12_345));
    }
}
