//! Sends requests to Stripe and says of every failure whether it may have happened.

use std::sync::Arc;
use std::time::Duration;

use reqwest::header::{HeaderMap, RETRY_AFTER};
use secrecy::{ExposeSecret, SecretString};
use serde::de::DeserializeOwned;
use stripe_client_core::{RequestBuilder, StripeMethod};
use tamesuke_domain::ports::{Cause, Fault, System, Witness};
use tamesuke_domain::time::Timestamp;
use tokio::time::Instant;
use url::Url;

use crate::error::{ApiError, Unreadable};
use crate::outage::Outage;
use crate::pace::Pace;

/// The API version our views and parameters are written for.
const API_VERSION: &str = "2026-09-30.endive";
/// A request is sent at most that often, always with the same bytes and key.
const SENDS_MAX: u32 = 3;
/// The longest `Retry-After` that is waited for within a call.
const RETRY_WAIT_MAX: Duration = Duration::from_secs(5);

/// Why a request was not sent.
const DOWN: &str = "it has given no useful answer for a while and is asked rarely until it does";

/// A number from 0 up to 1, so that many processes do not probe together.
fn chance() -> f64 {
    f64::from(uuid::Uuid::new_v4().as_fields().0) / f64::from(u32::MAX)
}

/// Where Stripe is and how to be let in.
#[derive(Debug, Clone)]
pub struct Connection {
    /// `https://api.stripe.com`, or a sandbox.
    pub base: Url,
    /// The secret key.
    pub key: SecretString,
    /// How long one send may take.
    pub timeout: Duration,
}

/// The client. Cheap to share by reference.
pub struct Client {
    http: reqwest::Client,
    connection: Connection,
    witness: Arc<dyn Witness>,
    pace: Pace,
    outage: Outage,
}

/// One request: what is tried, in words; the request; and the key that makes a repeat harmless.
pub(crate) struct Call {
    pub(crate) operation: &'static str,
    pub(crate) request: RequestBuilder,
    pub(crate) key: Option<String>,
}

enum Sent {
    Answer(Vec<u8>),
    /// A definite no that may be asked again at once or after a while.
    Again(ApiError, Option<Duration>),
    No(ApiError),
    Unclear(ApiError),
    /// The request did not get there.
    Unreached(reqwest::Error),
    /// It may have got there.
    Lost(reqwest::Error),
    /// It was not sent, for Stripe is down; it may be asked again after that.
    Withheld(Duration),
}

impl Client {
    /// A client on the shared HTTP client.
    pub fn new(http: reqwest::Client, connection: Connection, witness: Arc<dyn Witness>) -> Self {
        Self { http, connection, witness, pace: Pace::new(), outage: Outage::default() }
    }

    /// Sends a request and reads its answer.
    pub(crate) async fn send<T: DeserializeOwned>(&self, call: Call) -> Result<T, Fault> {
        let operation = call.operation;
        let writes = !matches!(call.request.method, StripeMethod::Get);
        let body = self.exchange(call).await?;
        serde_json::from_slice(&body).map_err(|error| unreadable(operation, writes, error))
    }

    async fn exchange(&self, call: Call) -> Result<Vec<u8>, Fault> {
        let Call { operation, request, key } = call;
        let writes = !matches!(request.method, StripeMethod::Get);
        let repeatable = !writes || key.is_some();
        let mut maybe_done = false;
        let mut sends = 1;
        loop {
            let sent = self.once(&request, key.as_deref()).await;
            if let Sent::Answer(body) = sent {
                return Ok(body);
            }
            maybe_done |= writes && matches!(sent, Sent::Lost(_));
            let (retry, fault) = judge(sent, operation, writes, maybe_done);
            match retry {
                Some(wait) if repeatable && sends < SENDS_MAX && wait <= RETRY_WAIT_MAX => {
                    sends += 1;
                    tokio::time::sleep(wait).await;
                }
                Some(_) | None => return Err(fault),
            }
        }
    }

    /// Sends a request once, unless Stripe is known to be down.
    async fn once(&self, request: &RequestBuilder, key: Option<&str>) -> Sent {
        if let Err(wait) = self.outage.ask(&request.path, Instant::now(), chance()) {
            return Sent::Withheld(wait);
        }
        let sent = self.send_once(request, key).await;
        match sent {
            Sent::Answer(_) | Sent::No(_) | Sent::Again(..) => self.outage.answered(&request.path),
            Sent::Unclear(_) | Sent::Unreached(_) | Sent::Lost(_) => {
                self.outage.failed(&request.path, Instant::now(), chance());
            }
            Sent::Withheld(_) => {}
        }
        sent
    }

