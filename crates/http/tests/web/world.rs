//! The web side over real TCP, with next to nothing outside: Stripe keeps payment pages and shows three
//! sessions of its own, there is room, and every other outside system is out of reach, for what is tested
//! here never gets that far.

use std::net::{SocketAddr, TcpListener};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use actix_web::web::Data;
use async_trait::async_trait;
use tamesuke_domain::action::{EndBy, Repair};
use tamesuke_domain::catalog::{ApplicationId, Catalog, CatalogFile, Days};
use tamesuke_domain::checkout::{Checkout, CheckoutStatus, Expired, NewCheckout, SeenCheckout};
use tamesuke_domain::ids::{CheckoutId, PriceId, SubscriptionId, TunnelId, Vmid};
use tamesuke_domain::instance::Instance;
use tamesuke_domain::look::{Policy, RunView};
use tamesuke_domain::metadata::{Metadata, key};
use tamesuke_domain::money::Money;
use tamesuke_domain::parts::{Part, Scene, VmidRange};
use tamesuke_domain::ports::{
    Billing, Clock, Delivery, Entropy, EventHint, Fault, Inventory, Lease, Letter, Listing, Mailer, Note, Price,
    Provisioner, RefundOutcome, Removal, Role, RunOrder, SubscriptionPage, Subscriptions, System,
};
use tamesuke_domain::subdomain::Subdomain;
use tamesuke_domain::time::{Monotonic, Timestamp};
use tamesuke_domain::trial::{Customer, Subscription, Trial};
use tamesuke_engine::{Engine, Ports, Settings};
use tamesuke_http::{OperatorPages, Outside, Rejection, ServerSettings, Web, WebSettings, WebhookProof};

use crate::client::PATIENCE;

/// How long heads and bodies may take here.
pub(crate) const REQUEST_TIME_MAX: Duration = Duration::from_millis(1_500);

/// How long a request may go without any answer here.
pub(crate) const STALL_TIME_MAX: Duration = Duration::from_secs(3);

fn away(system: System) -> Fault {
    Fault::Retryable { system, operation: "answer", retry_after: None, cause: "there is nobody".into() }
}

/// Payment pages given to one visitor here while an unpaid one keeps its room.
pub(crate) const RESERVATIONS_MAX: u32 = 3;

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
    /// How often Stripe was asked for a session.
    pub(crate) fn asked(&self, session: &str) -> usize {
        self.asked.lock().unwrap().iter().filter(|asked| asked.starts_with(session)).count()
    }
}

fn session(id: &CheckoutId, status: CheckoutStatus) -> SeenCheckout {
    let instance = settings().instance.as_str().to_owned();
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
            (key::INSTANCE.to_owned(), instance),
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

fn settings() -> Settings {
    let vmid = |number: u64| Vmid::try_from(number).unwrap();
    Settings {
        instance: Instance::new("zone", "persys.jp"),
        catalog: Catalog::default(),
        prices: std::collections::BTreeMap::new(),
        policy: Policy::new(VmidRange { first: vmid(9000), last: vmid(9999) }),
        success_url: String::new(),
        cancel_url: String::new(),
        trial_url: "https://{subdomain}.persys.jp".to_owned(),
        workers: 1,
        poll_every: Duration::from_secs(60),
        resync_every: Duration::from_secs(600),
        backoff_max: Duration::from_secs(60),
        queue_max: 10,
        drain_max: Duration::from_secs(1),
    }
}

/// Sells nginx for 7 days.
fn with_nginx(mut settings: Settings) -> Settings {
    let words = serde_json::json!({"ja": "nginx", "en": "nginx"});
    let entry = serde_json::json!({"id": "nginx", "name": words, "description": words, "available": true, "template": 8011, "port": 80, "periods": [7]});
    let file: CatalogFile = serde_json::from_value(serde_json::json!({"application": [entry]})).unwrap();
    settings.catalog = Catalog::new(file).unwrap();
    let period: (ApplicationId, Days) = ("nginx".parse().unwrap(), Days::new(7).unwrap());
    settings.prices.insert(period, "price_7".parse().unwrap());
    settings
}

fn web_settings() -> WebSettings {
    WebSettings {
        https: false,
        trusted_proxies: vec![[127, 0, 0, 1].into()],
        orders_per_minute: 0,
        orders_per_reservation: RESERVATIONS_MAX,
        calls_per_minute: 0,
        streams_max: 64,
        body_time_max: REQUEST_TIME_MAX,
        support_contact: None,
        pages: OperatorPages::default(),
        service_domain: "persys.jp".to_owned(),
        version: "0",
    }
}

/// Serves until the test's runtime ends, an empty catalogue; gives where, once the first listing is in.
pub(crate) async fn serve() -> SocketAddr {
    serve_as(settings(), web_settings(), STALL_TIME_MAX).await.0
}

/// The same, with those outside, and limits of time that no test reaches.
pub(crate) async fn serve_patiently() -> (SocketAddr, Arc<Nobody>) {
    serve_as(settings(), WebSettings { body_time_max: PATIENCE, ..web_settings() }, PATIENCE).await
}

/// The same as [`serve`] with something to sell, to anybody as often as they like.
pub(crate) async fn serve_nginx() -> SocketAddr {
    serve_with_pages(OperatorPages::default()).await
}

/// The same, and a visitor may order [`RESERVATIONS_MAX`] times.
pub(crate) async fn serve_nginx_to_few() -> SocketAddr {
    serve_as(with_nginx(settings()), web_settings(), STALL_TIME_MAX).await.0
}

/// The same as [`serve_nginx`], and the operator has pages of his own.
pub(crate) async fn serve_with_pages(pages: OperatorPages) -> SocketAddr {
    let web = WebSettings { pages, orders_per_reservation: 0, ..web_settings() };
    serve_as(with_nginx(settings()), web, STALL_TIME_MAX).await.0
}

async fn serve_as(settings: Settings, web: WebSettings, stall_time_max: Duration) -> (SocketAddr, Arc<Nobody>) {
    let request_time_max = web.body_time_max;
    let nobody = Arc::new(Nobody {
        began: tokio::time::Instant::now(),
        sessions: Mutex::default(),
        asked: Mutex::default(),
        slow: tokio::sync::Semaphore::new(0),
    });
    let ports = Ports {
        billing: nobody.clone(),
        provisioner: nobody.clone(),
        inventory: nobody.clone(),
        mailer: nobody.clone(),
        clock: nobody.clone(),
        entropy: nobody.clone(),
        lease: nobody.clone(),
    };
    let engine = Arc::new(Engine::new(settings, ports));
    let state = Data::new(Web::new(engine.clone(), nobody.clone(), nobody.clone(), web));
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let limits = ServerSettings { workers: 1, connections_max: 256, head_time_max: request_time_max, stall_time_max };
    actix_web::rt::spawn(tamesuke_http::serve(listener, state, limits).unwrap());
    let works = engine.clone();
    actix_web::rt::spawn(async move {
        works.run(std::future::pending()).await;
    });
    while !engine.health().resynced {
        tokio::task::yield_now().await;
    }
    (address, nobody)
}
