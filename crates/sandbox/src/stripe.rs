//! Stripe (contracts, section 2): objects, lists, idempotency, events and their delivery, and a payment
//! page that a person can click.

mod api;
mod cards;
mod catalogue;
mod checkout;
mod control;
mod customers;
mod deliver;
mod endpoints;
mod errors;
mod events;
mod form;
mod invoices;
mod known;
mod lists;
mod money;
mod objects;
mod page;
mod payments;
mod periods;
mod planted;
mod routes;
mod search;
mod starts;
mod subscriptions;
mod test_clocks;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use serde_json::{Value, json};

pub(crate) use control::control;
pub(crate) use deliver::deliver_for_ever;

use crate::front::{Call, Reply, System};
use crate::options::Credentials;
use crate::world::{World, lock};

/// The newest version of the API that is imitated.
const API_VERSION: &str = "2026-10-28.endive";

/// A stored answer of an idempotency key.
#[derive(Debug, Clone)]
pub(crate) struct Stored {
    fingerprint: String,
    reply: Reply,
    at: i64,
}

/// An event on its way to a webhook endpoint.
#[derive(Debug, Clone)]
pub(crate) struct Delivery {
    event: String,
    endpoint: String,
    attempt: usize,
    /// Real milliseconds before which it is not sent.
    at_ms: i64,
}

/// Whose call an event comes from.
#[derive(Debug, Clone)]
struct Origin {
    request: String,
    key: Option<String>,
}

#[derive(Debug, Default)]
pub(crate) struct Stripe {
    /// Objects by kind, oldest first.
    tables: BTreeMap<&'static str, Vec<Value>>,
    keys: BTreeMap<String, Stored>,
    /// Keys of calls that have begun and take effect later.
    running: BTreeSet<String>,
    /// Where the payment pages stand.
    base: String,
    paused: bool,
    /// The call that is being answered; events that come by themselves have none.
    origin: Option<Origin>,
    /// The version that events are written in.
    event_version: String,
    search_lag_ms: i64,
    /// The world's now, as of the call that is being answered.
    now_ms: i64,
    events_lag_ms: i64,
    /// Whether the portal has settings, as of the call that is being answered.
    portal_configured: bool,
    waiting: VecDeque<Delivery>,
    delivered: Vec<Value>,
}

pub(crate) struct StripeSystem;

impl System for StripeSystem {
    fn name(&self) -> &'static str {
        "stripe"
    }

    fn answer(&self, world: &Arc<World>, call: &Call) -> Reply {
        advance(world);
        let request_id = format!("req_{}", objects::random(14));
        let reply = api::answer(world, call, &request_id);
        let asked = call.header("stripe-version");
        reply
            .with_header("date", crate::clock::http_date(world.clock.now()))
            .with_header("request-id", request_id)
            .with_header("stripe-version", if asked.is_empty() { API_VERSION } else { asked })
    }

    fn failed(&self, world: &Arc<World>, call: &Call, reply: &Reply) {
        api::store(world, call, reply);
    }

    fn begun(&self, world: &Arc<World>, call: &Call) {
        if let Some(key) = api::key_of(call) {
            lock(&world.stripe).running.insert(key.to_owned());
        }
    }

    fn over(&self, world: &Arc<World>, call: &Call) {
        if let Some(key) = api::key_of(call) {
            lock(&world.stripe).running.remove(key);
        }
    }
}

impl Stripe {
    /// An account with a product and two prices.
    pub(crate) fn new(credentials: &Credentials, webhook: Option<String>, now: i64) -> Self {
        let mut state = Self { event_version: API_VERSION.to_owned(), ..Self::default() };
        if let Some(url) = webhook {
            state.put("webhook_endpoints", endpoints::endpoint(&url, &credentials.stripe_webhook_secret, now));
        }
        let product = objects::product(&Stripe::fresh("prod_"), "nginx お試し環境", now);
        let product_id = product["id"].as_str().unwrap_or_default().to_owned();
        state.put("products", product);
        for (id, amount, days) in
            [(&credentials.stripe_price_nginx_7d, 500, 7), (&credentials.stripe_price_nginx_14d, 900, 14)]
        {
            state.put("prices", objects::price(id, &product_id, (amount, "jpy"), ("day", days), now));
        }
        state
    }

    fn fresh(prefix: &str) -> String {
        format!("{prefix}{}", objects::random(24))
    }

    fn put(&mut self, table: &'static str, mut object: Value) {
        object["_put_ms"] = json!(crate::clock::real_millis());
        self.tables.entry(table).or_default().push(object);
    }

    fn table(&self, table: &str) -> &[Value] {
        self.tables.get(table).map_or(&[], Vec::as_slice)
    }

    fn find(&self, id: &str) -> Option<&Value> {
        let table = objects::table_of(id)?;
        self.table(table).iter().rev().find(|object| object["id"] == id)
    }

    fn find_mut(&mut self, id: &str) -> Option<&mut Value> {
        let table = objects::table_of(id)?;
        self.tables.get_mut(table)?.iter_mut().rev().find(|object| object["id"] == id)
    }
}

/// Tells where the payment pages stand.
pub(crate) fn set_base(world: &World, base: &str) {
    base.clone_into(&mut lock(&world.stripe).base);
}

/// Lets sessions lapse, periods end and drafts be charged, in the order they fall due.
pub(crate) fn advance(world: &Arc<World>) {
    let now = world.clock.now();
    let mut state = lock(&world.stripe);
    while periods::next_due(&mut state, now) {}
}

/// Puts paid subscriptions there.
pub(crate) fn seed(world: &World, given: &Value) -> Result<(), String> {
    planted::seed(&mut lock(&world.stripe), given, world.clock.now())
}

/// What the control API shows.
pub(crate) fn show(world: &World) -> Value {
    let state = lock(&world.stripe);
    let shown = |table: &str| state.table(table).iter().map(lists::view).collect::<Vec<_>>();
    json!({
        "checkout_sessions": shown("checkout_sessions"), "subscriptions": shown("subscriptions"),
        "customers": shown("customers"), "invoices": shown("invoices"), "refunds": shown("refunds"),
        "payment_intents": shown("payment_intents"), "charges": shown("charges"), "disputes": shown("disputes"),
        "invoice_payments": shown("invoice_payments"),
        "events": shown("events"), "deliveries": state.delivered,
    })
}
