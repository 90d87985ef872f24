//! Leads a dispute back to the trial that was paid for. A dispute names its payment; the payment's
//! invoice names the subscription. Nothing of the event is believed but the payment's id.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde::Deserialize;
use stripe_billing::invoice::RetrieveInvoice;
use stripe_billing::invoice_payment::{ListInvoicePayment, ListInvoicePaymentPayment, ListInvoicePaymentPaymentType};
use stripe_client_core::StripeRequest;
use tamesuke_domain::ids::{EventId, SubscriptionId};
use tamesuke_domain::metadata::subdomain_of;
use tamesuke_domain::ports::Fault;
use tamesuke_domain::subdomain::Subdomain;

use crate::Stripe;
use crate::client::{Call, is_missing};
use crate::list::Page;
use crate::view::{Expandable, InvoiceView};

/// The event that tells of one.
pub(crate) const CREATED: &str = "charge.dispute.created";
/// Disputes that are remembered, so that each poll's overlap does not follow them again.
const KNOWN_MAX: usize = 1_000;

/// Whose a dispute is; none where it is not ours.
type Found = Option<(Subdomain, SubscriptionId)>;

/// Disputes that were followed.
#[derive(Default)]
pub(crate) struct Disputes(Mutex<BTreeMap<EventId, Found>>);

#[derive(Deserialize)]
struct Link {
    invoice: Expandable<InvoiceView>,
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
    /// Whose payment that is; asks Stripe once for each event.
    pub(crate) async fn disputed(&self, event: &EventId, payment: &str) -> Result<Found, Fault> {
        let known = self.disputes.0.lock().unwrap_or_else(PoisonError::into_inner).get(event).cloned();
        if let Some(found) = known {
            return Ok(found);
        }
        let found = self.follow(payment).await?;
        let mut known = self.disputes.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= KNOWN_MAX {
            known.clear();
        }
        known.insert(event.clone(), found.clone());
        Ok(found)
    }

    async fn follow(&self, payment: &str) -> Result<Found, Fault> {
        let mut by = ListInvoicePaymentPayment::new(ListInvoicePaymentPaymentType::PaymentIntent);
        by.payment_intent = Some(payment.to_owned());
        let request = ListInvoicePayment::new().payment(by).limit(1).build();
        let call = Call { operation: "find a payment's invoice", request, key: None };
        let links: Page<Link> = self.client.send(call).await?;
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
        let subscription = self.read_subscription(&id).await?;
        Ok(subscription.and_then(|subscription| Some((subdomain_of(&subscription.metadata, &self.instance)?, id))))
    }
}
