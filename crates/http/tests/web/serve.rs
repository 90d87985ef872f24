//! The web side, served for a test by an engine of its own.

use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use actix_web::web::Data;
use tamesuke_domain::catalog::{ApplicationId, Catalog, CatalogFile, Days};
use tamesuke_domain::ids::Vmid;
use tamesuke_domain::look::Policy;
use tamesuke_domain::parts::VmidRange;
use tamesuke_engine::{Engine, Ports, Settings};
use tamesuke_http::{OperatorPages, ServerSettings, Web, WebSettings};

use crate::client::PATIENCE;
use crate::world::{Nobody, instance};

/// How long heads and bodies may take here.
pub(crate) const REQUEST_TIME_MAX: Duration = Duration::from_millis(1_500);
/// How long a request may go without any answer here.
pub(crate) const STALL_TIME_MAX: Duration = Duration::from_secs(3);
/// Payment pages given to one visitor here while an unpaid one keeps its room.
pub(crate) const RESERVATIONS_MAX: u32 = 3;

fn settings() -> Settings {
    let vmid = |number: u64| Vmid::try_from(number).unwrap();
    Settings {
        instance: instance(),
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
    let nobody = Arc::new(Nobody::new());
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
