//! Stripe, as this service needs it.

use async_trait::async_trait;

use super::Fault;
use crate::action::EndBy;
use crate::checkout::{Checkout, Expired, NewCheckout, SeenCheckout};
use crate::ids::{CheckoutId, EventId, PriceId, SubscriptionId};
use crate::metadata::{Metadata, key};
use crate::money::Money;
use crate::subdomain::Subdomain;
use crate::time::Timestamp;
use crate::trial::{Customer, Subscription};

/// A Price as it is sold.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Price {
    /// Its id.
    pub id: PriceId,
    /// What one period costs.
    pub money: Money,
    /// Its period in whole days; none when it does not recur in whole days.
    pub days: Option<u32>,
    /// Whether it can be sold.
    pub active: bool,
}

/// An event shows in a list at most that many seconds after it was made: Stripe's list has small gaps for
/// a while. Who reads on overlaps by it.
pub const EVENTS_LATE_MAX_SECS: i64 = 300;

/// Stripe lists events for that many days.
pub const EVENTS_KEPT_DAYS: i64 = 30;

/// Something happened to an object that names a subdomain of ours: look at it again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EventHint {
    /// The event, for telling repeats apart.
    pub id: EventId,
    /// When it was made.
    pub created: Timestamp,
    /// The name to look at.
    pub subdomain: Subdomain,
    /// The session it was about.
    pub checkout: Option<CheckoutId>,
    /// The subscription it was about.
    pub subscription: Option<SubscriptionId>,
    /// Only metadata changed: most likely the echo of our own write.
    pub metadata_only: bool,
    /// A payment of it is disputed.
    pub disputed: bool,
}

/// Which subscriptions are listed. The two of one moment have none in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Subscriptions {
    /// Those made at or after that moment, canceled ones too.
    Since(Timestamp),
    /// Those made before it that are not canceled.
    LiveBefore(Timestamp),
}

/// One page of a list of subscriptions.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct SubscriptionPage {
    /// Those of this installation.
    pub subscriptions: Vec<Subscription>,
    /// The last one of the page, ours or not, from which the next page starts; none after the last.
    pub next: Option<SubscriptionId>,
}

/// What became of a refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundOutcome {
    /// The money is back, now or before.
    Refunded(crate::ids::RefundId),
    /// Nothing was paid.
    Nothing,
    /// The payment is disputed; refunding it would pay twice.
    Disputed,
}

/// Sells, shows and settles trials.
///
/// Implementers MUST return only objects whose metadata names their own installation, MUST give a
/// [`Fault`] rather than a part of a list, and MUST NOT write to an object of another installation.
#[async_trait]
pub trait Billing: Send + Sync {
    /// Reads a Price.
    async fn price(&self, id: &PriceId) -> Result<Price, Fault>;

    /// Makes a Checkout Session. The same `idempotency_key` gives the same session. Where the address is
    /// refused, the cause of [`Fault::Refused`] is [`EmailRefused`](crate::checkout::EmailRefused).
    async fn create_checkout(&self, checkout: &NewCheckout) -> Result<Checkout, Fault>;

    /// Reads a session with its subscription; none if it does not exist or is not ours.
    async fn checkout(&self, id: &CheckoutId) -> Result<Option<SeenCheckout>, Fault>;

    /// Every session made at or after `since`, newest first. Strong: it shows all that was made
    /// before the call.
    async fn checkouts_since(&self, since: Timestamp) -> Result<Vec<Checkout>, Fault>;

    /// Every session made after the session `newest`, which the caller knows; all made at or after
    /// `since` where it knows none.
    async fn checkouts_after(&self, newest: Option<&CheckoutId>, since: Timestamp) -> Result<Vec<Checkout>, Fault>;

    /// Expires an open session. One that was paid in the meantime is shown instead.
    async fn expire_checkout(&self, id: &CheckoutId) -> Result<Expired, Fault>;

    /// Reads a subscription with its Customer and newest invoice; none if it does not exist or is
    /// not ours.
    async fn subscription(&self, id: &SubscriptionId) -> Result<Option<Subscription>, Fault>;

    /// One page of subscriptions, newest first: the first one, or the one after `after`. Walking on
    /// until a page names no next one shows all that were there when the walk began.
    async fn subscriptions(
        &self,
        which: Subscriptions,
        after: Option<&SubscriptionId>,
    ) -> Result<SubscriptionPage, Fault>;

    /// Every subscription of a name, however old, each as it is now. One made within the last few
    /// minutes may be missing: good for finding what is forgotten, never for calling a name free.
    async fn subscriptions_of(&self, name: &Subdomain) -> Result<Vec<Subscription>, Fault> {
        let (mut found, mut after) = (Vec::new(), None);
        loop {
            let shown = self.subscriptions(Subscriptions::Since(Timestamp::from_unix(0)), after.as_ref()).await?;
            let named = |s: &Subscription| s.metadata.get(key::SUBDOMAIN).is_some_and(|text| text == name.as_str());
            found.extend(shown.subscriptions.into_iter().filter(named));
            match shown.next {
                Some(next) => after = Some(next),
                None => return Ok(found),
            }
        }
    }

    /// Events made at or after `since`, oldest first, those that name no subdomain left out. One may be
    /// missing for [`EVENTS_LATE_MAX_SECS`] after it was made; after that every list that reaches back to it
    /// has it. A dispute that could not be led back to its trial yet holds nothing up: it comes with a later
    /// list, even one that does not reach back that far.
    async fn events_since(&self, since: Timestamp) -> Result<Vec<EventHint>, Fault>;

    /// Disputes made at or after `since` that are not closed, oldest first, each as the event that told of it.
    /// Reaches back [`EVENTS_KEPT_DAYS`] at most. One that can't be led back to its trial yet comes with a later
    /// list of [`Billing::events_since`].
    async fn open_disputes(&self, since: Timestamp) -> Result<Vec<EventHint>, Fault>;

    /// Merges keys into a subscription's metadata and shows it as it is then.
    async fn merge_metadata(&self, id: &SubscriptionId, entries: &Metadata) -> Result<Subscription, Fault>;

    /// Merges keys into a Customer's metadata and shows it as it is then.
    async fn merge_customer_metadata(&self, customer: &Customer, entries: &Metadata) -> Result<Customer, Fault>;

    /// Sets a Customer's `name` and `metadata[company_name]`.
    async fn name_customer(&self, customer: &Customer, company: &str) -> Result<Customer, Fault>;

    /// Makes a subscription end by itself.
    async fn set_end(&self, id: &SubscriptionId, by: EndBy) -> Result<Subscription, Fault>;

    /// Cancels a subscription now; one that is canceled already is shown as it is.
    async fn cancel(&self, id: &SubscriptionId) -> Result<Subscription, Fault>;

    /// Gives back what was paid with the subscription's newest paid invoice. Reads the payment first:
    /// one that is refunded already is the answer, of one that is refunded in part the rest is given
    /// back, a disputed one is never touched.
    async fn refund(&self, subscription: &Subscription) -> Result<RefundOutcome, Fault>;
}
