//! The least that a server of these answers must do, for `cargo xtask bench` to measure ours against:
//! a fixed answer, and for a webhook the proof of its signature.

use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use tamesuke_stripe::webhook::verify;

/// A fixed answer, handed over at the start and never freed: a static one to every worker.
fn given(name: &str, otherwise: &str) -> &'static str {
    Box::leak(std::env::var(name).unwrap_or_else(|_| otherwise.to_owned()).into_boxed_str())
}

fn fixed(body: &'static str) -> HttpResponse {
    HttpResponse::Ok().content_type("application/json").body(body)
}

fn webhook(secret: &str, request: &HttpRequest, body: &[u8]) -> HttpResponse {
    let header = request.headers().get("stripe-signature").and_then(|value| value.to_str().ok()).unwrap_or_default();
    #[expect(clippy::disallowed_methods, reason = "signatures are judged by this machine's clock")]
    let since = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    let now = i64::try_from(since.as_secs()).unwrap_or(i64::MAX);
    match verify(&[secret], header, body, now) {
        Ok(()) => fixed(r#"{"received":true}"#),
        Err(_) => HttpResponse::BadRequest().finish(),
    }
}

#[actix_web::main]
async fn main() -> std::io::Result<()> {
    let bind = std::env::var("BIND").unwrap_or_else(|_| "127.0.0.1:8000".to_owned());
    let health = given("HEALTH", r#"{"status":"ok"}"#);
    let name = given("NAME", r#"{"available":true,"subdomain":"bench"}"#);
    let secret = given("STRIPE_WEBHOOK_SECRET", "");
    HttpServer::new(move || {
        App::new()
            .route("/health", web::get().to(async move || fixed(health)))
            .route("/api/check-subdomain", web::get().to(async move || fixed(name)))
            .route(
                "/webhook/stripe",
                web::post().to(async move |request: HttpRequest, body: web::Bytes| webhook(secret, &request, &body)),
            )
    })
    .workers(1)
    .bind(bind)?
    .run()
    .await
}
