//! The form's use case: check, reserve, and lead to the payment page.
//!
//! A name is reserved by an open Checkout Session and by nothing else.

mod reserve;

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{FutureExt, pin_mut, select_biased};
use tamesuke_domain::checkout::Expired;
use tamesuke_domain::metadata;
use tamesuke_domain::order::Order;
use tamesuke_domain::ports::Fault;
use tamesuke_domain::subdomain::Subdomain;
use tamesuke_domain::time::Timestamp;

use crate::engine::{Engine, lock};
use crate::names::{OpenCheckout, Standing};
use crate::offers::OfferError;

/// How long one form waits for another of the same name.
const TURN_MAX: Duration = Duration::from_secs(10);
/// How old a listing of the machines may be for a sign-up.
const LISTING_AGE_MAX: Duration = Duration::from_secs(5);
/// How long a leaving name usually needs, in seconds.
const LEAVING_SECS: u64 = 120;

/// One mutex per name.
#[derive(Debug, Default)]
pub(crate) struct NameLocks(Mutex<BTreeMap<Subdomain, Arc<tokio::sync::Mutex<()>>>>);

/// Whether a name can be had.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Availability {
    /// It can.
    Free,
    /// It is ours, somebody's, or not ours to give.
    Taken,
    /// Its last trial is being removed.
    Leaving {
        /// When to ask again, in seconds.
        retry_after_secs: u64,
    },
    /// Somebody is about to pay for it.
    Reserved {
        /// Until when at most.
        until: Timestamp,
    },
}

/// Where to pay, and until when.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PaymentPage {
    /// Stripe's page.
    pub url: String,
    /// When it lapses, by Stripe's clock.
    pub until: Timestamp,
}

