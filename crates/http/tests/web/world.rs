//! Next to nothing outside: Stripe keeps payment pages and shows three sessions of its own, there is room,
//! and every other outside system is out of reach, for what is tested here never gets that far.

use std::sync::Mutex;
use std::time::Duration;

use async_trait::async_trait;
use tamesuke_domain::action::{EndBy, Repair};
use tamesuke_domain::checkout::{Checkout, CheckoutStatus, Expired, NewCheckout, SeenCheckout};
use tamesuke_domain::ids::{CheckoutId, PriceId, SubscriptionId, TunnelId};
use tamesuke_domain::instance::Instance;
use tamesuke_domain::look::RunView;
use tamesuke_domain::metadata::{Metadata, key};
use tamesuke_domain::money::Money;
use tamesuke_domain::parts::{Part, Scene};
use tamesuke_domain::ports::{
    Billing, Clock, Delivery, Entropy, EventHint, Fault, Inventory, Lease, Letter, Listing, Mailer, Note, Price,
    Provisioner, RefundOutcome, Removal, Role, RunOrder, SubscriptionPage, Subscriptions, System,
};
use tamesuke_domain::subdomain::Subdomain;
use tamesuke_domain::time::{Monotonic, Timestamp};
use tamesuke_domain::trial::{Customer, Subscription, Trial};
use tamesuke_http::{Outside, Rejection, WebhookProof};

fn away(system: System) -> Fault {
    Fault::Retryable { system, operation: "answer", retry_after: None, cause: "there is nobody".into() }
}

/// A session that can be paid.
pub(crate) const OPEN: &str = "cs_open";
/// One that lapsed.
pub(crate) const LAPSED: &str = "cs_lapsed";
/// Sessions of which Stripe tells nothing until it is let.
pub(crate) const SLOW: &str = "cs_slow";

pub(crate) struct Nobody {
    began: tokio::time::Instant,
    sessions: Mutex<Vec<Checkout>>,
    /// Sessions that were asked for, in order.
    asked: Mutex<Vec<String>>,
    /// One permit for each answer about a slow session.
    pub(crate) slow: tokio::sync::Semaphore,
}

impl Nobody {
    pub(crate) fn new() -> Self {
        Self {
            began: tokio::time::Instant::now(),
            sessions: Mutex::default(),
            asked: Mutex::default(),
            slow: tokio::sync::Semaphore::new(0),
        }
    }

    /// How often Stripe was asked for a session.
    pub(crate) fn asked(&self, session: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| asked.starts_with(session)).count()
    }
}

/// The installation that is served.
pub(crate) fn instance() -> Instance {
    Instance::new("zone", "persys.jp")
}

fn session(id: &CheckoutId, status: CheckoutStatus) -> SeenCheckout {
    let checkout = Checkout {
        id: id.clone(),
        status,
        url: None,
        created: Timestamp::from_unix(1_790_000_000),
        expires: Timestamp::from_unix(1_790_001_860),
        reference: None,
        email: None,
        subscription: None,
        metadata: Metadata::from([
            (key::SUBDOMAIN.to_owned(), "watched".to_owned()),
            (key::INSTANCE.to_owned(), instance().as_str().to_owned()),
        ]),
    };
    SeenCheckout { checkout, subscription: None }
}

/// By how much Stripe's pages lapse sooner than they were asked to: what counts is what Stripe shows.
const SOONER_SECS: i64 = 7;

