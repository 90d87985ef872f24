//! The real adapter, put to the contract of `Billing` against an imitated Stripe.

#![expect(clippy::unwrap_used, reason = "a test that panics says what it lacks")]

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value, json};
use tamesuke_domain::checkout::Checkout;
use tamesuke_domain::contract::billing::{BillingWorld, check};
use tamesuke_domain::ids::{PriceId, SubscriptionId};
use tamesuke_domain::instance::Instance;
use tamesuke_domain::ports::{System, Witness};
use tamesuke_domain::time::Timestamp;
use tamesuke_domain::trial::Subscription;
use tamesuke_sandbox::{Addresses, Options};
use tamesuke_stripe::{Client, Connection, Stripe};

struct Nobody;

impl Witness for Nobody {
    fn answered(&self, _system: System) {}
    fn failed(&self, _system: System) {}
    fn stripe_date(&self, _date: Timestamp) {}
}

struct World {
    addresses: Addresses,
    http: reqwest::Client,
}

impl World {
    async fn control(&self, method: reqwest::Method, path: &str) -> Value {
        self.control_with(method, path, &json!({})).await
    }

    async fn control_with(&self, method: reqwest::Method, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.addresses.control);
        let answer = self.http.request(method, url).json(body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}");
        answer.json().await.unwrap()
    }

    /// The payment of the subscription's newest invoice.
    async fn payment(&self, subscription: &Subscription) -> String {
        let state = self.control(reqwest::Method::GET, "/state/stripe").await;
        let invoice = subscription.invoice.as_ref().unwrap().id.as_str();
        let links = state["invoice_payments"].as_array().unwrap();
        let link = links.iter().find(|link| link["invoice"] == invoice).unwrap();
        link["payment"]["payment_intent"].as_str().unwrap().to_owned()
    }
}

fn instance() -> Instance {
    Instance::new("zone", "persys.jp")
}

#[async_trait]
impl BillingWorld for World {
    fn instance(&self) -> Instance {
        instance()
    }

    fn price(&self) -> PriceId {
        self.addresses.credentials.stripe_price_nginx_7d.parse().unwrap()
    }

    async fn now(&self) -> Timestamp {
        let clock = self.control(reqwest::Method::GET, "/state/clock").await;
        Timestamp::from_unix(clock["now"].as_i64().unwrap())
    }

    async fn pay(&self, checkout: &Checkout) -> SubscriptionId {
        let url = checkout.url.as_ref().unwrap();
        let page = self.http.get(url).send().await.unwrap().text().await.unwrap();
        assert!(
            page.contains("一度だけ") && page.contains("You pay this once"),
            "the page speaks of a subscription alone"
        );
        let form = [("card", "4242 4242 4242 4242")];
        let answer = self.http.post(url).form(&form).send().await.unwrap();
        assert_eq!(answer.status().as_u16(), 303, "the page takes the card");
        let state = self.control(reqwest::Method::GET, "/state/stripe").await;
        let sessions = state["checkout_sessions"].as_array().unwrap();
        let paid = sessions.iter().find(|session| session["id"] == checkout.id.as_str()).unwrap();
        paid["subscription"].as_str().unwrap().parse().unwrap()
    }

    async fn minutes_pass(&self) {
        self.control_with(reqwest::Method::POST, "/clock/jump", &json!({"seconds": 300})).await;
    }

    async fn dispute(&self, subscription: &Subscription) {
        let payment = self.payment(subscription).await;
        self.control(reqwest::Method::POST, &format!("/stripe/payments/{payment}/dispute")).await;
    }

    async fn settle_dispute(&self, subscription: &Subscription) {
        let payment = self.payment(subscription).await;
        self.control(reqwest::Method::POST, &format!("/stripe/payments/{payment}/dispute/close")).await;
    }

    async fn refund_by_hand(&self, subscription: &Subscription, amount_minor: i64) -> bool {
        let form = [("payment_intent", self.payment(subscription).await), ("amount", amount_minor.to_string())];
        let url = format!("{}/v1/refunds", self.addresses.stripe);
        let key = &self.addresses.credentials.stripe_secret_key;
        let answer = self.http.post(url).bearer_auth(key).form(&form).send().await.unwrap();
        assert!(answer.status().is_success(), "the dashboard refunds a part");
        true
    }

    async fn given_back_minor(&self, subscription: &Subscription) -> i64 {
        let payment = self.payment(subscription).await;
        let state = self.control(reqwest::Method::GET, "/state/stripe").await;
        let charges = state["charges"].as_array().unwrap();
        let charge = charges.iter().find(|charge| charge["payment_intent"] == payment.as_str()).unwrap();
        charge["amount_refunded"].as_i64().unwrap()
    }

    async fn delete_customer(&self, subscription: &Subscription) {
        self.control(reqwest::Method::DELETE, &format!("/stripe/customers/{}", subscription.customer.id)).await;
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_adapter_keeps_the_contract_of_billing() {
    let sandbox = tamesuke_sandbox::start(Options::default()).await.unwrap();
    let addresses = sandbox.addresses.clone();
    let http = reqwest::Client::builder().no_proxy().redirect(reqwest::redirect::Policy::none()).build().unwrap();
    let connection = Connection {
        base: addresses.stripe.parse().unwrap(),
        key: addresses.credentials.stripe_secret_key.clone().into(),
        timeout: Duration::from_secs(10),
    };
    let stripe = Stripe::new(Client::new(http.clone(), connection, Arc::new(Nobody)), instance());
    let world = World { addresses, http };
    let record = std::env::var_os("TAMESUKE_EXCHANGES").map(std::path::PathBuf::from);
    if record.is_some() {
        let url = format!("{}/settings", world.addresses.control);
        world.http.put(url).json(&json!({"keep_answers": true})).send().await.unwrap();
    }
    check(&stripe, &world).await;
    if let Some(dir) = record {
        // What this adapter asked is held against public schemas elsewhere.
        let exchanges = world.control(reqwest::Method::GET, "/requests").await;
        std::fs::write(dir.join("stripe-adapter.json"), exchanges.to_string()).unwrap();
    }
    sandbox.stop().await;
}
