//! The static pages, carried in the binary; in debug builds read from the folder.

use actix_web::http::{Method, StatusCode};
use actix_web::{HttpRequest, HttpResponse};
use rust_embed::RustEmbed;

use crate::problem::Problem;

#[derive(RustEmbed)]
#[folder = "../../frontend"]
struct Pages;

/// No script, style or frame but our own; forms only to us.
const POLICY: &str =
    "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'; object-src 'none'";

/// What a person sees at an address that leads nowhere.
const LOST: &str = "not-found.html";

pub(crate) async fn page(request: HttpRequest) -> Result<HttpResponse, Problem> {
    if request.path().starts_with("/api/") || request.path().starts_with("/webhook/") {
        return Err(Problem::not_found().in_language_of(&request));
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) {
        return Err(Problem::method("GET, HEAD").in_language_of(&request));
    }
    let path = match request.path().trim_start_matches('/') {
        "" => "index.html",
        path => path,
    };
    let (status, path, file) = if let Some(file) = Pages::get(path) {
        (StatusCode::OK, path, file)
    } else {
        let lost = Pages::get(LOST).ok_or_else(|| Problem::not_found().in_language_of(&request))?;
        (StatusCode::NOT_FOUND, LOST, lost)
    };
    let cache = if path.starts_with("assets/") { "public, max-age=300" } else { "no-cache" };
    Ok(HttpResponse::build(status)
        .content_type(content_type(path))
        .insert_header(("Cache-Control", cache))
        .insert_header(("Content-Security-Policy", POLICY))
        .insert_header(("X-Content-Type-Options", "nosniff"))
        .insert_header(("Referrer-Policy", "same-origin"))
        .body(file.data.into_owned()))
}

fn content_type(path: &str) -> &'static str {
    match path.rsplit('.').next() {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css; charset=utf-8",
        Some("js") => "text/javascript; charset=utf-8",
        Some("svg") => "image/svg+xml",
        Some("txt") => "text/plain; charset=utf-8",
        Some(_) | None => "application/octet-stream",
    }
}