#[async_trait]
impl Billing for Nobody {
    async fn price(&self, id: &PriceId) -> Result<Price, Fault> {
        let money = Money { amount_minor: 500, currency: "jpy".to_owned() };
        Ok(Price { id: id.clone(), money, days: Some(7), active: true })
    }
    async fn create_checkout(&self, wanted: &NewCheckout) -> Result<Checkout, Fault> {
        let mut sessions = self.sessions.lock().unwrap();
        let id = format!("cs_test_{}", sessions.len());
        let session = Checkout {
            url: Some(format!("https://pay.example/{id}")),
            id: id.parse().unwrap(),
            status: CheckoutStatus::Open,
            created: self.now(),
            expires: wanted.expires.plus_secs(-SOONER_SECS),
            reference: wanted.reference.clone(),
            email: Some(wanted.email.clone()),
            subscription: None,
            metadata: wanted.metadata.clone(),
        };
        sessions.push(session.clone());
        Ok(session)
    }
    async fn checkout(&self, id: &CheckoutId) -> Result<Option<SeenCheckout>, Fault> {
        self.asked.lock().unwrap().push(id.to_string());
        match id.as_str() {
            OPEN => Ok(Some(session(id, CheckoutStatus::Open))),
            LAPSED => Ok(Some(session(id, CheckoutStatus::Expired))),
            slow if slow.starts_with(SLOW) => {
                self.slow.acquire().await.unwrap().forget();
                Ok(None)
            }
            _ => Ok(None),
        }
    }
    async fn checkouts_since(&self, _: Timestamp) -> Result<Vec<Checkout>, Fault> {
        Ok(Vec::new())
    }
    async fn checkouts_after(&self, _: Option<&CheckoutId>, _: Timestamp) -> Result<Vec<Checkout>, Fault> {
        Ok(self.sessions.lock().unwrap().clone())
    }
    async fn expire_checkout(&self, id: &CheckoutId) -> Result<Expired, Fault> {
        let mut sessions = self.sessions.lock().unwrap();
        for session in sessions.iter_mut().filter(|session| session.id == *id) {
            session.status = CheckoutStatus::Expired;
        }
        Ok(Expired::Free)
    }
    async fn subscription(&self, _: &SubscriptionId) -> Result<Option<Subscription>, Fault> {
        Ok(None)
    }
    async fn subscriptions(&self, _: Subscriptions, _: Option<&SubscriptionId>) -> Result<SubscriptionPage, Fault> {
        Ok(SubscriptionPage::default())
    }
    async fn events_since(&self, _: Timestamp) -> Result<Vec<EventHint>, Fault> {
        Ok(Vec::new())
    }
    async fn open_disputes(&self, _: Timestamp) -> Result<Vec<EventHint>, Fault> {
        Ok(Vec::new())
    }
    async fn merge_metadata(&self, _: &SubscriptionId, _: &Metadata) -> Result<Subscription, Fault> {
        Err(away(System::Stripe))
    }
    async fn merge_customer_metadata(&self, _: &Customer, _: &Metadata) -> Result<Customer, Fault> {
        Err(away(System::Stripe))
    }
    async fn name_customer(&self, _: &Customer, _: &str) -> Result<Customer, Fault> {
        Err(away(System::Stripe))
    }
    async fn set_end(&self, _: &SubscriptionId, _: EndBy) -> Result<Subscription, Fault> {
        Err(away(System::Stripe))
    }
    async fn cancel(&self, _: &SubscriptionId) -> Result<Subscription, Fault> {
        Err(away(System::Stripe))
    }
    async fn refund(&self, _: &Subscription) -> Result<RefundOutcome, Fault> {
        Err(away(System::Stripe))
    }
}

#[async_trait]
impl Provisioner for Nobody {
    async fn start(&self, _: RunOrder) -> Result<(), Fault> {
        Err(away(System::Provisioner))
    }
    fn look(&self, _: &Subdomain) -> RunView {
        RunView::None
    }
    fn lane_busy(&self) -> bool {
        false
    }
    async fn stop(&self, _: &Subdomain) {}
    async fn stop_all(&self) {}
    async fn changed(&self) -> Subdomain {
        std::future::pending().await
    }
}

#[async_trait]
impl Inventory for Nobody {
    async fn look(&self, _: &Subdomain, _: &[Trial], _: Monotonic) -> Result<Scene, Fault> {
        Err(away(System::Proxmox))
    }
    async fn list(&self, _: Monotonic) -> Result<Listing, Fault> {
        Ok(Listing { free: 10, ..Listing::default() })
    }
    async fn answers(&self, _: &Subdomain) -> bool {
        false
    }
    async fn remove(&self, _: &Subdomain, _: &Part) -> Result<Removal, Fault> {
        Err(away(System::Proxmox))
    }
    async fn repair(&self, _: &Trial, _: &Repair) -> Result<(), Fault> {
        Err(away(System::Proxmox))
    }
    fn url(&self, name: &Subdomain, _: &TunnelId) -> String {
        format!("https://{name}.persys.jp")
    }
}

#[async_trait]
impl Mailer for Nobody {
    fn is_enabled(&self) -> bool {
        false
    }
    async fn send(&self, _: &Letter) -> Result<Delivery, Fault> {
        Err(away(System::Smtp))
    }
    async fn notify(&self, _: &Note) -> Result<Delivery, Fault> {
        Err(away(System::Smtp))
    }
}

#[async_trait]
impl Lease for Nobody {
    fn role(&self) -> Role {
        Role::Worker
    }
    async fn acquire(&self) {}
}

impl Entropy for Nobody {
    fn bits(&self) -> u64 {
        7
    }
}

#[async_trait]
impl Clock for Nobody {
    fn now(&self) -> Timestamp {
        Timestamp::from_unix(1_790_000_000)
    }
    fn monotonic(&self) -> Monotonic {
        Monotonic::from_start(self.began.elapsed())
    }
    async fn sleep_until(&self, moment: Monotonic) {
        tokio::time::sleep_until(self.began + moment.since_start()).await;
    }
    async fn jumped(&self) {
        std::future::pending::<()>().await;
    }
}

impl Outside for Nobody {
    fn last_answers(&self) -> [Option<Duration>; System::ALL.len()] {
        Default::default()
    }
    fn failing(&self) -> [Option<Duration>; System::ALL.len()] {
        Default::default()
    }
    fn clock_off_secs(&self) -> Option<i64> {
        None
    }
}

/// Takes the header `good` for a proof of JSON.
impl WebhookProof for Nobody {
    fn prove(&self, header: &str, body: &[u8]) -> Result<Option<EventHint>, Rejection> {
        if header != "good" {
            return Err(Rejection::Signature);
        }
        serde_json::from_slice::<serde_json::Value>(body).map(|_| None).map_err(|_| Rejection::Body)
    }
}
