//! Cloudflare: tunnels and DNS records, their envelopes and error codes (contracts, section 4).

mod dns;
mod limit;
mod tunnels;

use std::sync::Arc;

use serde_json::{Value, json};

use crate::front::{Call, Reply, System};
use crate::world::{World, lock};

#[derive(Debug, Clone)]
pub(crate) struct Tunnel {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) secret: String,
    pub(crate) created: i64,
    pub(crate) deleted: Option<i64>,
    pub(crate) config: Option<Value>,
    pub(crate) version: i64,
    /// The container whose connector holds it, and until when a dead one stays listed.
    pub(crate) connection: Option<Connection>,
}

#[derive(Debug, Clone)]
pub(crate) struct Connection {
    pub(crate) id: String,
    pub(crate) vmid: u64,
    pub(crate) opened: i64,
    /// Milliseconds of the world at which a lost one is forgotten.
    pub(crate) forgotten_ms: Option<i64>,
}

#[derive(Debug, Clone)]
pub(crate) struct Record {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) kind: String,
    pub(crate) content: String,
    pub(crate) ttl: i64,
    pub(crate) proxied: bool,
    pub(crate) comment: Option<String>,
    pub(crate) created: i64,
}

#[derive(Debug, Default)]
pub(crate) struct Cloudflare {
    pub(crate) tunnels: Vec<Tunnel>,
    pub(crate) records: Vec<Record>,
    pub(crate) limit: limit::Limit,
}

pub(crate) struct CloudflareSystem;

/// An answer with a result.
fn ok(result: &Value) -> Reply {
    Reply::json(200, &json!({"success": true, "errors": [], "messages": [], "result": result}))
}

/// The refusal of a query parameter that a list does not take. Whether the real service says so or
/// ignores it is believed only; a misspelt one must not be taken here.
fn odd_query(call: &Call, takes: &[&str]) -> Option<Reply> {
    let odd = call.query_pairs().into_keys().find(|name| {
        !takes.contains(&name.as_str()) && !matches!(name.as_str(), "page" | "per_page" | "order" | "direction")
    })?;
    Some(denied(400, 1_004, &format!("Unknown query parameter '{odd}'")))
}

/// The refusal of a body that is no object or has a field that the call does not take [believed].
fn odd_field(body: &Value, takes: &[&str]) -> Option<Reply> {
    let Some(fields) = body.as_object() else {
        return Some(denied(400, 6_007, "Malformed JSON in request body"));
    };
    let odd = fields.keys().find(|name| !takes.contains(&name.as_str()))?;
    Some(denied(400, 1_004, &format!("unknown field '{odd}'")))
}

/// One page of a list; only what stands on it is drawn.
fn page<T>(call: &Call, all: &[T], view: impl Fn(&T) -> Value) -> Reply {
    let query = call.query_pairs();
    let number =
        |name: &str, default: usize| query.get(name).and_then(|text| text.parse().ok()).unwrap_or(default).max(1);
    let (page, per_page) = (number("page", 1), number("per_page", 100).min(5_000));
    let shown: Vec<Value> = all.iter().skip((page - 1).saturating_mul(per_page)).take(per_page).map(view).collect();
    let info = json!({"page": page, "per_page": per_page, "count": shown.len(), "total_count": all.len(), "total_pages": all.len().div_ceil(per_page)});
    Reply::json(200, &json!({"success": true, "errors": [], "messages": [], "result": shown, "result_info": info}))
}

fn denied(status: u16, code: i64, message: &str) -> Reply {
    let body =
        json!({"success": false, "errors": [{"code": code, "message": message}], "messages": [], "result": null});
    Reply::json(status, &body)
}

impl System for CloudflareSystem {
    fn name(&self) -> &'static str {
        "cloudflare"
    }

    fn answer(&self, world: &Arc<World>, call: &Call) -> Reply {
        let blocked = limit::blocked(world);
        let reply = blocked.or_else(|| authorized(world, call)).unwrap_or_else(|| route(world, call));
        let left = limit::left(world);
        reply
            .with_header("Ratelimit", format!("\"default\";r={left};t=300"))
            .with_header("Ratelimit-Policy", "\"burst\";q=100;w=60")
    }
}

