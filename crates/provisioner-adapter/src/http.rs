//! One way to send a request and to say of every failure whether it may have happened.

use std::time::Duration;

use reqwest::{RequestBuilder, StatusCode};
use tamesuke_domain::ports::{Cause, Fault, System, Witness};

/// The most of an answer that is read.
const ANSWER_MAX: usize = 32 * 1024 * 1024;

/// What a system answered instead of what was asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("status {status}: {text}")]
pub(crate) struct Answered {
    pub(crate) status: u16,
    pub(crate) text: String,
}

/// The most of a system's words that is kept, in characters.
const WORDS_MAX: usize = 300;

impl Answered {
    /// A system's words as one line of bounded length: they end in logs and in notes to the operator.
    pub(crate) fn new(status: StatusCode, words: &str) -> Self {
        let text = words.trim().chars().take(WORDS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
        Self { status: status.as_u16(), text }
    }
}

#[derive(Debug, thiserror::Error)]
pub(crate) enum Odd {
    #[error("the answer is longer than {ANSWER_MAX} bytes")]
    TooLong,
    #[error("the answer does not read: {0}")]
    Unreadable(&'static str),
}

/// An answer of any status.
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) reason: String,
    pub(crate) retry_after: Option<Duration>,
    pub(crate) body: Vec<u8>,
}

/// Who is asked for what, and whether it changes anything there.
#[derive(Clone, Copy)]
pub(crate) struct Errand {
    pub(crate) system: System,
    pub(crate) operation: &'static str,
    pub(crate) writes: bool,
}

impl Errand {
    pub(crate) fn refused(self, cause: impl Into<Cause>) -> Fault {
        Fault::Refused { system: self.system, operation: self.operation, cause: cause.into() }
    }

    pub(crate) fn retryable(self, retry_after: Option<Duration>, cause: impl Into<Cause>) -> Fault {
        Fault::Retryable { system: self.system, operation: self.operation, retry_after, cause: cause.into() }
    }

    /// Not known, where the errand writes; otherwise nothing can have happened.
    pub(crate) fn unclear(self, cause: impl Into<Cause>) -> Fault {
        if self.writes {
            Fault::Unknown { system: self.system, operation: self.operation, cause: cause.into() }
        } else {
            self.retryable(None, cause)
        }
    }

    pub(crate) fn unreadable(self, what: &'static str) -> Fault {
        self.unclear(Odd::Unreadable(what))
    }
}

/// Sends a request to a system that is asked all the time, and reads its answer whole.
pub(crate) async fn send(errand: Errand, request: RequestBuilder, witness: &dyn Witness) -> Result<Answer, Fault> {
    exchange(errand, request, || witness.answered(errand.system)).await
}

/// Sends a request to a system that is asked seldom: that it fails, or says "not now", is told, too.
pub(crate) async fn send_seldom(
    errand: Errand,
    request: RequestBuilder,
    witness: &dyn Witness,
) -> Result<Answer, Fault> {
    let outcome = exchange(errand, request, || ()).await;
    let not_now = |status: StatusCode| status.is_server_error() || status == StatusCode::TOO_MANY_REQUESTS;
    if outcome.as_ref().map_or(true, |answer| not_now(answer.status)) {
        witness.failed(errand.system);
    } else {
        witness.answered(errand.system);
    }
    outcome
}

/// `answered` is called as soon as an answer begins.
async fn exchange(errand: Errand, request: RequestBuilder, answered: impl FnOnce()) -> Result<Answer, Fault> {
    let mut response = match request.send().await {
        Ok(response) => response,
        Err(error) if error.is_connect() || error.is_builder() => {
            return Err(errand.retryable(None, error.without_url()));
        }
        Err(error) => return Err(errand.unclear(error.without_url())),
    };
    answered();
    let status = response.status();
    let reason = response
        .extensions()
        .get::<hyper::ext::ReasonPhrase>()
        .map_or_else(String::new, |reason| String::from_utf8_lossy(reason.as_bytes()).into_owned());
    let header = response.headers().get("retry-after").and_then(|value| value.to_str().ok());
    let retry_after = header.and_then(|secs| secs.parse().ok()).map(Duration::from_secs);
    let mut body = Vec::new();
    loop {
        match response.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= ANSWER_MAX => {
                body.extend_from_slice(&chunk);
            }
            Ok(Some(_)) => return Err(errand.unclear(Odd::TooLong)),
            Ok(None) => {
                return Ok(Answer { status, reason, retry_after, body });
            }
            Err(error) => return Err(errand.unclear(error.without_url())),
        }
    }
}
