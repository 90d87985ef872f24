//! The engine: its ports, its memory, and what others may ask of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tamesuke_domain::decide::ROWS;
use tamesuke_domain::ids::CheckoutId;
use tamesuke_domain::ports::{Billing, Clock, Entropy, EventHint, Fault, Inventory, Lease, Mailer, Provisioner, Role};
use tamesuke_domain::state::Progress;
use tamesuke_domain::subdomain::Subdomain;
use tamesuke_domain::time::Monotonic;

use crate::heard::Heard;
use crate::lane::LaneQueue;
use crate::listed::Listed;
use crate::memory::NameMemory;
use crate::names::Names;
use crate::offers::PriceCache;
use crate::progress::Hub;
use crate::queue::{Now, Queue};
use crate::settings::Settings;
use crate::signup::NameLocks;
use crate::strangers::Strangers;
use crate::sweep::LastSweep;

/// Everything outside, behind its port.
#[derive(Clone)]
pub struct Ports {
    /// Stripe.
    pub billing: Arc<dyn Billing>,
    /// Runs of the script.
    pub provisioner: Arc<dyn Provisioner>,
    /// Proxmox, Cloudflare and the file server.
    pub inventory: Arc<dyn Inventory>,
    /// Mails.
    pub mailer: Arc<dyn Mailer>,
    /// The two clocks.
    pub clock: Arc<dyn Clock>,
    /// Chance.
    pub entropy: Arc<dyn Entropy>,
    /// Which process acts.
    pub lease: Arc<dyn Lease>,
}

/// The engine. One per process, shared by reference.
pub struct Engine {
    pub(crate) ports: Ports,
    pub(crate) settings: Settings,
    pub(crate) names: Names,
    pub(crate) queue: Queue,
    pub(crate) hub: Hub,
    pub(crate) prices: PriceCache,
    pub(crate) locks: NameLocks,
    pub(crate) strangers: Strangers,
    pub(crate) starting: AtomicBool,
    pub(crate) resynced: AtomicBool,
    pub(crate) running: AtomicBool,
    pub(crate) starts_paused_until: Mutex<Monotonic>,
    /// A listing showed a trial that is being removed: an earlier process may have had a removal in hand.
    pub(crate) removals_seen: AtomicBool,
    pub(crate) listed: Listed,
    pub(crate) heard: Heard,
    pub(crate) lane: LaneQueue,
    pub(crate) last_sweep: Mutex<LastSweep>,
    /// When this process began to act: what it read before that, another one may have changed since.
    pub(crate) acting_since: Mutex<Monotonic>,
    pub(crate) rows: [AtomicU64; ROWS],
    memories: Mutex<BTreeMap<Subdomain, NameMemory>>,
}

/// How the engine fares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Health {
    /// Whether its loops run.
    pub running: bool,
    /// Whether the first listing is in.
    pub resynced: bool,
    /// Whether this process acts or stands by.
    pub role: Role,
    /// Names that wait or are worked on.
    pub queue_depth: usize,
}

/// Why a trial can't be shown just now.
#[derive(Debug, thiserror::Error)]
pub enum TrialError {
    /// Too many ask for sessions that are not known; ask again soon. Stripe was not asked.
    #[error("too many ask for sessions that are not known")]
    Busy,
    /// Stripe did not answer; ask again soon.
    #[error("stripe is needed and did not answer")]
    Outside(#[from] Fault),
}

/// What people may see of a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TrialView {
    /// Its name.
    pub subdomain: Subdomain,
    /// Its address as people are shown it.
    pub url: String,
    /// How it fares.
    pub progress: Progress,
}

pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Engine {
    /// An engine that has looked at nothing yet.
    pub fn new(settings: Settings, ports: Ports) -> Self {
        Self {
            queue: Queue::new(settings.queue_max),
            ports,
            settings,
            names: Names::default(),
            hub: Hub::default(),
            prices: PriceCache::default(),
            locks: NameLocks::default(),
            strangers: Strangers::default(),
            starting: AtomicBool::new(false),
            resynced: AtomicBool::new(false),
            running: AtomicBool::new(false),
            starts_paused_until: Mutex::default(),
            removals_seen: AtomicBool::new(false),
            listed: Listed::default(),
            heard: Heard::default(),
            lane: LaneQueue::default(),
            last_sweep: Mutex::default(),
            acting_since: Mutex::default(),
            rows: Default::default(),
            memories: Mutex::default(),
        }
    }

    pub(crate) fn now(&self) -> Now {
        (self.ports.clock.monotonic(), self.ports.clock.now())
    }

    /// The operator's settings.
    pub fn settings(&self) -> &Settings {
        &self.settings
    }

    /// A random key of 128 bits, for marking a browser.
    pub fn random_key(&self) -> String {
        self.ports.entropy.key()
    }

    /// The index of names.
    pub fn names(&self) -> &Names {
        &self.names
    }

    /// The bells of those who watch.
    pub fn hub(&self) -> &Hub {
        &self.hub
    }

    /// Takes a hint, by webhook or from Stripe's list: indexes its ids and asks for a look at its name,
    /// unless the same event was heard of before or is the echo of our own writing. Never waits.
    pub fn hint(&self, hint: &EventHint) {
        if hint.metadata_only || self.heard.knows(&hint.id) {
            return;
        }
        // A session whose subscription is known has no more to tell than that has.
        let settled = |id: &CheckoutId| self.names.of_session(id).is_some_and(|known| known.subscription.is_some());
        if let Some(id) = hint.checkout.as_ref().filter(|id| !settled(id)) {
            self.names.hint_session(&hint.subdomain, id);
        }
        if let Some(id) = &hint.subscription {
            self.names.hint_subscription(&hint.subdomain, id);
        }
        for id in self.names.known(&hint.subdomain).subscriptions {
            self.listed.forget(&id);
        }
        if self.queue.add(&hint.subdomain) {
            self.heard.keep(&hint.id, hint.created);
        }
    }

    /// How it fares. Never leaves the process.
    pub fn health(&self) -> Health {
        Health {
            running: self.running.load(Ordering::Acquire),
            resynced: self.resynced.load(Ordering::Acquire),
            role: self.ports.lease.role(),
            queue_depth: self.queue.depth(self.now()),
        }
    }

    /// How often each row of `decide` was the answer since the start.
    pub fn rows(&self) -> [u64; ROWS] {
        std::array::from_fn(|row| self.rows.get(row).map_or(0, |count| count.load(Ordering::Relaxed)))
    }

    pub(crate) fn take_memory(&self, name: &Subdomain) -> NameMemory {
        lock(&self.memories).remove(name).unwrap_or_default()
    }

    /// Whether something was done about a name since that moment, and nothing is being done now.
    pub(crate) fn acted_since(&self, moment: Monotonic, name: &Subdomain) -> bool {
        lock(&self.memories).get(name).is_some_and(|memory| memory.stripe_fresh_after >= moment)
    }

    /// Keeps what is worth keeping: nothing, for nearly every name at rest.
    pub(crate) fn keep_memory(&self, name: &Subdomain, memory: NameMemory) {
        if !memory.is_blank(self.ports.clock.monotonic()) {
            lock(&self.memories).insert(name.clone(), memory);
        }
    }
}
