//! Which names are taken, in memory, and by which sessions and subscriptions.
//!
//! Built from Stripe's lists at the start and kept by looking. It only ever says "ask Stripe for
//! these ids": losing it costs one resync, never a trial. An open session leaves the index when
//! Stripe says that it is over, never by the clock, so a payment in the last second is safe.

mod entry;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use tamesuke_domain::checkout::{Checkout, CheckoutStatus};
use tamesuke_domain::ids::{CheckoutId, SubscriptionId};
use tamesuke_domain::metadata::Metadata;
use tamesuke_domain::order::Email;
use tamesuke_domain::subdomain::Subdomain;
use tamesuke_domain::time::Timestamp;

use entry::{Entry, Held};

/// An open session, as far as a second customer's form needs it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenCheckout {
    /// Its id.
    pub id: CheckoutId,
    /// The page to pay on.
    pub url: Option<String>,
    /// When it lapses.
    pub expires: Timestamp,
    /// The browser it was made for.
    pub reference: Option<String>,
    /// The address it was made with.
    pub email: Option<Email>,
    /// What was asked for.
    pub metadata: Metadata,
}

/// Whether a name can be had, cheapest answer first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nobody has it.
    Free,
    /// Somebody is about to pay for it.
    Open(OpenCheckout),
    /// A paid trial has it.
    Trial,
    /// A trial of it is being removed.
    Leaving,
    /// Something that is not ours stands under it.
    Blocked,
}

/// The ids that a look at a name reads.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Known {
    /// Sessions that were not over when last seen.
    pub checkouts: Vec<CheckoutId>,
    /// Subscriptions whose story is not over.
    pub subscriptions: Vec<SubscriptionId>,
}

/// What is known of a session whoever asks about it by id.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The name it was made for.
    pub subdomain: Subdomain,
    /// The subscription it became.
    pub subscription: Option<SubscriptionId>,
    /// Whether it can still be paid.
    pub open: bool,
}

#[derive(Debug, Default)]
struct Index {
    complete: bool,
    entries: BTreeMap<Subdomain, Entry>,
    sessions: BTreeMap<CheckoutId, Session>,
    blocked: BTreeSet<Subdomain>,
    unlooked: BTreeSet<CheckoutId>,
    newest: Option<(Timestamp, CheckoutId)>,
}

/// The index of names.
#[derive(Debug, Default)]
pub struct Names(Mutex<Index>);

impl Names {
    fn lock(&self) -> MutexGuard<'_, Index> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Whether the first listing is in.
    pub fn is_complete(&self) -> bool {
        self.lock().complete
    }

    /// Says that the first listing is in.
    pub fn set_complete(&self) {
        self.lock().complete = true;
    }

    /// Whether a name can be had; none before the first listing is in.
    pub fn standing(&self, name: &Subdomain) -> Option<Standing> {
        let index = self.lock();
        if !index.complete {
            return None;
        }
        let entry = index.entries.get(name);
        let held = entry.map_or(Held::No, |entry| entry.held);
        let open = entry.and_then(|entry| entry.open.as_deref().cloned());
        let pending = entry.is_some_and(|entry| !entry.checkouts.is_empty() || entry.unread);
        Some(match (held, open) {
            (Held::Trial, _) => Standing::Trial,
            (Held::Leaving, _) => Standing::Leaving,
            (Held::No, Some(open)) => Standing::Open(open),
            (Held::No, None) if pending => Standing::Trial,
            (Held::No, None) if index.blocked.contains(name) => Standing::Blocked,
            (Held::No, None) => Standing::Free,
        })
    }

    /// What a look at a name must read.
    pub fn known(&self, name: &Subdomain) -> Known {
        let index = self.lock();
        index.entries.get(name).map_or_else(Known::default, |entry| Known {
            checkouts: entry.checkouts.clone(),
            subscriptions: entry.subscriptions.iter().filter(|(_, over)| !over).map(|(id, _)| id.clone()).collect(),
        })
    }

    /// Subscriptions of a name whose story is over.
    pub fn over(&self, name: &Subdomain) -> Vec<SubscriptionId> {
        let index = self.lock();
        let of_name = index.entries.get(name).map(|entry| &entry.subscriptions);
        of_name.into_iter().flatten().filter(|(_, over)| *over).map(|(id, _)| id.clone()).collect()
    }

    /// What is known of a session.
    pub fn of_session(&self, id: &CheckoutId) -> Option<Session> {
        self.lock().sessions.get(id).cloned()
    }

    /// Open sessions made for a browser, with their names.
    pub fn of_reference(&self, reference: &str) -> Vec<(Subdomain, OpenCheckout)> {
        self.lock()
            .entries
            .iter()
            .filter_map(|(name, entry)| Some((name.clone(), entry.open.as_deref().cloned()?)))
            .filter(|(_, open)| open.reference.as_deref() == Some(reference))
            .collect()
    }

