//! The promises of [`Lease`].

use async_trait::async_trait;

use crate::ports::{Lease, Role};

/// Another process that wants to act, and its end.
#[async_trait]
pub trait LeaseWorld: Send + Sync {
    /// A process that wants the same lease.
    async fn another(&self) -> Box<dyn Lease>;
    /// Waits so long that whoever could acquire the lease would have it; gives whether it has.
    async fn acquires(&self, lease: &dyn Lease) -> bool;
}

/// Sees that all promises are kept.
///
/// # Panics
/// Where one is broken.
pub async fn check(world: &dyn LeaseWorld) {
    let (first, second) = (world.another().await, world.another().await);
    assert_eq!(first.role(), Role::Standby, "nobody acts before it has the lease");
    assert!(world.acquires(first.as_ref()).await, "a free lease is acquired");
    assert_eq!(first.role(), Role::Worker, "who has it acts");
    assert!(world.acquires(first.as_ref()).await, "who has it keeps it");
    assert!(!world.acquires(second.as_ref()).await, "one process acts at a time");
    assert_eq!(second.role(), Role::Standby, "the other waits");
    drop(first);
    assert!(world.acquires(second.as_ref()).await, "the lease is free when its holder has ended");
    assert_eq!(second.role(), Role::Worker, "then the other acts");
}
