//! `GET /api/trials/{id}` and its events: what the page after payment shows.

mod shown;

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use tamesuke_domain::ids::CheckoutId;
use tamesuke_engine::engine::{TrialError, TrialView};
use utoipa::ToSchema;

use crate::app::Web;
use crate::language::Language;
use crate::limits::visitor;
use crate::problem::{Body, Code, Problem};
use shown::{Shown, shown};

/// How often a silent stream says that it lives; the state is looked at as often, too.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// The longest a stream goes on: a browser opens a new one by itself.
const STREAM_MAX: Duration = Duration::from_secs(3_600);
/// When to try again if there is no place for a stream, in seconds.
const FULL_RETRY_SECS: u64 = 60;

/// One event of the stream, as it is described.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its description is read")]
struct StreamEvent {
    event: StreamEventKind,
    /// Of `trial`: JSON like the answer of `/api/trials/{id}`.
    data: String,
}

/// `end` is the last one: the trial is ready, or over.
#[derive(ToSchema)]
#[schema(rename_all = "lowercase")]
#[expect(dead_code, reason = "only its description is read")]
enum StreamEventKind {
    Trial,
    End,
}

impl Web {
    async fn view(&self, id: &CheckoutId) -> Result<TrialView, Problem> {
        match self.engine.trial(id).await {
            Ok(Some(view)) => Ok(view),
            Ok(None) => Err(Problem::new(
                StatusCode::NOT_FOUND,
                Code::TrialUnknown,
                "このお申し込みは見つかりません。",
                "There is no such order.",
            )),
            Err(error) => {
                match &error {
                    // Strangers must not fill the log either.
                    TrialError::Busy => tracing::debug!("a trial could not be shown: {error}"),
                    TrialError::Outside(fault) => {
                        tracing::warn!(error = %fault.chain(), "a trial could not be shown");
                    }
                }
                Err(unreadable())
            }
        }
    }
}

fn unreadable() -> Problem {
    Problem::new(
        StatusCode::SERVICE_UNAVAILABLE,
        Code::StripeUnavailable,
        "ただいま状態を確認できません。しばらくしてからもう一度お試しください。",
        "The state can't be read just now. Please try again in a while.",
    )
    .retry_after(5)
}

fn parse(id: &str) -> Result<CheckoutId, Problem> {
    id.parse().map_err(|_| {
        Problem::new(
            StatusCode::BAD_REQUEST,
            Code::TrialMalformed,
            "お申し込み番号の形式が正しくありません。",
            "The order number looks like cs_….",
        )
    })
}

#[utoipa::path(
    get,
    path = "/api/trials/{id}",
    tag = "trial",
    params(("id" = String, Path, description = "The Checkout Session's id.", pattern = "^cs_[A-Za-z0-9_]{1,252}$", example = "cs_test_a1Bc")),
    responses(
        (status = 200, description = "How the trial stands.", body = Shown),
        (status = 400, description = "`trial_malformed`", body = Body),
        (status = 404, description = "`trial_unknown`", body = Body),
        (status = 429, description = "`too_many_requests`", body = Body),
        (status = 503, description = "`stripe_unavailable`: an order that is not known yet can't be read just now.", body = Body),
    )
)]
pub(crate) async fn trial(
    request: HttpRequest,
    id: web::Path<String>,
    web: web::Data<Web>,
) -> Result<HttpResponse, Problem> {
    let told = |problem: Problem| problem.in_language_of(&request);
    web.calls.admit(&request, &web.settings.trusted_proxies).map_err(told)?;
    let view = web.view(&parse(&id).map_err(told)?).await.map_err(told)?;
    Ok(HttpResponse::Ok()
        .insert_header(("Cache-Control", "no-store"))
        .json(shown(&view, Language::of_request(&request))))
}

#[utoipa::path(
    get,
    path = "/api/trials/{id}/events",
    tag = "trial",
    params(("id" = String, Path, description = "The Checkout Session's id.", pattern = "^cs_[A-Za-z0-9_]{1,252}$", example = "cs_test_a1Bc")),
    responses(
        (status = 200, description = "Server-sent events: `trial` at each change, its data like the answer of `/api/trials/{id}`; `end` when ready or over.", body = StreamEvent, content_type = "text/event-stream"),
        (status = 400, description = "`trial_malformed`", body = Body),
        (status = 404, description = "`trial_unknown`", body = Body),
        (status = 429, description = "`too_many_requests`", body = Body),
        (status = 503, description = "`stripe_unavailable`: an order that is not known yet can't be read just now.", body = Body),
    )
)]
pub(crate) async fn events(
    request: HttpRequest,
    id: web::Path<String>,
    web: web::Data<Web>,
) -> Result<HttpResponse, Problem> {
    let told = |problem: Problem| problem.in_language_of(&request);
    web.calls.admit(&request, &web.settings.trusted_proxies).map_err(told)?;
    let id = parse(&id).map_err(told)?;
    let language = Language::of_request(&request);
    let place = web.streams.place(visitor(&request, &web.settings.trusted_proxies));
    let place = place.ok_or_else(|| told(Problem::too_many(FULL_RETRY_SECS)))?;
    let first = web.view(&id).await.map_err(told)?;
    let mut bell = web.engine.hub().subscribe(&first.subdomain);
    let stream = async_stream::stream! {
        // Held until the stream is dropped: when it ends, or its caller is gone.
        let _place = place;
        let began = tokio::time::Instant::now();
        let mut last = String::new();
        while began.elapsed() < STREAM_MAX {
            // Subscribed before looking: what changes after the look rings the bell.
            bell.mark_unchanged();
            let Ok(view) = web.view(&id).await else { break };
            let Ok(text) = serde_json::to_string(&shown(&view, language)) else { break };
            if text != last {
                yield Ok::<_, std::convert::Infallible>(web::Bytes::from(format!("event: trial\ndata: {text}\n\n")));
                last = text;
            }
            if view.progress.state.is_final() {
                yield Ok(web::Bytes::from_static(b"event: end\ndata: {}\n\n"));
                break;
            }
            match tokio::time::timeout(KEEP_ALIVE, bell.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) => bell = web.engine.hub().subscribe(&view.subdomain),
                Err(_) => yield Ok(web::Bytes::from_static(b": still here\n\n")),
            }
        }
    };
    Ok(HttpResponse::Ok()
        .content_type("text/event-stream")
        .insert_header(("Cache-Control", "no-store"))
        .insert_header(("X-Accel-Buffering", "no"))
        .streaming(stream))
}
