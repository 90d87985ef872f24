//! The envelope around each of Cloudflare's answers, and what it says where something was refused.

use std::time::Duration;

use reqwest::StatusCode;
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tamesuke_domain::ports::{Fault, System};

use crate::http::{Answer, Answered, Errand};

/// A tunnel with live connections can't be deleted.
const CODE_ACTIVE_CONNECTIONS: i64 = 1022;
/// The record does not exist.
const CODE_NO_RECORD: i64 = 81_044;
/// Over the limit everything is blocked for that long.
pub(super) const BLOCKED_FOR: Duration = Duration::from_secs(300);

#[derive(Deserialize)]
pub(super) struct Envelope<T> {
    pub(super) result: Option<T>,
    pub(super) result_info: Option<PageInfo>,
}

#[derive(Deserialize)]
struct ErrorEnvelope {
    errors: Option<Vec<ErrorView>>,
}

/// How much there is of a list.
#[derive(Deserialize)]
pub(super) struct PageInfo {
    pub(super) total_count: Option<usize>,
}

#[derive(Deserialize)]
struct ErrorView {
    code: i64,
    #[serde(default)]
    message: String,
}

/// What an answer that is no success says.
#[derive(Debug)]
pub(super) enum Denied {
    Missing,
    ActiveConnections,
    Other(Fault),
}

impl From<Denied> for Fault {
    fn from(denied: Denied) -> Self {
        match denied {
            Denied::Other(fault) => fault,
            Denied::Missing => Self::Refused {
                system: System::Cloudflare,
                operation: "find an object",
                cause: "it does not exist".into(),
            },
            Denied::ActiveConnections => Self::Retryable {
                system: System::Cloudflare,
                operation: "delete a tunnel",
                retry_after: None,
                cause: "it has active connections".into(),
            },
        }
    }
}

/// The envelope of an answer, or what it says instead.
pub(super) fn open<T: DeserializeOwned>(errand: Errand, answer: &Answer) -> Result<Envelope<T>, Denied> {
    if answer.status.is_success() {
        let envelope: Option<Envelope<T>> = serde_json::from_slice(&answer.body).ok();
        return envelope.ok_or_else(|| Denied::Other(errand.unreadable("envelope")));
    }
    // Read by itself: a `result` of another shape must not hide why it was refused.
    let errors: Option<ErrorEnvelope> = serde_json::from_slice(&answer.body).ok();
    let first = errors.and_then(|envelope| envelope.errors.unwrap_or_default().into_iter().next());
    let code = first.as_ref().map_or(0, |error| error.code);
    if code == CODE_ACTIVE_CONNECTIONS {
        return Err(Denied::ActiveConnections);
    }
    if code == CODE_NO_RECORD || answer.status == StatusCode::NOT_FOUND {
        return Err(Denied::Missing);
    }
    let words =
        first.map_or_else(|| "no error object".to_owned(), |error| format!("code {}, {}", error.code, error.message));
    let cause = Answered::new(answer.status, &words);
    Err(Denied::Other(match answer.status.as_u16() {
        429 => errand.retryable(Some(answer.retry_after.unwrap_or(BLOCKED_FOR)), cause),
        409 => errand.retryable(answer.retry_after, cause),
        500.. => errand.unclear(cause),
        _ => errand.refused(cause),
    }))
}

#[cfg(test)]
mod tests;