/// The refusal of a call without the right token.
fn authorized(world: &World, call: &Call) -> Option<Reply> {
    let Some(token) = call.header("authorization").strip_prefix("Bearer ") else {
        let chain = json!([{"code": 6111, "message": "Invalid format for Authorization header"}]);
        let body = json!({"success": false, "errors": [{"code": 6003, "message": "Invalid request headers", "error_chain": chain}],
            "messages": [], "result": null});
        return Some(Reply::json(400, &body));
    };
    (token != world.credentials.cloudflare_api_token).then(|| denied(403, 10000, "Authentication error"))
}

fn route(world: &Arc<World>, call: &Call) -> Reply {
    let segments = call.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    let mine = &world.credentials;
    match parts.as_slice() {
        ["client", "v4", "accounts", account, "cfd_tunnel", rest @ ..] if *account == mine.cloudflare_account_id => {
            tunnels::route(world, call, rest)
        }
        ["client", "v4", "zones", zone, "dns_records", rest @ ..] if *zone == mine.cloudflare_zone_id => {
            dns::route(world, call, rest)
        }
        ["client", "v4", "accounts" | "zones", ..] => denied(403, 10000, "Authentication error"),
        _ => denied(400, 7000, "No route for that URI"),
    }
}

impl Cloudflare {
    /// The tunnel that a token opens.
    pub(crate) fn of_token(&mut self, token: &str) -> Option<&mut Tunnel> {
        self.tunnels
            .iter_mut()
            .find(|tunnel| tunnel.deleted.is_none() && tunnels::token(tunnel, "") == token_without_account(token))
    }

    /// What the control API shows.
    pub(crate) fn show(world: &World) -> Value {
        let state = lock(&world.cloudflare);
        let tunnels: Vec<Value> = state.tunnels.iter().map(|tunnel| tunnels::whole(world, tunnel)).collect();
        let records: Vec<Value> = state.records.iter().map(|record| dns::view(world, record)).collect();
        json!({"tunnels": tunnels, "records": records})
    }

    pub(crate) fn plant_tunnel(world: &World, name: &str, created: Option<i64>) -> Value {
        let mut tunnel = tunnels::new(world, name, "c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0");
        tunnel.created = created.unwrap_or(tunnel.created);
        let shown = tunnels::view(world, &tunnel);
        lock(&world.cloudflare).tunnels.push(tunnel);
        shown
    }

    /// A proxied CNAME, whatever the limit of records is.
    pub(crate) fn plant_alias(world: &World, name: &str, target: &str) {
        let record = Record {
            id: uuid::Uuid::new_v4().simple().to_string(),
            name: format!("{name}.{}", world.service_domain),
            kind: "CNAME".to_owned(),
            content: target.to_owned(),
            ttl: 1,
            proxied: true,
            comment: None,
            created: world.clock.now(),
        };
        lock(&world.cloudflare).records.push(record);
    }

    /// Connects a tunnel from a container, as its connector would; or cuts the connection.
    pub(crate) fn connect(world: &World, id: &str, vmid: Option<u64>) -> Result<Value, String> {
        let now_ms = world.clock.now_millis();
        let settings = world.settings();
        let mut state = lock(&world.cloudflare);
        let tunnel = state.tunnels.iter_mut().find(|tunnel| tunnel.id == id).ok_or("no such tunnel")?;
        match (vmid, &mut tunnel.connection) {
            (Some(vmid), connection) => {
                let id = uuid::Uuid::new_v4().to_string();
                *connection = Some(Connection { id, vmid, opened: world.clock.now(), forgotten_ms: None });
            }
            (None, Some(open)) => open.forgotten_ms = Some(now_ms + settings.scaled(settings.linger_ms)),
            (None, None) => {}
        }
        Ok(tunnels::view(world, tunnel))
    }

    pub(crate) fn plant_record(world: &World, body: &Value) -> Reply {
        dns::create(world, body)
    }
}

/// A token with its account blanked, so that two can be compared whatever account they name.
fn token_without_account(token: &str) -> String {
    use base64::Engine as _;
    let decoded = base64::engine::general_purpose::STANDARD.decode(token).unwrap_or_default();
    let mut value: Value = serde_json::from_slice(&decoded).unwrap_or_default();
    if let Some(account) = value.get_mut("a") {
        *account = json!("");
    }
    base64::engine::general_purpose::STANDARD.encode(value.to_string())
}
