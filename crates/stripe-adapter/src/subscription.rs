//! Subscriptions and their Customers: read, listed and written.

use std::collections::HashMap;

use serde::Deserialize;
use stripe_billing::subscription::{
    CancelSubscription, ListSubscription, ListSubscriptionStatus, RetrieveSubscription, SearchSubscription,
    UpdateSubscription, UpdateSubscriptionCancelAt, UpdateSubscriptionProrationBehavior,
};
use stripe_client_core::{RequestBuilder, StripeRequest};
use stripe_core::customer::UpdateCustomer;
use tamesuke_domain::action::EndBy;
use tamesuke_domain::ids::SubscriptionId;
use tamesuke_domain::metadata::{self, Metadata};
use tamesuke_domain::ports::{Fault, SubscriptionPage, Subscriptions, System};
use tamesuke_domain::subdomain::Subdomain;
use tamesuke_domain::time::Timestamp;
use tamesuke_domain::trial::{Customer, Subscription};

use crate::Stripe;
use crate::client::{Call, is_missing};
use crate::error::Unreadable;
use crate::list::{PAGE, Page};
use crate::view::{CustomerView, SubscriptionView};

const EXPAND: [&str; 2] = ["customer", "latest_invoice"];

fn expand() -> Vec<String> {
    EXPAND.map(str::to_owned).to_vec()
}

/// The same fields of a subscription that stands in another object.
pub(crate) fn expand_in(field: &str) -> Vec<String> {
    EXPAND.map(|inner| format!("{field}.{inner}")).to_vec()
}

/// A random idempotency key: a second try of ours is a new decision, made after looking.
pub(crate) fn key() -> String {
    uuid::Uuid::new_v4().to_string()
}

/// Metadata as async-stripe's requests take it.
pub(crate) fn texts(metadata: &Metadata) -> HashMap<String, String> {
    metadata.iter().map(|(key, value)| (key.clone(), value.clone())).collect()
}

/// `created[gte]`.
pub(crate) fn since_query(since: Timestamp) -> stripe_types::RangeQueryTs {
    stripe_types::RangeQueryTs::gte(since.as_unix())
}

/// Most pages of one search: more subscriptions of one name than there can be.
const SEARCH_PAGES_MAX: usize = 20;

/// What a search shows; only the ids are believed.
#[derive(Deserialize)]
struct Search {
    data: Vec<Hit>,
    #[serde(default)]
    has_more: bool,
    next_page: Option<String>,
}

#[derive(Deserialize)]
struct Hit {
    id: String,
}

fn unreadable(operation: &'static str, field: &'static str) -> Fault {
    let cause = Box::new(Unreadable::Field(field));
    Fault::Retryable { system: System::Stripe, operation, retry_after: None, cause }
}

