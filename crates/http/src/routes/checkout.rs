//! `POST /api/create-checkout` and `POST /api/checkout/release`.

use std::time::{Duration, Instant};

use actix_web::cookie::{Cookie, SameSite};
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use tamesuke_domain::order::Order;
use utoipa::ToSchema;

use crate::app::Web;
use crate::body;
use crate::form::Form;
use crate::problem::{Body, Problem};

/// What an order holds. Described as it should be sent; read by [`Form`], which names each fault's field.
#[derive(ToSchema)]
#[schema(as = Order)]
#[expect(dead_code, reason = "only its description is read")]
struct OrderShape {
    /// Where the mails go.
    #[schema(format = "email", max_length = 254, example = "taro@example.co.jp")]
    email: String,
    /// Who orders.
    #[schema(min_length = 1, max_length = 100, pattern = "^[^\\x00-\\x1f\\x7f-\\x9f]+$", example = "株式会社ためし")]
    company_name: String,
    /// The application's id in the catalogue.
    #[schema(pattern = "^[a-z0-9]{1,32}$", example = "nginx")]
    oss_type: String,
    /// A period of it in the catalogue.
    #[schema(minimum = 1, maximum = 365, example = 7)]
    duration_days: u16,
    /// The name wanted: no hyphen first, last, or at places 3 and 4 together.
    #[schema(max_length = 12, pattern = "^[a-z0-9](?:[a-z0-9-]{0,10}[a-z0-9])?$", example = "acme")]
    subdomain: String,
}

/// Where to pay.
#[derive(Serialize, ToSchema)]
#[schema(as = CheckoutPage)]
pub(crate) struct Created {
    /// Stripe's payment page. The name is kept while it is open.
    checkout_url: String,
    /// When that page lapses, in seconds since 1970; the same again for the same page.
    until: i64,
}

/// What a release holds: nothing. That it says to be JSON keeps other origins' pages from sending it.
#[derive(Deserialize, ToSchema)]
pub(crate) struct Release {}

/// Whether anything was given back.
#[derive(Serialize, ToSchema)]
pub(crate) struct Released {
    released: bool,
}

impl Web {
    fn cookie_name(&self) -> &'static str {
        // Browsers take the `__Host-` prefix only with `Secure`, hence only over HTTPS.
        if self.settings.https { "__Host-tmsk_form" } else { "tmsk_form" }
    }

    /// The browser's mark, or a new one.
    fn reference(&self, request: &HttpRequest) -> (String, bool) {
        let known = request.cookie(self.cookie_name()).map(|cookie| cookie.value().to_owned());
        match known.filter(|value| value.len() == 32 && value.bytes().all(|b| b.is_ascii_hexdigit())) {
            Some(value) => (value, false),
            None => (self.engine.random_key(), true),
        }
    }
}

#[utoipa::path(
    post,
    path = "/api/create-checkout",
    tag = "order",
    request_body = OrderShape,
    responses(
        (status = 200, description = "A payment page for it; the same again for the same order.", body = Created),
        (status = 400, description = "`body_malformed`, `email_malformed`, `company_name_malformed` or `subdomain_malformed`", body = Body),
        (status = 408, description = "`request_timeout`", body = Body),
        (status = 409, description = "`subdomain_taken`, `subdomain_leaving`, `subdomain_reserved` or `already_paid`", body = Body),
        (status = 413, description = "`too_large`", body = Body),
        (status = 422, description = "`application_unknown`, `application_unavailable` or `period_not_sold`", body = Body),
        (status = 429, description = "`too_many_requests`", body = Body),
        (status = 503, description = "`not_ready`, `busy`, `full`, or an outside system that is needed: `stripe_unavailable`, `cloudflare_unavailable`, `proxmox_unavailable`", body = Body),
    )
)]
pub(crate) async fn create(
    request: HttpRequest,
    payload: web::Payload,
    web: web::Data<Web>,
) -> Result<HttpResponse, Problem> {
    let began = Instant::now();
    let told = |problem: Problem| problem.in_language_of(&request);
    web.orders.admit(&request, &web.settings.trusted_proxies).map_err(told)?;
    let form: Form = body::json(&request, payload, &web).await?;
    let order = Order::try_from(form).map_err(told)?;
    // After the form has read: what is mistyped reserves nothing. Nor does what gets no page: who obeys
    // each `Retry-After` of an outage has all orders left when it is over.
    let counted = web.reservations.admit(&request, &web.settings.trusted_proxies).map_err(told)?;
    let (reference, is_new) = web.reference(&request);
    let page = match web.engine.sign_up(&order, &reference).await {
        Ok(page) => page,
        Err(error) => {
            counted.give_back();
            return Err(told(error.into()));
        }
    };
    let mut answer = HttpResponse::Ok();
    if is_new {
        let cookie = Cookie::build(web.cookie_name(), reference)
            .path("/")
            .http_only(true)
            .secure(web.settings.https)
            .same_site(SameSite::Lax)
            .finish();
        answer.cookie(cookie);
    }
    tracing::info!(subdomain = %order.subdomain, took_ms = millis(began.elapsed()), "a payment page was given for {}", order.subdomain);
    Ok(answer.json(Created { checkout_url: page.url, until: page.until.as_unix() }))
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

#[utoipa::path(
    post,
    path = "/api/checkout/release",
    tag = "order",
    request_body = Release,
    responses(
        (status = 200, description = "What this browser had reserved, if anything, is free again.", body = Released),
        (status = 400, description = "`body_malformed`: no JSON object, or `Content-Type` does not say so.", body = Body),
        (status = 408, description = "`request_timeout`", body = Body),
        (status = 409, description = "`already_paid`", body = Body),
        (status = 413, description = "`too_large`", body = Body),
        (status = 429, description = "`too_many_requests`", body = Body),
        (status = 503, description = "`stripe_unavailable`", body = Body),
    )
)]
pub(crate) async fn release(
    request: HttpRequest,
    payload: web::Payload,
    web: web::Data<Web>,
) -> Result<HttpResponse, Problem> {
    let told = |problem: Problem| problem.in_language_of(&request);
    web.orders.admit(&request, &web.settings.trusted_proxies).map_err(told)?;
    // A trial's own page is of the same site as the form, so the cookie comes with what it sends; but no
    // browser lets it send JSON here.
    let Release {} = body::json(&request, payload, &web).await?;
    let released = match request.cookie(web.cookie_name()) {
        Some(cookie) => web.engine.release(cookie.value()).await.map_err(|error| told(error.into()))?,
        None => false,
    };
    Ok(HttpResponse::Ok().json(Released { released }))
}
