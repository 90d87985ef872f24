//! The stable names of what can go wrong: what programs tell errors apart by.

use serde::Serialize;
use utoipa::ToSchema;

/// A stable name; never renamed, for callers compare it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Code {
    /// The body is no JSON of a form.
    BodyMalformed,
    /// The query does not read.
    QueryMalformed,
    /// The body did not come to its end in time.
    RequestTimeout,
    /// The body is larger than is read.
    TooLarge,
    /// No such page or call.
    NotFound,
    /// The call exists, but not with this method.
    MethodNotAllowed,
    /// Too many requests in a minute.
    TooManyRequests,
    /// The mail address does not read.
    EmailMalformed,
    /// The company's name does not read.
    CompanyNameMalformed,
    /// The subdomain does not read.
    SubdomainMalformed,
    /// Somebody has the subdomain, or nobody may.
    SubdomainTaken,
    /// What stood there before is being removed.
    SubdomainLeaving,
    /// Somebody is about to pay for it.
    SubdomainReserved,
    /// The order has been paid.
    AlreadyPaid,
    /// The application is not in the catalogue.
    ApplicationUnknown,
    /// The application can't be bought yet.
    ApplicationUnavailable,
    /// The application is not sold for that many days.
    PeriodNotSold,
    /// The order's number does not read.
    TrialMalformed,
    /// There is no such order.
    TrialUnknown,
    /// The index of names is not filled yet.
    NotReady,
    /// Another request for the subdomain is under way, or too many large ones are.
    Busy,
    /// There is no room for another trial.
    Full,
    /// Stripe can't be reached.
    StripeUnavailable,
    /// Cloudflare can't be reached.
    CloudflareUnavailable,
    /// Proxmox or what stands beside it can't be reached.
    ProxmoxUnavailable,
    /// No signature of ours on a webhook.
    SignatureInvalid,
    /// A webhook's stamp is too far off.
    TimestampStale,
}