    async fn send_once(&self, request: &RequestBuilder, key: Option<&str>) -> Sent {
        let _turn = self.pace.turn().await;
        let mut url = self.connection.base.clone();
        url.set_path(&format!("/v1{}", request.path));
        // A DELETE's parameters go in the query; a body on it is nowhere documented.
        let in_query = matches!(request.method, StripeMethod::Delete).then_some(request.body.as_deref()).flatten();
        url.set_query(request.query.as_deref().or(in_query));
        let builder = match request.method {
            StripeMethod::Get => self.http.get(url),
            StripeMethod::Post => self.http.post(url),
            StripeMethod::Delete => self.http.delete(url),
        };
        let mut builder = builder
            .timeout(self.connection.timeout)
            .bearer_auth(self.connection.key.expose_secret())
            .header("Stripe-Version", API_VERSION);
        if let Some(key) = key {
            builder = builder.header("Idempotency-Key", key);
        }
        if let Some(body) = request.body.as_ref().filter(|_| in_query.is_none()) {
            builder = builder.header("Content-Type", "application/x-www-form-urlencoded").body(body.clone());
        }
        let answer = match builder.send().await {
            Ok(answer) => answer,
            Err(error) if error.is_connect() || error.is_builder() => return Sent::Unreached(error),
            Err(error) => return Sent::Lost(error),
        };
        self.note(answer.headers());
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        match answer.bytes().await {
            Ok(body) if (200..300).contains(&status) => Sent::Answer(body.to_vec()),
            Ok(body) => sort(status, &headers, &body),
            Err(error) => Sent::Lost(error),
        }
    }

    fn note(&self, headers: &HeaderMap) {
        self.witness.answered(System::Stripe);
        let date = headers
            .get("date")
            .and_then(|date| date.to_str().ok())
            .and_then(|date| httpdate::parse_http_date(date).ok());
        let secs = date.and_then(|date| date.duration_since(std::time::UNIX_EPOCH).ok());
        if let Some(secs) = secs.and_then(|since| i64::try_from(since.as_secs()).ok()) {
            self.witness.stripe_date(Timestamp::from_unix(secs));
        }
    }
}

/// A success whose body is no such object. What was to be written may well have been.
fn unreadable(operation: &'static str, writes: bool, error: serde_json::Error) -> Fault {
    let cause: Cause = Box::new(Unreadable::Json(error));
    if writes {
        return Fault::Unknown { system: System::Stripe, operation, cause };
    }
    Fault::Retryable { system: System::Stripe, operation, retry_after: None, cause }
}

/// What a send that gave no answer means, and how long to wait before the same bytes may go again.
fn judge(sent: Sent, operation: &'static str, writes: bool, maybe_done: bool) -> (Option<Duration>, Fault) {
    let system = System::Stripe;
    let soon = Some(Duration::from_millis(500));
    let unknown = |cause: Cause| Fault::Unknown { system, operation, cause };
    let retryable = |retry_after, cause: Cause| Fault::Retryable { system, operation, retry_after, cause };
    match sent {
        Sent::Answer(_) => (None, retryable(None, "an answer is no failure".into())),
        // After a lost answer even a plain no may speak of the second copy only.
        Sent::No(error) if maybe_done => (None, unknown(error.into())),
        Sent::No(error) => (None, Fault::Refused { system, operation, cause: error.into() }),
        Sent::Unclear(error) if writes => (None, unknown(error.into())),
        Sent::Unclear(error) => (soon, retryable(None, error.into())),
        Sent::Again(error, after) if maybe_done => (after.or(soon), unknown(error.into())),
        Sent::Again(error, after) => (after.or(soon), retryable(after, error.into())),
        Sent::Withheld(_) if maybe_done => (None, unknown(DOWN.into())),
        Sent::Withheld(wait) => (None, retryable(Some(wait), DOWN.into())),
        Sent::Lost(error) | Sent::Unreached(error) if maybe_done => (soon, unknown(error.without_url().into())),
        Sent::Lost(error) | Sent::Unreached(error) => (soon, retryable(None, error.without_url().into())),
    }
}

/// Sorts an error answer by what may be done about it. Stripe stores and replays a 5xx under its
/// idempotency key, so the same bytes would only get the same answer.
fn sort(status: u16, headers: &HeaderMap, body: &[u8]) -> Sent {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let error = ApiError::read(status, body, text("request-id"));
    let retry_after = text(RETRY_AFTER.as_str()).and_then(|secs| secs.parse().ok()).map(Duration::from_secs);
    let should_not = text("stripe-should-retry") == Some("false");
    match status {
        409 | 424 | 429 if should_not => Sent::Again(error, Some(retry_after.unwrap_or(RETRY_WAIT_MAX * 2))),
        409 | 424 | 429 => Sent::Again(error, retry_after),
        500.. => Sent::Unclear(error),
        _ => Sent::No(error),
    }
}

/// Whether a refusal says that the object does not exist.
pub(crate) fn is_missing(fault: &Fault) -> bool {
    api_error(fault).is_some_and(ApiError::is_missing)
}

/// The error answer behind a fault, if there was one.
pub(crate) fn api_error(fault: &Fault) -> Option<&ApiError> {
    std::error::Error::source(fault).and_then(|cause| cause.downcast_ref::<ApiError>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_garbled_success_leaves_the_outcome_of_a_write_open() {
        let error = || serde_json::from_str::<u8>("<html>").unwrap_err();
        assert!(unreadable("refund", true, error()).is_unknown());
        assert!(!unreadable("read a session", false, error()).is_unknown());
    }
}
