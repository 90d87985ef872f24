//! The application: its state, its routes in one place, and what every answer carries.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use tamesuke_domain::checkout::OPEN_SECS;
use tamesuke_domain::ports::{EventHint, System};
use tamesuke_engine::Engine;

use crate::body::LargeBodies;
use crate::limits::{Limit, Streams};
use crate::problem::Problem;
use crate::routes;

/// Why a webhook is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rejection {
    /// The signature does not prove it.
    Signature,
    /// The stamp is too far off.
    Stale,
    /// The body is no event.
    Body,
}

/// Proves webhooks.
pub trait WebhookProof: Send + Sync {
    /// The hint in a proven body; none where it does not concern us.
    fn prove(&self, header: &str, body: &[u8]) -> Result<Option<EventHint>, Rejection>;
}

/// Knows when outside systems last answered.
pub trait Outside: Send + Sync {
    /// How long ago each system last answered, in [`System::ALL`]'s order; none where it has not yet.
    fn last_answers(&self) -> [Option<Duration>; System::ALL.len()];
    /// From the first to the last failure of each system since it last answered, in the same order; none where
    /// the last try did not fail.
    fn failing(&self) -> [Option<Duration>; System::ALL.len()];
    /// How far the local clock is from Stripe's, in seconds, where that is known.
    fn clock_off_secs(&self) -> Option<i64>;
}

/// The operator's own pages that customers are led to, each where there is one.
#[derive(Debug, Clone, Default)]
pub struct OperatorPages {
    /// What the law on mail-order sales asks for.
    pub legal: Option<String>,
    /// The terms of use.
    pub terms: Option<String>,
    /// The privacy policy.
    pub privacy: Option<String>,
}

/// The operator's settings of the web side.
#[derive(Debug, Clone)]
pub struct WebSettings {
    /// Whether the form is reached over HTTPS: decides the cookie's name and its `Secure`.
    pub https: bool,
    /// Proxies that are believed about visitors.
    pub trusted_proxies: Vec<IpAddr>,
    /// Orders a minute from one visitor; 0 is no limit.
    pub orders_per_minute: u32,
    /// Payment pages given to one visitor while an unpaid one keeps its room ([`OPEN_SECS`]); 0 is no limit.
    pub orders_per_reservation: u32,
    /// Other calls a minute from one visitor; 0 is no limit.
    pub calls_per_minute: u32,
    /// Streams of events open at once, of all visitors together.
    pub streams_max: usize,
    /// How long a body may take to arrive.
    pub body_time_max: Duration,
    /// Where people get help.
    pub support_contact: Option<String>,
    /// The operator's own pages.
    pub pages: OperatorPages,
    /// The service domain.
    pub service_domain: String,
    /// This program's version.
    pub version: &'static str,
}

/// The state that handlers share.
pub struct Web {
    pub(crate) engine: Arc<Engine>,
    pub(crate) proof: Arc<dyn WebhookProof>,
    pub(crate) outside: Arc<dyn Outside>,
    pub(crate) settings: WebSettings,
    pub(crate) orders: Limit,
    pub(crate) reservations: Limit,
    pub(crate) calls: Limit,
    pub(crate) streams: Arc<Streams>,
    pub(crate) large_bodies: LargeBodies,
    pub(crate) started: std::time::Instant,
    pub(crate) health: routes::health::Kept,
}

impl Web {
    /// The state over an engine.
    pub fn new(
        engine: Arc<Engine>,
        proof: Arc<dyn WebhookProof>,
        outside: Arc<dyn Outside>,
        settings: WebSettings,
    ) -> Self {
        Self {
            orders: Limit::per_minute(settings.orders_per_minute),
            reservations: Limit::new(settings.orders_per_reservation, Duration::from_secs(OPEN_SECS.unsigned_abs())),
            calls: Limit::per_minute(settings.calls_per_minute),
            streams: Streams::new(settings.streams_max),
            large_bodies: LargeBodies::default(),
            engine,
            proof,
            outside,
            settings,
            started: std::time::Instant::now(),
            health: routes::health::Kept::default(),
        }
    }
}

/// Adds all routes to an application.
pub fn configure(web: web::Data<Web>) -> impl FnOnce(&mut web::ServiceConfig) {
    move |config| {
        config
            .app_data(web)
            .app_data(web::QueryConfig::default().error_handler(|_, request| {
                Problem::query("each name once, as name=value").in_language_of(request).into()
            }))
            .app_data(
                web::PathConfig::default()
                    .error_handler(|_, request| Problem::not_found().in_language_of(request).into()),
            );
        for call in routes::all() {
            config.service(call.resource());
        }
        config.default_service(web::to(routes::pages::page));
    }
}
