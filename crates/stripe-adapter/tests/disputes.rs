//! Disputes that can't be led back to their trial yet, among other events.

#![expect(clippy::unwrap_used, reason = "a test that panics says what it lacks")]

use std::sync::Arc;
use std::time::Duration;

use serde_json::{Value, json};
use tamesuke_domain::instance::Instance;
use tamesuke_domain::ports::{Billing, EventHint, System, Witness};
use tamesuke_domain::time::Timestamp;
use tamesuke_stripe::{Client, Connection, Stripe};
use wiremock::matchers::{method, path};
use wiremock::{Mock, MockServer, ResponseTemplate};

struct Nobody;

impl Witness for Nobody {
    fn answered(&self, _system: System) {}
    fn stripe_date(&self, _date: Timestamp) {}
    fn failed(&self, _: System) {}
}

fn instance() -> Instance {
    Instance::new("zone", "persys.jp")
}

fn stripe(server: &MockServer) -> Stripe {
    let connection = Connection {
        base: server.uri().parse().unwrap(),
        key: "sk_test_x".to_owned().into(),
        timeout: Duration::from_secs(10),
    };
    // Set by whoever is first in this process; ring either way.
    let _known = rustls::crypto::ring::default_provider().install_default();
    let http = reqwest::Client::builder().no_proxy().build().unwrap();
    Stripe::new(Client::new(http, connection, Arc::new(Nobody)), instance())
}

fn owned(name: &str) -> Value {
    json!({"subdomain": name, "oss_type": "nginx", "duration_days": "7", "tmsk_inst": instance().as_str()})
}

fn sold(created: i64, name: &str) -> Value {
    json!({"id": format!("evt_{created}"), "type": "customer.subscription.created", "created": created,
        "data": {"object": {"id": format!("sub_{created}"), "object": "subscription", "metadata": owned(name)}}})
}

fn dispute(created: i64, payment: &str) -> Value {
    json!({"id": format!("evt_{created}"), "type": "charge.dispute.created", "created": created,
        "data": {"object": {"id": format!("du_{created}"), "object": "dispute", "payment_intent": payment}}})
}

fn list(data: &[Value]) -> Value {
    json!({"object": "list", "has_more": false, "data": data})
}

async fn answer(server: &MockServer, at: &str, answer: ResponseTemplate) {
    Mock::given(method("GET")).and(path(at)).respond_with(answer).mount(server).await;
}

fn ok(body: Value) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(body)
}

/// Newest first, as Stripe lists: a sale, a dispute, a sale.
async fn events(server: &MockServer) {
    let data = [sold(30, "after"), dispute(20, "pi_1"), sold(10, "before")];
    answer(server, "/v1/events", ok(list(&data))).await;
}

/// The way from the payment to its subscription.
async fn way(server: &MockServer, subscription: Value) {
    answer(server, "/v1/invoice_payments", ok(list(&[json!({"id": "inpay_1", "invoice": "in_1"})]))).await;
    let invoice = json!({"id": "in_1", "parent": {"subscription_details": {"subscription": "sub_1"}}});
    answer(server, "/v1/invoices/in_1", ok(invoice)).await;
    answer(server, "/v1/subscriptions/sub_1", ok(subscription)).await;
}

async fn told(stripe: &Stripe, since: i64) -> Vec<(String, bool)> {
    let hints = stripe.events_since(Timestamp::from_unix(since)).await.unwrap();
    let name = |hint: EventHint| (hint.subdomain.as_str().to_owned(), hint.disputed);
    hints.into_iter().map(name).collect()
}

fn said(name: &str, disputed: bool) -> (String, bool) {
    (name.to_owned(), disputed)
}

/// A fault is tried again after a minute.
async fn a_minute_passes() {
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(61)).await;
    tokio::time::resume();
}

