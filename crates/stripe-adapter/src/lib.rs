#![doc = include_str!("../README.md")]

mod checkout;
mod client;
mod dispute;
mod error;
mod event;
mod list;
mod outage;
mod pace;
mod price;
mod refund;
mod subscription;
mod view;
pub mod webhook;

pub use client::{Client, Connection};
pub use error::ApiError;

use async_trait::async_trait;
use tamesuke_domain::action::EndBy;
use tamesuke_domain::checkout::{Checkout, Expired, NewCheckout, SeenCheckout};
use tamesuke_domain::ids::{CheckoutId, PriceId, SubscriptionId};
use tamesuke_domain::instance::Instance;
use tamesuke_domain::metadata::Metadata;
use tamesuke_domain::ports::{Billing, EventHint, Fault, Price, RefundOutcome, SubscriptionPage, Subscriptions};
use tamesuke_domain::subdomain::Subdomain;
use tamesuke_domain::time::Timestamp;
use tamesuke_domain::trial::{Customer, Subscription};

/// Stripe, as one installation sees it.
pub struct Stripe {
    client: Client,
    instance: Instance,
    disputes: dispute::Disputes,
}

impl Stripe {
    /// Stripe over that client; objects of other installations are not shown and never written to.
    pub fn new(client: Client, instance: Instance) -> Self {
        Self { client, instance, disputes: dispute::Disputes::default() }
    }

    /// Asks for a Price that need not exist: whether the key is good and Stripe is there.
    pub async fn check(&self) -> Result<(), Fault> {
        self.check_key().await
    }
}

#[async_trait]
impl Billing for Stripe {
    async fn price(&self, id: &PriceId) -> Result<Price, Fault> {
        self.read_price(id).await
    }

    async fn create_checkout(&self, checkout: &NewCheckout) -> Result<Checkout, Fault> {
        self.make_checkout(checkout).await
    }

    async fn checkout(&self, id: &CheckoutId) -> Result<Option<SeenCheckout>, Fault> {
        self.read_checkout(id).await
    }

    async fn checkouts_since(&self, since: Timestamp) -> Result<Vec<Checkout>, Fault> {
        self.list_checkouts(None, since).await
    }

    async fn checkouts_after(&self, newest: Option<&CheckoutId>, since: Timestamp) -> Result<Vec<Checkout>, Fault> {
        self.list_checkouts(newest, since).await
    }

    async fn expire_checkout(&self, id: &CheckoutId) -> Result<Expired, Fault> {
        self.end_checkout(id).await
    }

    async fn subscription(&self, id: &SubscriptionId) -> Result<Option<Subscription>, Fault> {
        self.read_subscription(id).await
    }

    async fn subscriptions(
        &self,
        which: Subscriptions,
        after: Option<&SubscriptionId>,
    ) -> Result<SubscriptionPage, Fault> {
        self.list_subscriptions(which, after).await
    }

    async fn subscriptions_of(&self, name: &Subdomain) -> Result<Vec<Subscription>, Fault> {
        self.search_subscriptions(name).await
    }

    async fn events_since(&self, since: Timestamp) -> Result<Vec<EventHint>, Fault> {
        self.list_events(since).await
    }

    async fn open_disputes(&self, since: Timestamp) -> Result<Vec<EventHint>, Fault> {
        self.list_open_disputes(since).await
    }

    async fn merge_metadata(&self, id: &SubscriptionId, entries: &Metadata) -> Result<Subscription, Fault> {
        self.write_metadata(id, entries).await
    }

    async fn merge_customer_metadata(&self, customer: &Customer, entries: &Metadata) -> Result<Customer, Fault> {
        self.write_customer(customer, None, entries).await
    }

    async fn name_customer(&self, customer: &Customer, company: &str) -> Result<Customer, Fault> {
        let entries = Metadata::from([(tamesuke_domain::metadata::key::COMPANY.to_owned(), company.to_owned())]);
        self.write_customer(customer, Some(company), &entries).await
    }

    async fn set_end(&self, id: &SubscriptionId, by: EndBy) -> Result<Subscription, Fault> {
        self.write_end(id, by).await
    }

    async fn cancel(&self, id: &SubscriptionId) -> Result<Subscription, Fault> {
        self.end_subscription(id).await
    }

    async fn refund(&self, subscription: &Subscription) -> Result<RefundOutcome, Fault> {
        self.give_back(subscription).await
    }
}
