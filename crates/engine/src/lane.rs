//! Names that wait for the one place in which runs choose their container's number.

use std::collections::BTreeSet;
use std::sync::{Mutex, PoisonError};

use tamesuke_domain::subdomain::Subdomain;

/// Those who would start a run if the lane were free.
#[derive(Debug, Default)]
pub(crate) struct LaneQueue(Mutex<BTreeSet<Subdomain>>);

impl LaneQueue {
    /// Notes that a name waits.
    pub(crate) fn wait(&self, name: &Subdomain) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.clone());
    }

    /// Takes all who wait: whoever comes too late waits again.
    pub(crate) fn take(&self) -> BTreeSet<Subdomain> {
        std::mem::take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}
