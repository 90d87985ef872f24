//! Subscriptions as a listing showed them, kept until the look at their name that reads them.
//!
//! They spare a listing's looks one read each. There are never many: a listing waits for the worker
//! before it goes on, so ten thousand trials need no more memory than a few hundred.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tamesuke_domain::ids::SubscriptionId;
use tamesuke_domain::time::Monotonic;
use tamesuke_domain::trial::Subscription;

/// Most subscriptions that are kept.
const KEPT_MAX: usize = 500;
/// What is older is read anew.
const AGE_MAX: Duration = Duration::from_secs(60);

#[derive(Debug, Default)]
pub(crate) struct Listed(Mutex<BTreeMap<SubscriptionId, (Monotonic, Subscription)>>);

impl Listed {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<SubscriptionId, (Monotonic, Subscription)>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Keeps a subscription whose reading began at that moment; not when there are too many.
    pub(crate) fn keep(&self, read: Monotonic, subscription: Subscription) {
        let mut kept = self.lock();
        if kept.len() < KEPT_MAX {
            kept.insert(subscription.id.clone(), (read, subscription));
        }
    }

    /// Whether another page fits, once what is too old has been dropped.
    pub(crate) fn has_room(&self, now: Monotonic, page: usize) -> bool {
        let mut kept = self.lock();
        kept.retain(|_, (read, _)| now.since(*read) <= AGE_MAX);
        kept.len() + page <= KEPT_MAX
    }

    /// Takes a subscription out, if its reading began after `fresh_after` and not long ago.
    pub(crate) fn take(&self, id: &SubscriptionId, fresh_after: Monotonic, now: Monotonic) -> Option<Subscription> {
        let (read, subscription) = self.lock().remove(id)?;
        (read > fresh_after && now.since(read) <= AGE_MAX).then_some(subscription)
    }

    /// Something was heard of it: it is read anew.
    pub(crate) fn forget(&self, id: &SubscriptionId) {
        self.lock().remove(id);
    }
}
