//! Refusals that no imitated Stripe gives by itself.

#![expect(clippy::unwrap_used, reason = "a test that panics says what it lacks")]

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;
use tamesuke_domain::action::EndBy;
use tamesuke_domain::checkout::{EmailRefused, Expired, NewCheckout};
use tamesuke_domain::instance::Instance;
use tamesuke_domain::ports::{Billing, System, Witness};
use tamesuke_domain::time::Timestamp;
use tamesuke_stripe::{Client, Connection, Stripe};
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

struct Nobody;

impl Witness for Nobody {
    fn answered(&self, _system: System) {}
    fn failed(&self, _system: System) {}
    fn stripe_date(&self, _date: Timestamp) {}
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

fn instance() -> Instance {
    Instance::new("zone", "persys.jp")
}

fn metadata() -> serde_json::Value {
    json!({"subdomain": "acme", "oss_type": "nginx", "duration_days": "7", "tmsk_inst": instance().as_str()})
}

#[tokio::test]
async fn a_session_that_is_still_open_is_not_called_free() {
    let server = MockServer::start().await;
    let session = json!({"id": "cs_test_1", "object": "checkout.session", "status": "open", "url": "https://x.example",
        "created": 1, "expires_at": 2, "metadata": metadata()});
    let error = json!({"error": {"type": "invalid_request_error", "message": "Invalid Stripe API version"}});
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(400).set_body_json(error)).mount(&server).await;
    Mock::given(method("GET"))
        .and(path("/v1/checkout/sessions/cs_test_1"))
        .respond_with(ResponseTemplate::new(200).set_body_json(session))
        .mount(&server)
        .await;
    let outcome: Result<Expired, _> = stripe(&server).expire_checkout(&"cs_test_1".parse().unwrap()).await;
    assert!(outcome.is_err_and(|fault| !fault.is_unknown()));
}

fn subscription(status: &str) -> serde_json::Value {
    json!({"id": "sub_1", "object": "subscription", "status": status, "created": 1, "start_date": 1,
        "cancel_at": null, "items": {"data": []}, "metadata": metadata(),
        "latest_invoice": {"id": "in_1", "billing_reason": "subscription_create", "status": "paid"},
        "customer": {"id": "cus_1", "email": "taro@example.jp", "name": null, "metadata": {}}})
}

#[tokio::test]
async fn a_write_whose_key_is_still_in_use_goes_again_with_the_same_key() {
    let server = MockServer::start().await;
    let in_use =
        json!({"error": {"type": "idempotency_error", "code": "idempotency_key_in_use", "message": "running"}});
    Mock::given(method("POST"))
        .respond_with(ResponseTemplate::new(409).set_body_json(in_use))
        .up_to_n_times(2)
        .mount(&server)
        .await;
    let done = ResponseTemplate::new(200).set_body_json(subscription("active"));
    Mock::given(method("POST")).respond_with(done).mount(&server).await;
    let shown = stripe(&server).set_end(&"sub_1".parse().unwrap(), EndBy::Period).await;
    assert!(shown.is_ok(), "{shown:?}");
    let sent = server.received_requests().await.unwrap();
    let keys: std::collections::BTreeSet<_> = sent.iter().map(|one| one.headers["idempotency-key"].clone()).collect();
    assert_eq!((sent.len(), keys.len()), (3, 1), "another key would do it twice");
}

#[tokio::test]
async fn a_long_retry_after_is_handed_on_and_nothing_is_sent_before() {
    let server = MockServer::start().await;
    let limited = json!({"error": {"type": "invalid_request_error", "code": "rate_limit", "message": "too many"}});
    let answer = ResponseTemplate::new(429).insert_header("Retry-After", "60").set_body_json(limited);
    Mock::given(method("POST")).respond_with(answer).expect(1).mount(&server).await;
    let refused = stripe(&server).set_end(&"sub_1".parse().unwrap(), EndBy::Period).await;
    assert_eq!(refused.unwrap_err().retry_after(), Some(Duration::from_secs(60)));
}

#[tokio::test]
async fn a_cancel_asks_for_what_it_reads_in_the_query() {
    let server = MockServer::start().await;
    let canceled = subscription("canceled");
    Mock::given(method("DELETE"))
        .and(path("/v1/subscriptions/sub_1"))
        .and(query_param("expand[0]", "customer"))
        .and(query_param("expand[1]", "latest_invoice"))
        .and(wiremock::matchers::body_string(""))
        .respond_with(ResponseTemplate::new(200).set_body_json(canceled))
        .expect(1)
        .mount(&server)
        .await;
    let shown = stripe(&server).cancel(&"sub_1".parse().unwrap()).await;
    assert!(shown.is_ok(), "{shown:?}");
}

#[tokio::test]
async fn an_address_that_stripe_refuses_is_told_from_other_refusals() {
    for (code, of_address) in [("email_invalid", true), ("parameter_missing", false)] {
        let server = MockServer::start().await;
        let error = json!({"error": {"type": "invalid_request_error", "code": code, "param": "customer_email",
            "message": "Invalid email address: taro@example.jp"}});
        Mock::given(method("POST")).respond_with(ResponseTemplate::new(400).set_body_json(error)).mount(&server).await;
        let order = NewCheckout {
            price: "price_1".parse().unwrap(),
            email: "taro@example.jp".parse().unwrap(),
            reference: None,
            metadata: tamesuke_domain::metadata::Metadata::new(),
            expires: Timestamp::from_unix(1),
            success_url: String::new(),
            cancel_url: String::new(),
            idempotency_key: "key".to_owned(),
        };
        let fault = stripe(&server).create_checkout(&order).await.unwrap_err();
        let cause = std::error::Error::source(&fault).unwrap();
        assert_eq!(cause.is::<EmailRefused>(), of_address, "{code}: {}", fault.chain());
        assert!(!fault.is_unknown() && fault.chain().contains(code));
    }
}
