//! `GET /api/check-subdomain`: answered from memory alone.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use serde::{Deserialize, Serialize};
use tamesuke_domain::subdomain::{Subdomain, SubdomainError};
use tamesuke_engine::signup::Availability;
use utoipa::{IntoParams, ToSchema};

use crate::app::Web;
use crate::language::Language;
use crate::problem::{Body, Code, Problem, why_unavailable};

#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(crate) struct Query {
    /// 1 to 12 of `a-z 0-9 -`; no hyphen first, last, or at places 3 and 4 together.
    // One that is missing is told like one that is empty: with the field's own code.
    #[serde(default)]
    #[param(required = true, max_length = 12, pattern = "^[a-z0-9](?:[a-z0-9-]{0,10}[a-z0-9])?$", example = "acme")]
    subdomain: String,
}

/// Whether a name can be had.
#[derive(Serialize, ToSchema)]
#[schema(as = Availability)]
pub(crate) struct Answer<'a> {
    available: bool,
    /// The name that was asked about.
    subdomain: &'a str,
    /// Why it can't be had: `subdomain_taken`, `subdomain_leaving` or `subdomain_reserved`.
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<Code>,
    /// The same for people.
    #[serde(skip_serializing_if = "Option::is_none")]
    detail: Option<String>,
    /// Seconds after which to ask again.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    /// When somebody's payment page lapses, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
}

/// A malformed name, with what would be right.
pub(crate) fn malformed(error: &SubdomainError) -> Problem {
    let (ja, en) = match error {
        SubdomainError::Empty => ("アドレスを入力してください。".to_owned(), "Please enter an address.".to_owned()),
        SubdomainError::TooLong { length } => (
            format!("アドレスは12文字までです（{length}文字あります）。"),
            format!("An address has at most 12 characters; this one has {length}."),
        ),
        SubdomainError::Character { found, place } => {
            let found = found.escape_debug();
            (
                format!("{place}文字目の「{found}」は使えません。半角の英小文字、数字、ハイフンが使えます。"),
                format!("Character {place}, “{found}”, cannot be used. Only a–z, 0–9 and hyphen can."),
            )
        }
        SubdomainError::HyphenAtEnd => (
            "最初と最後にハイフンは使えません。".to_owned(),
            "An address cannot begin or end with a hyphen.".to_owned(),
        ),
        SubdomainError::HyphensAtThreeAndFour => (
            "3文字目と4文字目に続けてハイフンは使えません。".to_owned(),
            "The third and fourth character cannot both be hyphens.".to_owned(),
        ),
    };
    Problem::new(StatusCode::BAD_REQUEST, Code::SubdomainMalformed, &ja, &en).field("subdomain")
}

#[utoipa::path(
    get,
    path = "/api/check-subdomain",
    tag = "order",
    params(Query),
    responses(
        (status = 200, description = "Whether the name can be had.", body = Answer),
        (status = 400, description = "`subdomain_malformed` or `query_malformed`", body = Body),
        (status = 429, description = "`too_many_requests`", body = Body),
        (status = 503, description = "`not_ready`: the index of names is not filled yet.", body = Body),
    )
)]
pub(crate) async fn check(
    request: HttpRequest,
    query: web::Query<Query>,
    web: web::Data<Web>,
) -> Result<HttpResponse, Problem> {
    let told = |problem: Problem| problem.in_language_of(&request);
    web.calls.admit(&request, &web.settings.trusted_proxies).map_err(told)?;
    let name: Subdomain = query.subdomain.parse().map_err(|error| told(malformed(&error)))?;
    let availability = web.engine.availability(&name).map_err(|error| told(Problem::from(error)))?;
    let why = why_unavailable(availability);
    let (retry_after, until) = match availability {
        Availability::Leaving { retry_after_secs } => (Some(retry_after_secs), None),
        Availability::Reserved { until } => (None, Some(until.as_unix())),
        Availability::Free | Availability::Taken => (None, None),
    };
    Ok(HttpResponse::Ok().json(Answer {
        available: why.is_none(),
        subdomain: name.as_str(),
        reason: why.as_ref().map(Problem::code),
        detail: why.as_ref().map(|why| why.detail(Language::of_request(&request)).to_owned()),
        retry_after,
        until,
    }))
}
