//! The fields of Stripe's objects that we read, and their way into the domain's types.

use serde::Deserialize;
use tamesuke_domain::checkout::{Checkout, CheckoutStatus, SeenCheckout};
use tamesuke_domain::ids::SubscriptionId;
use tamesuke_domain::metadata::{Metadata, key};
use tamesuke_domain::ports::{Fault, System};
use tamesuke_domain::time::Timestamp;
use tamesuke_domain::trial::{Billed, Customer, Invoice, Status, Subscription};

use crate::error::Unreadable;
use crate::list::Listed;

/// A field that is an id, or the object itself where it was expanded.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(crate) enum Expandable<T> {
    Object(Box<T>),
    Id(String),
}

impl<T: Listed> Expandable<T> {
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Object(object) => object.id(),
            Self::Id(id) => id,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct SessionView {
    pub(crate) id: String,
    status: Option<String>,
    url: Option<String>,
    created: i64,
    expires_at: i64,
    client_reference_id: Option<String>,
    customer_email: Option<String>,
    subscription: Option<Expandable<SubscriptionView>>,
    #[serde(default)]
    pub(crate) metadata: Option<Metadata>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct SubscriptionView {
    pub(crate) id: String,
    status: String,
    created: i64,
    start_date: i64,
    #[serde(default)]
    cancel_at_period_end: bool,
    cancel_at: Option<i64>,
    items: Items,
    latest_invoice: Option<Expandable<InvoiceView>>,
    customer: Expandable<CustomerView>,
    #[serde(default)]
    pub(crate) metadata: Metadata,
}

#[derive(Debug, Deserialize)]
struct Items {
    data: Vec<Item>,
}

#[derive(Debug, Deserialize)]
struct Item {
    price: PriceView,
}

#[derive(Debug, Deserialize)]
pub(crate) struct PriceView {
    pub(crate) id: String,
    #[serde(default)]
    pub(crate) active: bool,
    pub(crate) currency: String,
    pub(crate) unit_amount: Option<i64>,
    recurring: Option<Recurring>,
}

#[derive(Debug, Deserialize)]
struct Recurring {
    interval: String,
    interval_count: u32,
}

impl PriceView {
    /// The period in whole days; a month or a year is none, for it has no fixed length.
    pub(crate) fn days(&self) -> Option<u32> {
        let recurring = self.recurring.as_ref()?;
        match recurring.interval.as_str() {
            "day" => Some(recurring.interval_count),
            "week" => recurring.interval_count.checked_mul(7),
            // Never shorter than 28 and 365 days: long enough for a date of our own to end it.
            "month" => recurring.interval_count.checked_mul(28),
            "year" => recurring.interval_count.checked_mul(365),
            _ => None,
        }
    }
}

#[derive(Debug, Deserialize)]
pub(crate) struct InvoiceView {
    pub(crate) id: String,
    billing_reason: Option<String>,
    status: Option<String>,
}

#[derive(Debug, Deserialize)]
pub(crate) struct CustomerView {
    pub(crate) id: String,
    #[serde(default)]
    deleted: bool,
    email: Option<String>,
    name: Option<String>,
    #[serde(default)]
    metadata: Option<Metadata>,
}

macro_rules! listed {
    ($($view:ty),*) => { $(impl Listed for $view { fn id(&self) -> &str { &self.id } })* };
}
listed!(SessionView, SubscriptionView, InvoiceView, CustomerView);

fn unreadable(operation: &'static str, field: &'static str) -> Fault {
    Fault::Retryable { system: System::Stripe, operation, retry_after: None, cause: Box::new(Unreadable::Field(field)) }
}

impl SessionView {
    pub(crate) fn parse(self, operation: &'static str) -> Result<Checkout, Fault> {
        let bad = |field| unreadable(operation, field);
        Ok(Checkout {
            id: self.id.parse().map_err(|_| bad("id"))?,
            status: match self.status.as_deref() {
                Some("open") => CheckoutStatus::Open,
                Some("complete") => CheckoutStatus::Complete,
                Some("expired") => CheckoutStatus::Expired,
                Some(_) | None => return Err(bad("status")),
            },
            url: self.url,
            created: Timestamp::from_unix(self.created),
            expires: Timestamp::from_unix(self.expires_at),
            reference: self.client_reference_id,
            email: self.customer_email.and_then(|email| email.parse().ok()),
            subscription: match self.subscription {
                Some(field) => Some(field.id().parse().map_err(|_| bad("subscription"))?),
                None => None,
            },
            metadata: self.metadata.unwrap_or_default(),
        })
    }
}

impl SessionView {
    pub(crate) fn parse_with_subscription(mut self, operation: &'static str) -> Result<SeenCheckout, Fault> {
        let subscription = match self.subscription.take() {
            None => None,
            Some(Expandable::Object(view)) => Some(view.parse(operation)?),
            Some(Expandable::Id(_)) => return Err(unreadable(operation, "subscription")),
        };
        let id = subscription.as_ref().map(|subscription| subscription.id.clone());
        let checkout = Checkout { subscription: id, ..self.parse(operation)? };
        Ok(SeenCheckout { checkout, subscription })
    }
}

impl SubscriptionView {
    /// Its id alone, for the next page of a list.
    pub(crate) fn parse_id(&self, operation: &'static str) -> Result<SubscriptionId, Fault> {
        self.id.parse().map_err(|_| unreadable(operation, "id"))
    }

    pub(crate) fn parse(self, operation: &'static str) -> Result<Subscription, Fault> {
        let bad = |field| unreadable(operation, field);
        let id = self.parse_id(operation)?;
        let invoice = match self.latest_invoice {
            None => None,
            Some(Expandable::Object(view)) => Some(view.parse(operation)?),
            Some(Expandable::Id(_)) => return Err(bad("latest_invoice")),
        };
        let customer = match self.customer {
            Expandable::Object(view) => view.parse(operation)?,
            Expandable::Id(_) => return Err(bad("customer")),
        };
        Ok(Subscription {
            id,
            status: status(&self.status),
            created: Timestamp::from_unix(self.created),
            started: Timestamp::from_unix(self.start_date),
            end_set: self.cancel_at_period_end || self.cancel_at.is_some(),
            price_days: self.items.data.first().and_then(|item| item.price.days()),
            invoice,
            customer,
            metadata: self.metadata,
        })
    }
}

fn status(text: &str) -> Status {
    match text {
        "incomplete" => Status::Incomplete,
        "incomplete_expired" => Status::IncompleteExpired,
        "trialing" => Status::Trialing,
        "active" => Status::Active,
        "past_due" => Status::PastDue,
        "unpaid" => Status::Unpaid,
        "paused" => Status::Paused,
        "canceled" => Status::Canceled,
        other => Status::Other(other.to_owned()),
    }
}

impl InvoiceView {
    fn parse(self, operation: &'static str) -> Result<Invoice, Fault> {
        Ok(Invoice {
            id: self.id.parse().map_err(|_| unreadable(operation, "latest_invoice.id"))?,
            billed: match self.billing_reason.as_deref() {
                Some("subscription_create") => Billed::First,
                Some("subscription_cycle") => Billed::Renewal,
                Some(_) | None => Billed::Other,
            },
            paid: self.status.as_deref() == Some("paid"),
        })
    }
}

impl CustomerView {
    pub(crate) fn parse(self, operation: &'static str) -> Result<Customer, Fault> {
        let metadata = self.metadata.unwrap_or_default();
        let named = self.name.is_some_and(|name| !name.is_empty());
        Ok(Customer {
            id: self.id.parse().map_err(|_| unreadable(operation, "customer.id"))?,
            deleted: self.deleted,
            email: self.email.and_then(|email| email.parse().ok()),
            has_company: named && metadata.get(key::COMPANY).is_some_and(|company| !company.is_empty()),
            metadata,
        })
    }
}

#[cfg(test)]
mod tests;
