//! Stripe's events, as hints: a name and ids, nothing of the object they carry is believed.

use std::collections::BTreeSet;
use std::fmt;

use serde::de::{IgnoredAny, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use stripe_client_core::StripeRequest;
use stripe_core::event::ListEvent;
use tamesuke_domain::instance::Instance;
use tamesuke_domain::metadata::{Metadata, subdomain_of};
use tamesuke_domain::ports::{EventHint, Fault};
use tamesuke_domain::time::Timestamp;

use crate::Stripe;
use crate::dispute::{CLOSED, CREATED, Dispute};
use crate::list::{Listed, PAGE};
use crate::subscription::since_query;

/// The types that can change what is to be done.
pub(crate) const WAKING: [&str; 7] = [
    "checkout.session.completed",
    "checkout.session.expired",
    "checkout.session.async_payment_succeeded",
    "checkout.session.async_payment_failed",
    "customer.subscription.created",
    "customer.subscription.updated",
    "customer.subscription.deleted",
];

/// An event's envelope, as far as it is read.
#[derive(Debug, Deserialize)]
pub(crate) struct Envelope {
    id: String,
    #[serde(rename = "type")]
    kind: String,
    #[serde(default)]
    created: i64,
    data: Data,
}

#[derive(Debug, Deserialize)]
struct Data {
    object: Object,
    previous_attributes: Option<Fields>,
}

#[derive(Debug, Deserialize)]
struct Object {
    #[serde(default)]
    id: Option<String>,
    #[serde(default, rename = "object")]
    kind: Option<String>,
    #[serde(default)]
    metadata: Option<Metadata>,
    #[serde(default)]
    subscription: Option<Linked>,
    /// Of a dispute.
    #[serde(default)]
    payment_intent: Option<Linked>,
}

/// A link to another object: its id, or the object itself.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum Linked {
    Id(String),
    Other(IgnoredAny),
}

/// The names of an object's fields; their values are not looked at.
#[derive(Debug)]
struct Fields(Vec<String>);

impl<'de> Deserialize<'de> for Fields {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Names;
        impl<'de> Visitor<'de> for Names {
            type Value = Fields;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields, A::Error> {
                let mut names = Vec::new();
                while let Some((name, IgnoredAny)) = map.next_entry()? {
                    names.push(name);
                }
                Ok(Fields(names))
            }
        }
        deserializer.deserialize_map(Names)
    }
}

impl Listed for Envelope {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Envelope {
    /// The hint in it, if it is of a waking type and names a subdomain of ours.
    pub(crate) fn hint(&self, instance: &Instance) -> Option<EventHint> {
        if !WAKING.contains(&self.kind.as_str()) {
            return None;
        }
        let object = &self.data.object;
        let subdomain = subdomain_of(object.metadata.as_ref()?, instance)?;
        let id = object.id.as_deref();
        let linked = match &object.subscription {
            Some(Linked::Id(id)) => Some(id.as_str()),
            Some(Linked::Other(_)) | None => None,
        };
        let is_session = object.kind.as_deref() == Some("checkout.session");
        let (checkout, subscription) = if is_session { (id, linked) } else { (None, id) };
        let previous = self.data.previous_attributes.as_ref();
        Some(EventHint {
            id: self.id.parse().ok()?,
            created: Timestamp::from_unix(self.created),
            subdomain,
            checkout: checkout.and_then(|id| id.parse().ok()),
            subscription: subscription.and_then(|id| id.parse().ok()),
            metadata_only: previous
                .is_some_and(|fields| !fields.0.is_empty() && fields.0.iter().all(|field| field == "metadata")),
            disputed: false,
        })
    }
}

impl Envelope {
    /// The dispute in it; none where it names no payment.
    fn dispute(&self) -> Option<Dispute> {
        let Some(Linked::Id(payment)) = &self.data.object.payment_intent else {
            return None;
        };
        let created = Timestamp::from_unix(self.created);
        Some(Dispute { event: self.id.parse().ok()?, created, payment: payment.clone() })
    }
}

impl Stripe {
    pub(crate) async fn list_events(&self, since: Timestamp) -> Result<Vec<EventHint>, Fault> {
        let polled: Vec<&str> = WAKING.iter().copied().chain([CREATED]).collect();
        let events = self.events_of(&polled, since).await?;
        let (disputes, others): (Vec<_>, Vec<_>) = events.iter().partition(|event| event.kind == CREATED);
        let mut hints: Vec<_> = others.into_iter().filter_map(|event| event.hint(&self.instance)).collect();
        hints.extend(self.dispute_hints(disputes.into_iter().filter_map(Envelope::dispute).collect()).await);
        hints.sort_by_key(|hint| hint.created);
        Ok(hints)
    }

    pub(crate) async fn list_open_disputes(&self, since: Timestamp) -> Result<Vec<EventHint>, Fault> {
        let events = self.events_of(&[CREATED, CLOSED], since).await?;
        let closed: BTreeSet<&str> = events
            .iter()
            .filter(|event| event.kind == CLOSED)
            .filter_map(|event| event.data.object.id.as_deref())
            .collect();
        let is_open = |event: &&Envelope| {
            event.kind == CREATED && event.data.object.id.as_deref().is_none_or(|id| !closed.contains(id))
        };
        let open = events.iter().filter(is_open).filter_map(Envelope::dispute).collect();
        let mut hints = self.dispute_hints(open).await;
        hints.sort_by_key(|hint| hint.created);
        Ok(hints)
    }

    /// Events of these types, oldest first.
    async fn events_of(&self, types: &[&str], since: Timestamp) -> Result<Vec<Envelope>, Fault> {
        let page = |cursor: Option<&str>| {
            let types: Vec<String> = types.iter().map(ToString::to_string).collect();
            let mut request = ListEvent::new().limit(PAGE).created(since_query(since)).types(types);
            if let Some(cursor) = cursor {
                request = request.starting_after(cursor);
            }
            request.build()
        };
        let mut events: Vec<Envelope> = self.client.list("list events", false, page).await?;
        events.reverse();
        Ok(events)
    }
}
