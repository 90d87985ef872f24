//! `GET /api/catalog`: what is offered, for how much, and the rules of the form.

use actix_web::{HttpRequest, HttpResponse, web};
use serde::Serialize;
use tamesuke_domain::{checkout, order, subdomain};
use tamesuke_engine::offers::Offer;
use utoipa::ToSchema;

use crate::app::Web;
use crate::problem::{Body, Problem};

/// What can be bought.
#[derive(Serialize, ToSchema)]
pub(crate) struct Catalog<'a> {
    applications: Vec<Application<'a>>,
    rules: Rules,
    /// The domain that trials stand under.
    service_domain: &'a str,
    /// A trial's address; `{subdomain}` stands for its name.
    trial_url: &'a str,
    /// Where people get help: a mail address or a web page.
    support_contact: Option<&'a str>,
    /// The seller's page with what the law on mail-order sales asks for.
    legal_url: Option<&'a str>,
    /// The terms of use; who orders agrees to them.
    terms_url: Option<&'a str>,
    /// The privacy policy; who orders agrees to it.
    privacy_url: Option<&'a str>,
    /// How long a payment page stays open.
    checkout_minutes: i64,
}

#[derive(Serialize, ToSchema)]
struct Application<'a> {
    /// The `oss_type` of an order.
    id: &'a str,
    name: &'a str,
    name_ja: &'a str,
    description: Words<'a>,
    /// Whether it can be bought today.
    available: bool,
    periods: Vec<Period>,
}

#[derive(Serialize, ToSchema)]
struct Words<'a> {
    ja: &'a str,
    en: &'a str,
}

#[derive(Serialize, ToSchema)]
struct Period {
    /// The `duration_days` of an order.
    days: u16,
    /// None while Stripe can't be asked for it.
    price: Option<Price>,
}

#[derive(Serialize, ToSchema)]
struct Price {
    /// In the currency's smallest unit: yen, or cents.
    amount_minor: i64,
    /// Three lower-case letters.
    currency: String,
    /// As a plain decimal number.
    amount: String,
    /// For people.
    display: String,
}

/// The rules of an order's fields.
#[derive(Serialize, ToSchema)]
struct Rules {
    subdomain: SubdomainRule,
    company_name: LengthRule,
    email: LengthRule,
}

#[derive(Serialize, ToSchema)]
struct SubdomainRule {
    /// A regular expression; two hyphens at places 3 and 4 are refused besides.
    pattern: &'static str,
    length_max: usize,
}

#[derive(Serialize, ToSchema)]
struct LengthRule {
    length_max: usize,
}

#[utoipa::path(
    get,
    path = "/api/catalog",
    tag = "order",
    responses(
        (status = 200, description = "What can be bought.", body = Catalog),
        (status = 429, description = "`too_many_requests`", body = Body),
    )
)]
pub(crate) async fn catalog(request: HttpRequest, web: web::Data<Web>) -> Result<HttpResponse, Problem> {
    web.calls.admit(&request, &web.settings.trusted_proxies).map_err(|problem| problem.in_language_of(&request))?;
    let offers = web.engine.offers().await;
    let pages = &web.settings.pages;
    Ok(HttpResponse::Ok().insert_header(("Cache-Control", "no-store")).json(Catalog {
        applications: offers.iter().map(Application::of).collect(),
        rules: Rules {
            subdomain: SubdomainRule {
                pattern: "^[a-z0-9](?:[a-z0-9-]{0,10}[a-z0-9])?$",
                length_max: subdomain::LENGTH_MAX,
            },
            company_name: LengthRule { length_max: order::COMPANY_LENGTH_MAX },
            email: LengthRule { length_max: order::EMAIL_LENGTH_MAX },
        },
        service_domain: &web.settings.service_domain,
        trial_url: &web.engine.settings().trial_url,
        support_contact: web.settings.support_contact.as_deref(),
        legal_url: pages.legal.as_deref(),
        terms_url: pages.terms.as_deref(),
        privacy_url: pages.privacy.as_deref(),
        checkout_minutes: checkout::OPEN_SECS / 60,
    }))
}

impl<'a> Application<'a> {
    fn of(offer: &'a Offer) -> Self {
        let application = &offer.application;
        let periods: Vec<Period> = offer
            .periods
            .iter()
            .map(|(days, price)| Period { days: days.get(), price: price.as_ref().map(Price::of) })
            .collect();
        Self {
            id: application.id.as_str(),
            name: &application.name.en,
            name_ja: &application.name.ja,
            description: Words { ja: &application.description.ja, en: &application.description.en },
            available: application.available && !periods.is_empty(),
            periods,
        }
    }
}

impl Price {
    fn of(price: &tamesuke_domain::ports::Price) -> Self {
        let money = &price.money;
        Self {
            amount_minor: money.amount_minor,
            currency: money.currency.clone(),
            amount: money.amount(),
            display: money.to_string(),
        }
    }
}