/// Why no payment page was given. None of them has charged anybody.
#[derive(Debug, thiserror::Error)]
pub enum SignUpError {
    /// The index of names is not filled yet; ask again soon.
    #[error("the index of names is not filled yet")]
    NotReady,
    /// Another form of the same name takes too long; ask again soon.
    #[error("another request for this name takes too long")]
    Busy,
    /// Not offered; choose something else.
    #[error(transparent)]
    Offer(#[from] OfferError),
    /// The name can't be had.
    #[error("the name can't be had")]
    Unavailable(Availability),
    /// This browser has paid for it already.
    #[error("this order has been paid already")]
    AlreadyPaid,
    /// The mail address is refused; give another.
    #[error("the mail address is refused")]
    Email(#[source] Fault),
    /// No container or tunnel is free; ask again later.
    #[error("no room is left")]
    Full,
    /// An outside system that is needed did not answer; ask again soon.
    #[error("{} is needed and did not answer", .0.system())]
    Outside(#[source] Fault),
}

impl From<Fault> for SignUpError {
    fn from(fault: Fault) -> Self {
        Self::Outside(fault)
    }
}

impl Engine {
    /// Whether a name can be had. Never leaves the process.
    pub fn availability(&self, name: &Subdomain) -> Result<Availability, SignUpError> {
        let standing = self.names.standing(name).ok_or(SignUpError::NotReady)?;
        if name.is_reserved() {
            return Ok(Availability::Taken);
        }
        Ok(match standing {
            Standing::Free => Availability::Free,
            Standing::Trial | Standing::Blocked => Availability::Taken,
            Standing::Leaving => Availability::Leaving { retry_after_secs: LEAVING_SECS },
            Standing::Open(open) => Availability::Reserved { until: open.expires },
        })
    }

    /// Reserves a name and gives the page to pay on. `reference` proves "same browser".
    pub async fn sign_up(&self, order: &Order, reference: &str) -> Result<PaymentPage, SignUpError> {
        let price = self.offer(&order.application, order.days).await?;
        let name = &order.subdomain;
        if self.availability(name)? == Availability::Taken {
            return Err(SignUpError::Unavailable(Availability::Taken));
        }
        let mutex = Arc::clone(lock(&self.locks.0).entry(name.clone()).or_default());
        let _tidy = Tidy { locks: &self.locks, name };
        let turn = mutex.lock().fuse();
        let limit = self.nap(TURN_MAX).fuse();
        pin_mut!(turn, limit);
        let _turn = select_biased! { guard = turn => guard, () = limit => return Err(SignUpError::Busy) };
        if let Some(page) = self.settle_open(order, reference).await? {
            return Ok(page);
        }
        self.ask_for_room(name).await?;
        self.reserve(order, reference, &price).await
    }

    /// What an open session of the name means for this form: the same page again, or the way made free.
    async fn settle_open(&self, order: &Order, reference: &str) -> Result<Option<PaymentPage>, SignUpError> {
        let name = &order.subdomain;
        self.ask_whether_lapsed(name).await?;
        let Some(Standing::Open(open)) = self.names.standing(name) else {
            return match self.availability(name)? {
                Availability::Free => Ok(None),
                other => Err(SignUpError::Unavailable(other)),
            };
        };
        let wanted = metadata::of_order(order, &self.settings.instance);
        let same = wanted.iter().all(|(key, value)| open.metadata.get(key) == Some(value))
            && open.email.as_ref() == Some(&order.email);
        if let (true, false, Some(url)) = (same, self.names.is_unlooked(&open.id), open.url.clone()) {
            return Ok(Some(PaymentPage { url, until: open.expires }));
        }
        if open.reference.as_deref() != Some(reference) {
            return Err(SignUpError::Unavailable(Availability::Reserved { until: open.expires }));
        }
        self.expire(name, &open).await?;
        Ok(None)
    }

    /// Reads an open session whose time is over: its page sells nothing any more.
    async fn ask_whether_lapsed(&self, name: &Subdomain) -> Result<(), SignUpError> {
        let Some(Standing::Open(open)) = self.names.standing(name) else {
            return Ok(());
        };
        if self.ports.clock.now() < open.expires {
            return Ok(());
        }
        match self.ports.billing.checkout(&open.id).await? {
            Some(seen) => self.see_session(name, &seen.checkout),
            None => self.names.forget_session(name, &open.id),
        }
        Ok(())
    }

    async fn expire(&self, name: &Subdomain, open: &OpenCheckout) -> Result<(), SignUpError> {
        match self.ports.billing.expire_checkout(&open.id).await? {
            Expired::Free => {
                self.names.forget_session(name, &open.id);
                Ok(())
            }
            Expired::Paid(checkout) => {
                self.see_session(name, &checkout);
                self.queue.add(name);
                Err(SignUpError::AlreadyPaid)
            }
        }
    }

    async fn ask_for_room(&self, name: &Subdomain) -> Result<(), SignUpError> {
        let now = self.ports.clock.monotonic().since_start();
        let oldest = tamesuke_domain::time::Monotonic::from_start(now.saturating_sub(LISTING_AGE_MAX));
        let listing = self.ports.inventory.list(oldest).await?;
        if listing.labels.contains(name) {
            return Err(SignUpError::Unavailable(Availability::Taken));
        }
        let promised = u32::try_from(self.names.open_sessions()).unwrap_or(u32::MAX);
        if listing.free > promised { Ok(()) } else { Err(SignUpError::Full) }
    }

    /// Expires what a browser has reserved; gives whether there was anything.
    pub async fn release(&self, reference: &str) -> Result<bool, SignUpError> {
        let mut released = false;
        for (name, open) in self.names.of_reference(reference) {
            self.expire(&name, &open).await?;
            released = true;
        }
        Ok(released)
    }
}

/// Drops a name's mutex when nobody waits for it any more.
struct Tidy<'a> {
    locks: &'a NameLocks,
    name: &'a Subdomain,
}

impl Drop for Tidy<'_> {
    fn drop(&mut self) {
        let mut locks = lock(&self.locks.0);
        // One count is the map's own, one is this request's.
        if locks.get(self.name).is_some_and(|mutex| Arc::strong_count(mutex) <= 2) {
            locks.remove(self.name);
        }
    }
}
