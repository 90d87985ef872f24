//! `POST /webhook/stripe`: proven, queued, answered. Nothing of it is believed.

use actix_web::http::StatusCode;
use actix_web::{HttpRequest, HttpResponse, web};
use utoipa::ToSchema;

use crate::app::{Rejection, Web};
use crate::body;
use crate::problem::{Body, Code, Problem};

/// The longest header that is looked at, in bytes: sixteen signatures.
const SIGNATURE_LENGTH_MAX: usize = 2_048;

/// What Stripe is told; it reads the status alone.
const RECEIVED: &str = r#"{"received":true}"#;

/// What Stripe is told, as it is described.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only its description is read; the text above is what is sent")]
struct Received {
    received: bool,
}

#[utoipa::path(
    post,
    path = "/webhook/stripe",
    tag = "service",
    params(("Stripe-Signature" = Option<String>, Header, description = "`t=…,v1=…`, as Stripe signs.")),
    request_body(content = serde_json::Value, description = "An event of Stripe. Only its envelope is read, as a hint."),
    responses(
        (status = 200, description = "Proven; the name it concerns, if any, is looked at.", body = Received),
        (status = 400, description = "`signature_invalid`, `timestamp_stale` or `body_malformed`", body = Body),
        (status = 408, description = "`request_timeout`", body = Body),
        (status = 413, description = "`too_large`", body = Body),
        (status = 503, description = "`busy`: too many large ones are being read.", body = Body),
    )
)]
pub(crate) async fn webhook(
    request: HttpRequest,
    payload: web::Payload,
    web: web::Data<Web>,
) -> Result<HttpResponse, Problem> {
    let header = request.headers().get("stripe-signature").and_then(|value| value.to_str().ok());
    // Looked at before the body is: what nobody claims to have signed is not worth the memory.
    let Some(header) = header.filter(|header| (1..=SIGNATURE_LENGTH_MAX).contains(&header.len())) else {
        return Err(refused(Rejection::Signature).in_language_of(&request));
    };
    let body = body::read(&request, payload, body::WEBHOOK_LENGTH_MAX, &web).await?;
    match web.proof.prove(header, &body) {
        Ok(hint) => {
            if let Some(hint) = hint {
                tracing::debug!(subdomain = %hint.subdomain, "a webhook hints at {}", hint.subdomain);
                web.engine.hint(&hint);
            }
            Ok(HttpResponse::Ok().content_type("application/json").body(RECEIVED))
        }
        Err(rejection) => Err(refused(rejection).in_language_of(&request)),
    }
}

fn refused(rejection: Rejection) -> Problem {
    let (code, ja, en) = match rejection {
        Rejection::Signature => (
            Code::SignatureInvalid,
            "署名が正しくありません。",
            "The Stripe-Signature does not fit; check STRIPE_WEBHOOK_SECRET.",
        ),
        Rejection::Stale => (
            Code::TimestampStale,
            "署名の時刻が古すぎます。",
            "The signature's time stamp is more than 300 s off; check the clocks.",
        ),
        Rejection::Body => (Code::BodyMalformed, "JSONとして読み取れません。", "The body is no JSON."),
    };
    Problem::new(StatusCode::BAD_REQUEST, code, ja, en)
}