#[tokio::test]
async fn a_dispute_that_cannot_be_followed_holds_up_nothing_and_is_told_of_later() {
    let server = MockServer::start().await;
    events(&server).await;
    answer(&server, "/v1/invoice_payments", ResponseTemplate::new(500)).await;
    let stripe = stripe(&server);
    assert_eq!(told(&stripe, 0).await, [said("before", false), said("after", false)], "the others are told of");

    server.reset().await;
    events(&server).await;
    way(&server, json!({"id": "sub_1", "metadata": owned("disputed")})).await;
    assert_eq!(told(&stripe, 0).await.len(), 2, "it is not tried at every poll");

    // The list does not reach back to it any more.
    server.reset().await;
    answer(&server, "/v1/events", ok(list(&[]))).await;
    way(&server, json!({"id": "sub_1", "metadata": owned("disputed")})).await;
    a_minute_passes().await;
    assert_eq!(told(&stripe, 1_000).await, [said("disputed", true)], "it is not lost");
    assert_eq!(told(&stripe, 1_000).await, [], "and told of once");
}

#[tokio::test]
async fn a_dispute_stands_between_what_was_before_and_after_it() {
    let server = MockServer::start().await;
    events(&server).await;
    way(&server, json!({"id": "sub_1", "metadata": owned("disputed")})).await;
    let stripe = stripe(&server);
    let expected = [said("before", false), said("disputed", true), said("after", false)];
    assert_eq!(told(&stripe, 0).await, expected);
    assert_eq!(told(&stripe, 0).await, expected, "a list that shows it again tells of it again");
    let asked = server.received_requests().await.unwrap();
    assert_eq!(asked.iter().filter(|one| one.url.path() == "/v1/subscriptions/sub_1").count(), 1, "followed once");
}

#[tokio::test]
async fn somebody_elses_dispute_is_none_of_ours_however_their_subscription_looks() {
    let server = MockServer::start().await;
    events(&server).await;
    let foreign = json!({"id": "sub_1", "status": "a_new_kind", "items": "folded", "metadata": null});
    way(&server, foreign).await;
    let stripe = stripe(&server);
    assert_eq!(told(&stripe, 0).await, [said("before", false), said("after", false)]);
    a_minute_passes().await;
    assert_eq!(told(&stripe, 0).await.len(), 2);
    let asked = server.received_requests().await.unwrap();
    assert_eq!(asked.iter().filter(|one| one.url.path() == "/v1/subscriptions/sub_1").count(), 1, "asked once");
}

#[tokio::test]
async fn somebody_elses_subscription_is_not_shown_however_it_looks() {
    let server = MockServer::start().await;
    let foreign = json!({"id": "sub_1", "object": "subscription", "status": "a_new_kind", "created": 1,
        "start_date": 1, "cancel_at": null, "items": {"data": []}, "metadata": {"shop": "shoes"},
        "latest_invoice": null, "customer": "cus_1"});
    answer(&server, "/v1/subscriptions/sub_1", ok(foreign)).await;
    assert_eq!(stripe(&server).subscription(&"sub_1".parse().unwrap()).await.unwrap(), None);
}

#[tokio::test]
async fn an_open_dispute_is_told_of_and_a_closed_one_is_not() {
    let server = MockServer::start().await;
    let closed = json!({"id": "evt_40", "type": "charge.dispute.closed", "created": 40,
        "data": {"object": {"id": "du_10", "object": "dispute", "payment_intent": "pi_2"}}});
    answer(&server, "/v1/events", ok(list(&[closed, dispute(20, "pi_1"), dispute(10, "pi_2")]))).await;
    way(&server, json!({"id": "sub_1", "metadata": owned("disputed")})).await;
    let open = stripe(&server).open_disputes(Timestamp::from_unix(0)).await.unwrap();
    assert_eq!(open.iter().map(|hint| hint.id.as_str()).collect::<Vec<_>>(), ["evt_20"]);
    let asked = server.received_requests().await.unwrap();
    let events = asked.iter().find(|one| one.url.path() == "/v1/events").unwrap();
    let types: Vec<_> = events.url.query_pairs().filter(|(key, _)| key.starts_with("types")).collect();
    assert_eq!(types.len(), 2, "nothing else of thirty days is listed: {types:?}");
}
