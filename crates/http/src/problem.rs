//! Errors as callers see them: a human `detail`, a stable `code`, and the field to blame.

mod code;
mod engine;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, ResponseError};
use serde::Serialize;

use utoipa::ToSchema;

use crate::language::Language;

pub use code::Code;
pub(crate) use engine::PERIOD_NOT_SOLD;
pub use engine::why_unavailable;

/// An error as it is sent.
#[derive(Serialize, ToSchema)]
#[schema(as = Problem)]
pub(crate) struct Body<'a> {
    /// What is wrong and what to do, in the caller's language.
    detail: &'a str,
    code: Code,
    /// The field to blame, where there is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    field: Option<&'a str>,
    /// Seconds after which to try again; also as `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<u64>,
    /// When what is in the way lapses, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    until: Option<i64>,
}

/// An error answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{code:?}: {en}")]
pub struct Problem {
    status: StatusCode,
    code: Code,
    ja: String,
    en: String,
    field: Option<&'static str>,
    retry_after_secs: Option<u64>,
    until: Option<i64>,
    /// The methods that there are instead; for `Allow`.
    allow: Option<&'static str>,
    language: Language,
}

impl Problem {
    /// A problem with its texts.
    pub fn new(status: StatusCode, code: Code, ja: &str, en: &str) -> Self {
        Self {
            status,
            code,
            ja: ja.to_owned(),
            en: en.to_owned(),
            field: None,
            retry_after_secs: None,
            until: None,
            allow: None,
            language: Language::Japanese,
        }
    }

    /// Names the field to blame.
    pub fn field(mut self, field: &'static str) -> Self {
        self.field = Some(field);
        self
    }

    /// Says when to try again.
    pub fn retry_after(mut self, secs: u64) -> Self {
        self.retry_after_secs = Some(secs);
        self
    }

    fn until(mut self, until: i64) -> Self {
        self.until = Some(until);
        self
    }

    /// Says it in the request's language.
    pub fn in_language_of(mut self, request: &HttpRequest) -> Self {
        self.language = Language::of_request(request);
        self
    }

    /// The stable code.
    pub fn code(&self) -> Code {
        self.code
    }

    /// The field to blame, where there is one.
    pub fn blamed(&self) -> Option<&'static str> {
        self.field
    }

    /// The text in a language.
    pub fn detail(&self, language: Language) -> &str {
        language.pick(&self.ja, &self.en)
    }

    /// No such page or call.
    pub fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, Code::NotFound, "ページが見つかりません。", "There is no such page.")
    }

    /// A call that exists, but with other methods.
    pub fn method(allow: &'static str) -> Self {
        let mut problem = Self::new(
            StatusCode::METHOD_NOT_ALLOWED,
            Code::MethodNotAllowed,
            &format!("この操作はできません（使えるメソッド: {allow}）。"),
            &format!("This method is not allowed here; allowed: {allow}."),
        );
        problem.allow = Some(allow);
        problem
    }

    /// A query that does not read.
    pub fn query(why: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            Code::QueryMalformed,
            &format!("URLの「?」より後ろを読み取れませんでした（{why}）。"),
            &format!("The query does not read: {why}."),
        )
    }

    /// A body that does not come to its end.
    pub fn too_slow(limit_secs: u64) -> Self {
        Self::new(
            StatusCode::REQUEST_TIMEOUT,
            Code::RequestTimeout,
            &format!("リクエストが{limit_secs}秒以内に届きませんでした。もう一度お試しください。"),
            &format!("The request did not arrive within {limit_secs} seconds. Please try again."),
        )
    }

    /// Too many large bodies are being read.
    pub fn crowded() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            Code::Busy,
            "ただいま混み合っています。しばらくしてからもう一度お試しください。",
            "Too many large requests are being read. Please try again in a while.",
        )
        .retry_after(30)
    }

    /// A body that does not read.
    pub fn body(why: &str) -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            Code::BodyMalformed,
            &format!("リクエストの内容を読み取れませんでした（{why}）。"),
            &format!("The request's body does not read: {why}."),
        )
    }

    /// An address that mails can't go to.
    pub fn email() -> Self {
        Self::new(
            StatusCode::BAD_REQUEST,
            Code::EmailMalformed,
            "メールアドレスを正しく入力してください（例: taro@example.co.jp）。",
            "Please give a mail address such as taro@example.co.jp.",
        )
        .field("email")
    }

    /// A body that is too large.
    pub fn too_large(length_max: usize) -> Self {
        Self::new(
            StatusCode::PAYLOAD_TOO_LARGE,
            Code::TooLarge,
            &format!("リクエストが大きすぎます（{length_max}バイトまで）。"),
            &format!("The request is too large; {length_max} bytes are the most."),
        )
    }

    /// Too many requests.
    pub fn too_many(retry_after_secs: u64) -> Self {
        Self::new(
            StatusCode::TOO_MANY_REQUESTS,
            Code::TooManyRequests,
            "短い時間に多くの操作がありました。しばらくしてからもう一度お試しください。",
            "Too many requests in a short time. Please try again in a while.",
        )
        .retry_after(retry_after_secs)
    }

    /// The index of names is not filled yet.
    pub fn not_ready() -> Self {
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            Code::NotReady,
            "ただいま準備中です。数秒後にもう一度お試しください。",
            "We are still starting. Please try again in a few seconds.",
        )
        .retry_after(5)
    }

    fn conflict(code: Code, ja: &str, en: &str) -> Self {
        Self::new(StatusCode::CONFLICT, code, ja, en)
    }

    fn unavailable(code: Code, ja: &str, en: &str) -> Self {
        Self::new(StatusCode::SERVICE_UNAVAILABLE, code, ja, en).retry_after(30)
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        self.status
    }

    fn error_response(&self) -> HttpResponse {
        let mut builder = HttpResponse::build(self.status);
        if let Some(secs) = self.retry_after_secs {
            builder.insert_header(("Retry-After", secs.to_string()));
        }
        if let Some(allow) = self.allow {
            builder.insert_header(("Allow", allow));
        }
        builder.json(Body {
            detail: self.detail(self.language),
            code: self.code,
            field: self.field,
            retry_after: self.retry_after_secs,
            until: self.until,
        })
    }
}
