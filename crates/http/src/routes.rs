//! The handlers: parse, call one use case, map. All calls are listed here once; `openapi` describes
//! the same ones, which a test compares.

pub(crate) mod catalog;
pub(crate) mod checkout;
pub(crate) mod health;
pub(crate) mod openapi;
pub(crate) mod pages;
pub(crate) mod subdomain;
pub(crate) mod trial;
pub(crate) mod webhook;

use actix_web::{HttpRequest, Resource, Route, guard, web};

use crate::problem::Problem;

/// How a call is made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Reads; HEAD gives the same without the body.
    Get,
    /// Reads something that goes on; HEAD would wait for nothing.
    Stream,
    /// Writes.
    Post,
}

/// One call of the API.
pub(crate) struct Call {
    pub(crate) path: &'static str,
    pub(crate) kind: Kind,
    route: Route,
}

impl Call {
    fn new(path: &'static str, kind: Kind, route: Route) -> Self {
        let route = match kind {
            Kind::Get => route.guard(guard::Any(guard::Get()).or(guard::Head())),
            Kind::Stream => route.guard(guard::Get()),
            Kind::Post => route.guard(guard::Post()),
        };
        Self { path, kind, route }
    }

    /// The call, and a refusal of every other method.
    pub(crate) fn resource(self) -> Resource {
        let allow = match self.kind {
            Kind::Get => "GET, HEAD",
            Kind::Stream => "GET",
            Kind::Post => "POST",
        };
        let refuse = move |request: HttpRequest| async move {
            Err::<&'static str, _>(Problem::method(allow).in_language_of(&request))
        };
        web::resource(self.path).route(self.route).default_service(web::to(refuse))
    }
}

/// Every call, pages aside.
pub(crate) fn all() -> Vec<Call> {
    vec![
        Call::new("/health", Kind::Get, web::to(health::health)),
        Call::new("/webhook/stripe", Kind::Post, web::to(webhook::webhook)),
        Call::new("/api/check-subdomain", Kind::Get, web::to(subdomain::check)),
        Call::new("/api/catalog", Kind::Get, web::to(catalog::catalog)),
        Call::new("/api/create-checkout", Kind::Post, web::to(checkout::create)),
        Call::new("/api/checkout/release", Kind::Post, web::to(checkout::release)),
        Call::new("/api/trials/{id}", Kind::Get, web::to(trial::trial)),
        Call::new("/api/trials/{id}/events", Kind::Stream, web::to(trial::events)),
        Call::new("/api/openapi.json", Kind::Get, web::to(openapi::description)),
    ]
}