    /// The newest session known, from which a list of later ones starts.
    pub fn newest_session(&self) -> Option<CheckoutId> {
        self.lock().newest.as_ref().map(|(_, id)| id.clone())
    }

    /// How many open sessions there are.
    pub fn open_sessions(&self) -> usize {
        self.lock().entries.values().filter(|entry| entry.open.is_some()).count()
    }

    /// Adds a session that something hinted at; a look will read it.
    pub fn hint_session(&self, name: &Subdomain, id: &CheckoutId) {
        let mut index = self.lock();
        index.entries.entry(name.clone()).or_default().add_checkout(id);
    }

    /// Adds a subscription that something hinted at; a look will read it, again if it was over.
    pub fn hint_subscription(&self, name: &Subdomain, id: &SubscriptionId) {
        let mut index = self.lock();
        let entry = index.entries.entry(name.clone()).or_default();
        entry.set_over(id, false);
        entry.unread = true;
    }

    /// Adds a subscription unless it is known already, over or not; gives whether it was not.
    pub fn add_subscription(&self, name: &Subdomain, id: &SubscriptionId, over: bool) -> bool {
        let mut index = self.lock();
        let entry = index.entries.entry(name.clone()).or_default();
        let new = entry.add_subscription(id, over);
        entry.unread |= new && !over;
        new
    }

    /// Makes a look read every subscription of a name again: something of it was seen left over.
    pub fn reopen(&self, name: &Subdomain) {
        if let Some(entry) = self.lock().entries.get_mut(name) {
            entry.subscriptions.iter_mut().for_each(|(_, over)| *over = false);
        }
    }

    /// Takes in a session as Stripe shows it.
    pub fn see_session(&self, name: &Subdomain, checkout: &Checkout) {
        let mut index = self.lock();
        if checkout.status != CheckoutStatus::Open {
            index.unlooked.remove(&checkout.id);
        }
        if checkout.status == CheckoutStatus::Expired {
            index.sessions.remove(&checkout.id);
        } else {
            let session = Session {
                subdomain: name.clone(),
                subscription: checkout.subscription.clone(),
                open: checkout.status == CheckoutStatus::Open,
            };
            index.sessions.insert(checkout.id.clone(), session);
        }
        index.entries.entry(name.clone()).or_default().see(checkout);
    }

    /// Takes note of a list of all sessions that are newer than the newest known, or of all there are. One that
    /// was seen in any other way does not count: older ones may not have been seen yet.
    pub fn note_listed(&self, sessions: &[Checkout]) {
        let Some(newest) = sessions.iter().max_by_key(|checkout| checkout.created) else {
            return;
        };
        let mut index = self.lock();
        if index.newest.as_ref().is_none_or(|(created, _)| *created <= newest.created) {
            index.newest = Some((newest.created, newest.id.clone()));
        }
    }

    /// Notes that it could not be looked whether a session has a rival: its page must not be given out.
    pub fn set_unlooked(&self, id: &CheckoutId) {
        self.lock().unlooked.insert(id.clone());
    }

    /// Whether that is so.
    pub fn is_unlooked(&self, id: &CheckoutId) -> bool {
        self.lock().unlooked.contains(id)
    }

    /// A subscription that Stripe does not show any more.
    pub fn forget_subscription(&self, name: &Subdomain, id: &SubscriptionId) {
        if let Some(entry) = self.lock().entries.get_mut(name) {
            entry.subscriptions.retain(|(known, _)| known != id);
        }
    }

    /// A session that Stripe does not show any more.
    pub fn forget_session(&self, name: &Subdomain, id: &CheckoutId) {
        let mut index = self.lock();
        index.sessions.remove(id);
        index.unlooked.remove(id);
        if let Some(entry) = index.entries.get_mut(name) {
            entry.remove_checkout(id);
            entry.open.take_if(|open| open.id == *id);
        }
    }

    /// A look found a live trial under the name, or one on its way out.
    pub fn hold(&self, name: &Subdomain, live: bool) {
        let held = if live { Held::Trial } else { Held::Leaving };
        let mut index = self.lock();
        let entry = index.entries.entry(name.clone()).or_default();
        entry.held = held;
        entry.unread = false;
    }

    /// A look found nothing that holds the name; `over` are subscriptions whose story is over.
    pub fn release(&self, name: &Subdomain, over: &[SubscriptionId]) {
        let mut index = self.lock();
        if let Some(entry) = index.entries.get_mut(name) {
            entry.held = Held::No;
            entry.unread = false;
            for id in over {
                entry.set_over(id, true);
            }
            if entry.is_empty() {
                index.entries.remove(name);
            }
        }
    }

    /// The names under which something of others stands, as a listing shows them.
    pub fn set_blocked(&self, names: BTreeSet<Subdomain>) {
        self.lock().blocked = names;
    }

    /// Whether any session or subscription of the name is known.
    pub fn is_known(&self, name: &Subdomain) -> bool {
        self.lock().entries.contains_key(name)
    }
}
