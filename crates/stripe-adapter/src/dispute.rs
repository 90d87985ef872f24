//! Leads a dispute back to the trial that was paid for. A dispute names its payment; the payment's
//! invoice names the subscription. Nothing of the event is believed but the payment's id.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use serde::Deserialize;
use stripe_billing::invoice::RetrieveInvoice;
use stripe_billing::invoice_payment::{ListInvoicePayment, ListInvoicePaymentPayment, ListInvoicePaymentPaymentType};
use stripe_billing::subscription::RetrieveSubscription;
use stripe_client_core::StripeRequest;
use tamesuke_domain::ids::{EventId, SubscriptionId};
use tamesuke_domain::metadata::{Metadata, subdomain_of};
use tamesuke_domain::ports::{EventHint, Fault};
use tamesuke_domain::subdomain::Subdomain;
use tamesuke_domain::time::Timestamp;
use tokio::time::Instant;

use crate::Stripe;
use crate::client::{Call, is_missing};
use crate::list::Page;
use crate::view::{Expandable, InvoiceView};

/// The event that tells of one.
pub(crate) const CREATED: &str = "charge.dispute.created";
/// The event that tells of its end, won or lost.
pub(crate) const CLOSED: &str = "charge.dispute.closed";
/// Disputes that are remembered, so that each poll's overlap does not follow them again; and as many that
/// could not be followed yet.
const KNOWN_MAX: usize = 1_000;
/// A dispute that could not be followed is tried again after that.
const AGAIN_AFTER: Duration = Duration::from_secs(60);

/// Whose a dispute is; none where it is not ours.
type Found = Option<(Subdomain, SubscriptionId)>;

/// A dispute, as its event tells of it.
#[derive(Debug, Clone)]
pub(crate) struct Dispute {
    pub(crate) event: EventId,
    pub(crate) created: Timestamp,
    /// The disputed payment.
    pub(crate) payment: String,
}

impl Dispute {
    fn hint(&self, found: &Found) -> Option<EventHint> {
        let (subdomain, subscription) = found.clone()?;
        Some(EventHint {
            id: self.event.clone(),
            created: self.created,
            subdomain,
            checkout: None,
            subscription: Some(subscription),
            metadata_only: false,
            disputed: true,
        })
    }
}

/// Disputes that were followed, and those that could not be yet. The latter are kept here and not by the
/// lists: one that can't be followed for a day would make every list a day long.
#[derive(Default)]
pub(crate) struct Disputes(Mutex<Known>);

#[derive(Default)]
struct Known {
    followed: BTreeMap<EventId, Found>,
    /// With the moment from which each may be tried.
    waiting: BTreeMap<EventId, (Dispute, Instant)>,
}

impl Disputes {
    fn lock(&self) -> MutexGuard<'_, Known> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes in what a list shows; gives the hints of those that were followed before.
    fn take_in(&self, listed: Vec<Dispute>, now: Instant) -> Vec<EventHint> {
        let mut known = self.lock();
        let mut hints = Vec::new();
        for dispute in listed {
            if let Some(found) = known.followed.get(&dispute.event) {
                hints.extend(dispute.hint(found));
            } else if known.waiting.len() < KNOWN_MAX || known.waiting.contains_key(&dispute.event) {
                known.waiting.entry(dispute.event.clone()).or_insert((dispute, now));
            } else {
                tracing::error!(event = %dispute.event, "{KNOWN_MAX} disputes could not be followed; one more is in Stripe's dashboard only");
            }
        }
        hints
    }

    /// Those that may be tried now, oldest first.
    fn due(&self, now: Instant) -> Vec<Dispute> {
        let known = self.lock();
        let mut due: Vec<Dispute> =
            known.waiting.values().filter(|(_, from)| *from <= now).map(|(dispute, _)| dispute.clone()).collect();
        due.sort_by_key(|dispute| dispute.created);
        due
    }

    fn followed(&self, event: &EventId, found: Found) {
        let mut known = self.lock();
        known.waiting.remove(event);
        if known.followed.len() >= KNOWN_MAX {
            known.followed.clear();
        }
        known.followed.insert(event.clone(), found);
    }

    fn put_off(&self, event: &EventId, from: Instant) {
        if let Some((_, at)) = self.lock().waiting.get_mut(event) {
            *at = from;
        }
    }
}

#[derive(Deserialize)]
struct Link {
    invoice: Expandable<InvoiceView>,
}

/// A subscription, as far as it says whose it is: somebody else's may have any other form.
#[derive(Deserialize)]
struct Owned {
    #[serde(default)]
    metadata: Option<Metadata>,
}

#[derive(Deserialize)]
struct Billed {
    parent: Option<Parent>,
}

#[derive(Deserialize)]
struct Parent {
    subscription_details: Option<Details>,
}

#[derive(Deserialize)]
struct Details {
    subscription: String,
}

impl Stripe {
    /// The hints of the disputes that a list shows and of those kept from earlier ones. One that can't be
    /// followed is kept and tried again later: it must not hold up what else the list has to tell.
    pub(crate) async fn dispute_hints(&self, listed: Vec<Dispute>) -> Vec<EventHint> {
        let mut hints = self.disputes.take_in(listed, Instant::now());
        for dispute in self.disputes.due(Instant::now()) {
            match self.follow(&dispute.payment).await {
                Ok(found) => {
                    hints.extend(dispute.hint(&found));
                    self.disputes.followed(&dispute.event, found);
                }
                Err(fault) => {
                    let secs = AGAIN_AFTER.as_secs();
                    tracing::warn!(event = %dispute.event, error = %fault.chain(), "a dispute could not be led back to its trial, it is tried again in {secs} s");
                    self.disputes.put_off(&dispute.event, Instant::now() + AGAIN_AFTER);
                    // The others would most likely meet the same fault, and each takes its time to.
                    break;
                }
            }
        }
        hints
    }

    async fn follow(&self, payment: &str) -> Result<Found, Fault> {
        let mut by = ListInvoicePaymentPayment::new(ListInvoicePaymentPaymentType::PaymentIntent);
        by.payment_intent = Some(payment.to_owned());
        let request = ListInvoicePayment::new().payment(by).limit(1).build();
        let call = Call { operation: "find a payment's invoice", request, key: None };
        let links: Page<Link> = match self.client.send(call).await {
            Ok(links) => links,
            Err(fault) if is_missing(&fault) => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let Some(link) = links.data.first() else {
            return Ok(None);
        };
        let request = RetrieveInvoice::new(link.invoice.id()).build();
        let call = Call { operation: "read an invoice", request, key: None };
        let invoice: Billed = match self.client.send(call).await {
            Ok(invoice) => invoice,
            Err(fault) if is_missing(&fault) => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let details = invoice.parent.and_then(|parent| parent.subscription_details);
        let Some(id) = details.and_then(|details| details.subscription.parse::<SubscriptionId>().ok()) else {
            return Ok(None);
        };
        let request = RetrieveSubscription::new(id.as_str()).build();
        let call = Call { operation: "read a disputed subscription", request, key: None };
        match self.client.send::<Owned>(call).await {
            Ok(owned) => Ok(owned.metadata.and_then(|owned| Some((subdomain_of(&owned, &self.instance)?, id)))),
            Err(fault) if is_missing(&fault) => Ok(None),
            Err(fault) => Err(fault),
        }
    }
}
