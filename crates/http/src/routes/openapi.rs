//! `GET /api/openapi.json`: the description of this very API.

use std::sync::OnceLock;

use actix_web::web::Bytes;
use actix_web::{HttpRequest, HttpResponse, web};

use crate::app::Web;
use crate::openapi;
use crate::problem::{Body, Problem};

/// Made when it is first asked for and kept as text: a start costs nothing, and the tree it is made
/// from is not held.
static DESCRIPTION: OnceLock<Bytes> = OnceLock::new();

#[utoipa::path(
    get,
    path = "/api/openapi.json",
    tag = "service",
    responses(
        (status = 200, description = "This description.", body = serde_json::Value),
        (status = 429, description = "`too_many_requests`", body = Body),
    )
)]
pub(crate) async fn description(request: HttpRequest, web: web::Data<Web>) -> Result<HttpResponse, Problem> {
    web.calls.admit(&request, &web.settings.trusted_proxies).map_err(|problem| problem.in_language_of(&request))?;
    let text = DESCRIPTION.get_or_init(|| Bytes::from(openapi::text())).clone();
    Ok(HttpResponse::Ok().content_type("application/json").insert_header(("Cache-Control", "no-cache")).body(text))
}
