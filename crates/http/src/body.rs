//! Reading a request's body, bounded in size and in time: whoever sends too much or too slowly gets an
//! answer, and costs no more than the limit until then. actix itself has no limit of time for bodies.
//!
//! A bound on each body is none on all of them: thousands of callers with a mebibyte each would be more
//! memory than there is. So of large bodies only a few are read at once.

use std::time::Duration;

use actix_web::http::header::CONTENT_LENGTH;
use actix_web::web::{Bytes, BytesMut, Payload};
use actix_web::{HttpMessage as _, HttpRequest};
use futures_util::StreamExt as _;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use crate::app::Web;
use crate::problem::Problem;

/// Largest body of a form, in bytes.
pub(crate) const FORM_LENGTH_MAX: usize = 16 * 1024;
/// Largest body of a webhook, in bytes.
pub(crate) const WEBHOOK_LENGTH_MAX: usize = 1024 * 1024;
/// A body longer than that is a large one, in bytes. What Stripe tells us has a few KiB, so events are
/// hardly ever among those that must find a place.
const LARGE_FROM: usize = 32 * 1024;
/// Most large bodies that are read at once.
const LARGE_AT_ONCE_MAX: usize = 64;

/// The places for large bodies.
#[derive(Debug)]
pub(crate) struct LargeBodies(Semaphore);

impl Default for LargeBodies {
    fn default() -> Self {
        Self(Semaphore::new(LARGE_AT_ONCE_MAX))
    }
}

/// Reads a body to its end, or says in the request's language why not.
pub(crate) async fn read(
    request: &HttpRequest,
    payload: Payload,
    length_max: usize,
    web: &Web,
) -> Result<Bytes, Problem> {
    let limit = web.settings.body_time_max;
    let read = match tokio::time::timeout(limit, whole(request, payload, (length_max, &web.large_bodies))).await {
        Ok(read) => read,
        Err(_) => Err(Problem::too_slow(ceil_secs(limit))),
    };
    read.map_err(|problem| problem.in_language_of(request))
}

fn ceil_secs(limit: Duration) -> u64 {
    limit.as_secs() + u64::from(limit.subsec_nanos() > 0)
}

async fn whole(
    request: &HttpRequest,
    mut payload: Payload,
    (length_max, large): (usize, &LargeBodies),
) -> Result<Bytes, Problem> {
    let announced = request.headers().get(CONTENT_LENGTH).and_then(|value| value.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|length| usize::try_from(length).map_or(true, |length| length > length_max)) {
        return Err(Problem::too_large(length_max));
    }
    // Most bodies come in one piece, which is taken as it is.
    let (mut only, mut body, mut place) = (Bytes::new(), BytesMut::new(), None);
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|_| Problem::body("it ended early"))?;
        let before = only.len() + body.len();
        if chunk.len() > length_max - before {
            return Err(Problem::too_large(length_max));
        }
        if place.is_none() && before + chunk.len() > LARGE_FROM {
            place = Some(large.0.try_acquire().map_err(|_| Problem::crowded())?);
        }
        if before == 0 {
            only = chunk;
            continue;
        }
        body.extend_from_slice(&std::mem::take(&mut only));
        body.extend_from_slice(&chunk);
    }
    Ok(if body.is_empty() { only } else { body.freeze() })
}

/// Reads a form: JSON that says that it is JSON.
pub(crate) async fn json<T: DeserializeOwned>(
    request: &HttpRequest,
    payload: Payload,
    web: &Web,
) -> Result<T, Problem> {
    let told = |problem: Problem| problem.in_language_of(request);
    if !is_json(request) {
        return Err(told(Problem::body("Content-Type must be application/json")));
    }
    let body = read(request, payload, FORM_LENGTH_MAX, web).await?;
    // serde would take a list for a form, too, its items as the fields in their order.
    if body.trim_ascii_start().first().is_some_and(|byte| *byte == b'[') {
        return Err(told(Problem::body("it is no object")));
    }
    serde_json::from_slice(&body).map_err(|error| told(Problem::body(&why(&error))))
}

fn is_json(request: &HttpRequest) -> bool {
    let essence = request.content_type().trim().to_ascii_lowercase();
    essence == "application/json" || (essence.starts_with("application/") && essence.ends_with("+json"))
}

/// Where a body stops being a form. Never a piece of it: what was typed is nobody's to repeat.
fn why(error: &serde_json::Error) -> String {
    let what = if error.is_eof() {
        "it ends in the middle"
    } else if error.is_syntax() {
        "it is no JSON"
    } else {
        "it is no object with each field once"
    };
    format!("{what}, line {}, column {}", error.line(), error.column())
}
