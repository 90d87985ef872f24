//! What watching customers see: the last look's state of each trial, and a bell for each name.

use std::collections::BTreeMap;
use std::sync::Mutex;
use std::time::Duration;

use tamesuke_domain::ids::SubscriptionId;
use tamesuke_domain::state::Progress;
use tamesuke_domain::subdomain::Subdomain;
use tamesuke_domain::time::Monotonic;
use tokio::sync::watch;

use crate::engine::lock;

/// How long what was read for somebody who watches is shown where no pass renews it.
const ASKED_FOR: Duration = Duration::from_secs(5);

/// The hub between passes and those who watch.
#[derive(Debug, Default)]
pub struct Hub {
    seen: Mutex<BTreeMap<SubscriptionId, Progress>>,
    /// When a trial was last read for somebody who watches.
    asked: Mutex<BTreeMap<SubscriptionId, Monotonic>>,
    bells: Mutex<BTreeMap<Subdomain, watch::Sender<u64>>>,
}

impl Hub {
    /// What the last look showed of a trial.
    pub fn of(&self, id: &SubscriptionId) -> Option<Progress> {
        lock(&self.seen).get(id).cloned()
    }

    /// Takes in what a look showed; gives whether anything of it is new.
    pub(crate) fn publish(&self, id: &SubscriptionId, progress: Progress) -> bool {
        lock(&self.seen).insert(id.clone(), progress.clone()) != Some(progress)
    }

    /// Notes that a trial was read just now for somebody who watches.
    pub(crate) fn note_asked(&self, id: &SubscriptionId, now: Monotonic) {
        let mut asked = lock(&self.asked);
        asked.retain(|_, at| now.since(*at) < ASKED_FOR);
        asked.insert(id.clone(), now);
    }

    /// Whether that was so short a time ago that what was seen is still shown where no pass renews it.
    pub(crate) fn was_just_asked(&self, id: &SubscriptionId, now: Monotonic) -> bool {
        lock(&self.asked).get(id).is_some_and(|at| now.since(*at) < ASKED_FOR)
    }

    /// Drops what is known of a trial whose story is over and that nobody watches.
    pub(crate) fn forget(&self, id: &SubscriptionId) {
        lock(&self.seen).remove(id);
    }

    /// Rings for whoever watches a name.
    pub(crate) fn ring(&self, name: &Subdomain) {
        let mut bells = lock(&self.bells);
        if let Some(bell) = bells.get(name) {
            if bell.receiver_count() == 0 {
                bells.remove(name);
            } else {
                bell.send_modify(|count| *count = count.wrapping_add(1));
            }
        }
    }

    /// A bell that rings when something of a name may have changed. Subscribe before looking.
    pub fn subscribe(&self, name: &Subdomain) -> watch::Receiver<u64> {
        lock(&self.bells).entry(name.clone()).or_insert_with(|| watch::channel(0).0).subscribe()
    }
}
