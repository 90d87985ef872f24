//! Keeps the index of names true: a full listing at the start and every ten minutes. In between are
//! Stripe's events; one that is lost costs at most one resync, or two if the first falls into other work on
//! its name.

use std::collections::BTreeSet;
use std::sync::atomic::Ordering;
use std::time::Duration;

use tamesuke_domain::checkout::{CheckoutStatus, OPEN_SECS};
use tamesuke_domain::metadata;
use tamesuke_domain::parts::TunnelName;
use tamesuke_domain::planted::{self, Planted};
use tamesuke_domain::ports::{Fault, Listing, Subscriptions, System};
use tamesuke_domain::subdomain::Subdomain;
use tamesuke_domain::time::{DAY_SECS, Monotonic};
use tamesuke_domain::trial::{Subscription, Trial};

use crate::backoff;
use crate::engine::Engine;

/// Sessions that old are over, whatever happened: 31 minutes and some room.
const SESSIONS_BACK_SECS: i64 = OPEN_SECS + 4 * 60;
/// A clock that an answer has moved by more makes the listing begin again.
const CLOCK_OFF_MAX_SECS: i64 = 60;
/// Subscriptions are looked for that long past the longest period.
const SUBSCRIPTIONS_BACK_DAYS: i64 = 30;

/// Most pages of one walk, and how many subscriptions a page may hold.
const PAGES_MAX: usize = 10_000;
const PAGE: usize = 100;
/// How often a listing looks whether the worker has made room.
const ROOM_LOOK: Duration = Duration::from_millis(200);

/// Who takes in what a listing shows while it goes on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Pace {
    /// Nobody yet: no name is worked on before the first listing is complete.
    Nobody,
    /// The worker, which the listing waits for.
    Worker,
}

impl Engine {
    /// Lists until it succeeds once.
    /// Gives whether all names were asked for; if not, a second listing must follow at once.
    pub(crate) async fn first_resync(&self) -> bool {
        let mut failures = 0;
        let all_asked = loop {
            match self.resync(Pace::Nobody).await {
                Ok(all_asked) => break all_asked,
                Err(fault) => {
                    failures += 1;
                    let wait = backoff::wait(failures, Duration::from_secs(30), self.ports.entropy.as_ref());
                    let secs = wait.as_secs();
                    tracing::warn!(error = %fault.chain(), "the first listing failed, the next comes in {secs} s");
                    self.nap(wait).await;
                }
            }
        };
        self.resynced.store(true, Ordering::Release);
        all_asked
    }

    /// Asks for a look at a listed name.
    fn ask_for(&self, name: &Subdomain) {
        if !planted::has(Planted::NoResync) && !planted::has(Planted::OnlyInMemory) {
            self.queue.add(name);
        }
    }

    /// Lists for ever.
    pub(crate) async fn resync_for_ever(&self, mut at_once: bool) {
        loop {
            if !at_once {
                let jitter = self.settings.resync_every.mul_f64(0.9 + self.ports.entropy.unit() / 5.0);
                self.nap(jitter).await;
            }
            at_once = false;
            if let Err(fault) = self.resync(Pace::Worker).await {
                tracing::warn!(error = %fault.chain(), "a listing failed, the next one makes up for it");
                continue;
            }
            self.sweep_forgotten().await;
        }
    }

    pub(crate) async fn nap(&self, wait: Duration) {
        let until = self.ports.clock.monotonic().plus(wait);
        self.ports.clock.sleep_until(until).await;
    }

    /// Lists everything once and asks for a look at every name whose story is not over. Gives whether
    /// all of them were asked for: at the pace of nobody, those past the cache's room are only indexed.
    async fn resync(&self, pace: Pace) -> Result<bool, Fault> {
        let (began, _) = self.now();
        let all_asked = self.list_stripe(pace).await?;
        self.list_machines(began).await;
        Ok(all_asked)
    }

