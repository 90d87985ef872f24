//! Which of several processes acts.

use async_trait::async_trait;

/// What this process may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// It acts.
    Worker,
    /// It serves HTTP only and waits.
    Standby,
}

/// Lets one process act at a time.
#[async_trait]
pub trait Lease: Send + Sync {
    /// What this process may do now.
    fn role(&self) -> Role;

    /// Waits until this process is the one that acts. It stays so until it ends.
    async fn acquire(&self);
}