impl Stripe {
    pub(crate) async fn read_subscription(&self, id: &SubscriptionId) -> Result<Option<Subscription>, Fault> {
        let operation = "read a subscription";
        let request = RetrieveSubscription::new(id.as_str()).expand(expand()).build();
        match self.client.send::<SubscriptionView>(Call { operation, request, key: None }).await {
            // Asked before it is parsed: somebody else's may be sold in ways that we can't read.
            Ok(view) if metadata::subdomain_of(&view.metadata, &self.instance).is_none() => Ok(None),
            Ok(view) => view.parse(operation).map(Some),
            Err(fault) if is_missing(&fault) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    /// One page of those made since a moment, canceled ones too, or of the live ones made before it.
    pub(crate) async fn list_subscriptions(
        &self,
        which: Subscriptions,
        after: Option<&SubscriptionId>,
    ) -> Result<SubscriptionPage, Fault> {
        let operation = "list subscriptions";
        let mut request = ListSubscription::new().limit(PAGE).expand(expand_in("data"));
        request = match which {
            Subscriptions::Since(since) => request.status(ListSubscriptionStatus::All).created(since_query(since)),
            Subscriptions::LiveBefore(moment) => request.created(stripe_types::RangeQueryTs::lt(moment.as_unix())),
        };
        if let Some(after) = after {
            request = request.starting_after(after.as_str());
        }
        let call = Call { operation, request: request.build(), key: None };
        let page = self.client.send::<Page<SubscriptionView>>(call).await?;
        let next =
            if page.has_more { page.data.last().map(|view| view.parse_id(operation)).transpose()? } else { None };
        let ours =
            page.data.into_iter().filter(|view| metadata::subdomain_of(&view.metadata, &self.instance).is_some());
        let subscriptions = ours.map(|view| view.parse(operation)).collect::<Result<_, _>>()?;
        Ok(SubscriptionPage { subscriptions, next })
    }

    /// Every subscription of a name, found by Stripe's search, which lags, and then read by id.
    pub(crate) async fn search_subscriptions(&self, name: &Subdomain) -> Result<Vec<Subscription>, Fault> {
        let operation = "search subscriptions";
        // A name is made of a-z, 0-9 and hyphens: nothing in it can end the quotes.
        let query = format!("metadata['{}']:'{name}'", metadata::key::SUBDOMAIN);
        let (mut found, mut page) = (Vec::new(), None);
        for _ in 0..SEARCH_PAGES_MAX {
            let mut request = SearchSubscription::new(query.clone()).limit(PAGE);
            if let Some(page) = page {
                request = request.page(page);
            }
            let shown: Search = self.client.send(Call { operation, request: request.build(), key: None }).await?;
            for hit in shown.data {
                let unreadable = |_| unreadable(operation, "id");
                if let Some(subscription) = self.read_subscription(&hit.id.parse().map_err(unreadable)?).await?
                    && metadata::subdomain_of(&subscription.metadata, &self.instance).as_ref() == Some(name)
                {
                    found.push(subscription);
                }
            }
            match shown.next_page {
                Some(next) if shown.has_more => page = Some(next),
                Some(_) | None => return Ok(found),
            }
        }
        Err(unreadable(operation, "next_page"))
    }

    async fn write(&self, operation: &'static str, request: RequestBuilder) -> Result<Subscription, Fault> {
        let call = Call { operation, request, key: Some(key()) };
        self.client.send::<SubscriptionView>(call).await?.parse(operation)
    }

    pub(crate) async fn write_metadata(&self, id: &SubscriptionId, entries: &Metadata) -> Result<Subscription, Fault> {
        let request = UpdateSubscription::new(id.as_str()).metadata(texts(entries)).expand(expand());
        self.write("write a subscription's metadata", request.build()).await
    }

    pub(crate) async fn write_end(&self, id: &SubscriptionId, by: EndBy) -> Result<Subscription, Fault> {
        let request = UpdateSubscription::new(id.as_str()).expand(expand());
        let request = match by {
            EndBy::Period => request.cancel_at_period_end(true),
            EndBy::Date(at) => request
                .cancel_at(UpdateSubscriptionCancelAt::Timestamp(at.as_unix()))
                .proration_behavior(UpdateSubscriptionProrationBehavior::None),
        };
        self.write("set a subscription's end", request.build()).await
    }

    pub(crate) async fn end_subscription(&self, id: &SubscriptionId) -> Result<Subscription, Fault> {
        let operation = "cancel a subscription";
        let request = CancelSubscription::new(id.as_str()).expand(expand()).build();
        match self.client.send::<SubscriptionView>(Call { operation, request, key: None }).await {
            Ok(view) => view.parse(operation),
            // Stripe answers a second cancel with "no such subscription": read what it is.
            Err(fault) if is_missing(&fault) => match self.read_subscription(id).await? {
                Some(subscription) => Ok(subscription),
                None => Err(fault),
            },
            Err(fault) => Err(fault),
        }
    }

    pub(crate) async fn write_customer(
        &self,
        customer: &Customer,
        name: Option<&str>,
        entries: &Metadata,
    ) -> Result<Customer, Fault> {
        let operation = "write a customer";
        let mut request = UpdateCustomer::new(customer.id.as_str()).metadata(texts(entries));
        if let Some(name) = name {
            request = request.name(name);
        }
        let call = Call { operation, request: request.build(), key: Some(key()) };
        let written = self.client.send::<CustomerView>(call).await?.parse(operation)?;
        if written.id == customer.id {
            return Ok(written);
        }
        Err(Fault::Unknown { system: System::Stripe, operation, cause: Box::new(Unreadable::Field("id")) })
    }
}