    /// Fills the index of names from Stripe's lists.
    pub(crate) async fn list_stripe(&self, pace: Pace) -> Result<bool, Fault> {
        let (_, assumed) = self.now();
        let mut sessions = self.ports.billing.checkouts_since(assumed.plus_secs(-SESSIONS_BACK_SECS)).await?;
        // Before Stripe's first answer the clock is the local one, which may be off by anything.
        let (_, now) = self.now();
        if now.secs_since(assumed).abs() > CLOCK_OFF_MAX_SECS {
            sessions = self.ports.billing.checkouts_since(now.plus_secs(-SESSIONS_BACK_SECS)).await?;
        }
        self.names.note_listed(&sessions);
        for checkout in sessions {
            let Some(name) = metadata::subdomain_of(&checkout.metadata, &self.settings.instance) else {
                continue;
            };
            let known = self.names.known(&name).subscriptions;
            self.see_session(&name, &checkout);
            // One that has a subscription is asked for with that, by the list that shows it, unless the name is
            // worked on: whoever does so may not know of it.
            let asked =
                checkout.subscription.as_ref().is_some_and(|id| known.contains(id) || !self.queue.is_in_hand(&name));
            if checkout.status == CheckoutStatus::Complete && !asked {
                self.ask_for(&name);
            }
        }
        let back_secs = (i64::from(self.settings.catalog.longest_days()) + SUBSCRIPTIONS_BACK_DAYS) * DAY_SECS;
        let since = now.plus_secs(-back_secs);
        let mut all_asked = true;
        for which in [Subscriptions::Since(since), Subscriptions::LiveBefore(since)] {
            all_asked &= self.walk(which, pace).await?;
        }
        self.names.set_complete();
        Ok(all_asked)
    }

    /// Walks one list page by page, no faster than the worker takes in what it shows.
    async fn walk(&self, which: Subscriptions, pace: Pace) -> Result<bool, Fault> {
        let (mut after, mut all_asked) = (None, true);
        for _ in 0..PAGES_MAX {
            let read = self.ports.clock.monotonic();
            let shown = self.ports.billing.subscriptions(which, after.as_ref()).await?;
            for subscription in shown.subscriptions {
                all_asked &= self.take_in(read, subscription, pace);
            }
            let Some(next) = shown.next else {
                return Ok(all_asked);
            };
            after = Some(next);
            while pace == Pace::Worker && !self.listed.has_room(self.ports.clock.monotonic(), PAGE) {
                self.nap(ROOM_LOOK).await;
            }
        }
        Err(Fault::Retryable {
            system: System::Stripe,
            operation: "list subscriptions",
            retry_after: None,
            cause: format!("the list did not end within {PAGES_MAX} pages").into(),
        })
    }

    /// Indexes a listed subscription and asks for a look at its name, if its story is not over.
    fn take_in(&self, read: Monotonic, subscription: Subscription, pace: Pace) -> bool {
        let Some(name) = metadata::subdomain_of(&subscription.metadata, &self.settings.instance) else {
            return true;
        };
        let trial = Trial::read(subscription.clone());
        let over = trial.as_ref().is_ok_and(Trial::is_over);
        let now = self.ports.clock.now();
        if trial.is_ok_and(|trial| !over && trial.is_paid() && (trial.has_ended(now) || trial.record.refused.is_some()))
        {
            self.removals_seen.store(true, Ordering::Release);
        }
        let new = self.names.add_subscription(&name, &subscription.id, over);
        // One that was not known can't be part of what is being done about the name.
        if over || (!new && self.is_ahead_of(read, &name)) {
            return true;
        }
        let room = self.listed.has_room(read, 1);
        if room {
            self.listed.keep(read, subscription);
        }
        if room || pace == Pace::Worker {
            self.ask_for(&name);
        }
        room || pace == Pace::Worker
    }

    /// Whether a name is worked on, or was since a page began to be read: it was looked at a moment ago and
    /// its writes' answers are newer. A change that it may lack is among the events, or in the next listing.
    fn is_ahead_of(&self, read: Monotonic, name: &Subdomain) -> bool {
        self.queue.is_in_hand(name) || self.acted_since(read, name)
    }

    /// Names seen on the machines: those whose trials are all over are looked at again, unknown ones are
    /// not sold. A name with a trial that is not over was asked for with Stripe's list: once more would
    /// cost a read of each trial, ten minutes' worth of them where there are ten thousand.
    async fn list_machines(&self, began: Monotonic) {
        let listing = match self.ports.inventory.list(began).await {
            Ok(listing) => listing,
            Err(fault) => {
                tracing::warn!(error = %fault.chain(), "the machines could not be listed, the next listing makes up for it");
                return;
            }
        };
        let mut blocked = BTreeSet::new();
        for name in names_on(&listing, self.settings.policy.vmids) {
            if self.names.is_known(&name) {
                let idle = self.names.known(&name).subscriptions.is_empty();
                if idle {
                    self.names.reopen(&name);
                    self.ask_for(&name);
                }
            } else {
                blocked.insert(name);
            }
        }
        self.names.set_blocked(blocked);
    }
}

fn names_on(listing: &Listing, vmids: tamesuke_domain::parts::VmidRange) -> BTreeSet<Subdomain> {
    let tunnels = listing
        .tunnels
        .iter()
        .filter_map(|tunnel| TunnelName::parse(&tunnel.name))
        .filter(|parsed| vmids.contains(parsed.vmid))
        .map(|parsed| parsed.subdomain);
    tunnels.chain(listing.labels.iter().cloned()).collect()
}
