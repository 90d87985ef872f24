//! The engine: its ports, its memory, and what others may ask of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tamesuke_domain::checkout::{CheckoutStatus, SeenCheckout};
use tamesuke_domain::decide::ROWS;
use tamesuke_domain::ids::CheckoutId;
use tamesuke_domain::look::RunView;
use tamesuke_domain::metadata;
use tamesuke_domain::ports::{Billing, Clock, Entropy, EventHint, Fault, Inventory, Lease, Mailer, Provisioner, Role};
use tamesuke_domain::state::{Progress, STEPS, State};
use tamesuke_domain::subdomain::Subdomain;
use tamesuke_domain::time::Monotonic;

use crate::heard::Heard;
use crate::lane::LaneQueue;
use crate::listed::Listed;
use crate::memory::NameMemory;
use crate::names::{Names, Session};
use crate::offers::PriceCache;
use crate::progress::Hub;
use crate::queue::{Now, Queue};
use crate::settings::Settings;
use crate::signup::NameLocks;
use crate::strangers::{Nowhere, Strangers};
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
    strangers: Strangers,
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

    /// Keeps what is worth keeping: nothing, for nearly every name at rest.
    pub(crate) fn keep_memory(&self, name: &Subdomain, memory: NameMemory) {
        if !memory.is_blank(self.ports.clock.monotonic()) {
            lock(&self.memories).insert(name.clone(), memory);
        }
    }

    /// What people may see of the trial that a session became; none if there is no such session of
    /// ours. Asks Stripe only for a session that is not in the index, and only for a few of them at once.
    pub async fn trial(&self, id: &CheckoutId) -> Result<Option<TrialView>, TrialError> {
        let known = self.names.of_session(id).filter(|session| session.open || session.subscription.is_some());
        let session = match known {
            Some(session) => session,
            None => match self.session_of_stranger(id).await? {
                Ok(session) => session,
                Err(Nowhere::Lapsed(name)) => return Ok(Some(self.view(name, bare(State::Expired)))),
                Err(Nowhere::Unknown) => return Ok(None),
            },
        };
        let Some(subscription) = session.subscription else {
            let state = if session.open { State::Reserved } else { State::Paid };
            return Ok(Some(self.view(session.subdomain, bare(state))));
        };
        let mut progress = self.shown_progress(&subscription).await?;
        if progress.state == State::Provisioning
            && let RunView::Alive { step } = self.ports.provisioner.look(&session.subdomain)
        {
            progress.step = step;
        }
        Ok(Some(self.view(session.subdomain, progress)))
    }

    /// A session that may be of anybody's making; inside, `Err` is one that leads nowhere.
    async fn session_of_stranger(&self, id: &CheckoutId) -> Result<Result<Session, Nowhere>, TrialError> {
        if let Some(said) = self.strangers.kept(id, self.ports.clock.monotonic()) {
            return Ok(Err(said));
        }
        let _turn = self.strangers.turn().ok_or(TrialError::Busy)?;
        let asked = self.ask_for_session(id).await?;
        if let Err(said) = &asked {
            self.strangers.keep(id, said.clone(), self.ports.clock.monotonic());
        }
        Ok(asked)
    }

    async fn ask_for_session(&self, id: &CheckoutId) -> Result<Result<Session, Nowhere>, Fault> {
        let Some(SeenCheckout { checkout, .. }) = self.ports.billing.checkout(id).await? else {
            return Ok(Err(Nowhere::Unknown));
        };
        let Some(name) = metadata::subdomain_of(&checkout.metadata, &self.settings.instance) else {
            return Ok(Err(Nowhere::Unknown));
        };
        if checkout.status == CheckoutStatus::Expired {
            return Ok(Err(Nowhere::Lapsed(name)));
        }
        self.see_session(&name, &checkout);
        self.queue.add(&name);
        Ok(Ok(Session {
            subdomain: name,
            subscription: checkout.subscription,
            open: checkout.status == CheckoutStatus::Open,
        }))
    }

    /// How a trial fares by the last look at it. While another process acts no pass of ours renews that,
    /// so it is read anew every few seconds that somebody asks.
    async fn shown_progress(&self, id: &tamesuke_domain::ids::SubscriptionId) -> Result<Progress, Fault> {
        let Some(known) = self.hub.of(id) else {
            return self.ask_for_progress(id).await;
        };
        let now = self.ports.clock.monotonic();
        if self.ports.lease.role() == Role::Worker || self.hub.was_just_asked(id, now) {
            return Ok(known);
        }
        Ok(self.ask_for_progress(id).await.unwrap_or_else(|fault| {
            tracing::warn!(subscription = %id, error = %fault.chain(), "{id} is shown as it was known before");
            self.hub.note_asked(id, now);
            known
        }))
    }

    async fn ask_for_progress(&self, id: &tamesuke_domain::ids::SubscriptionId) -> Result<Progress, Fault> {
        let read = self.ports.billing.subscription(id).await?;
        let trial = read.and_then(|subscription| tamesuke_domain::trial::Trial::read(subscription).ok());
        // What does not read is kept, too: the next look at it says so anew, or shows that it was mended.
        let progress = trial.map_or_else(|| bare(State::Stuck), |trial| self.progress_of(&trial, false));
        self.hub.publish(id, progress.clone());
        self.hub.note_asked(id, self.ports.clock.monotonic());
        Ok(progress)
    }

    pub(crate) fn progress_of(&self, trial: &tamesuke_domain::trial::Trial, alerted: bool) -> Progress {
        let state = State::of(trial, alerted, self.ports.clock.now());
        Progress {
            state,
            step: if trial.is_ready() { STEPS } else { 0 },
            attempt: trial.record.attempt.map_or(0, |attempt| attempt.count),
            ends_at: Some(trial.end()),
            refused: trial.record.refused.map(|refusal| refusal.reason),
        }
    }

    fn view(&self, subdomain: Subdomain, progress: Progress) -> TrialView {
        TrialView { url: self.settings.shown_url(&subdomain), subdomain, progress }
    }
}

fn bare(state: State) -> Progress {
    Progress { state, step: 0, attempt: 0, ends_at: None, refused: None }
}
