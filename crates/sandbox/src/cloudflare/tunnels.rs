//! Tunnels: made, listed, configured, and deleted only once nothing is connected.

use std::sync::Arc;

use base64::Engine as _;
use serde_json::{Value, json};

use super::{Tunnel, denied, odd_field, odd_query, ok, page};
use crate::clock::iso;
use crate::front::{Call, Reply};
use crate::world::{World, lock};

pub(super) fn new(world: &World, name: &str, secret: &str) -> Tunnel {
    Tunnel {
        id: uuid::Uuid::new_v4().to_string(),
        name: name.to_owned(),
        secret: secret.to_owned(),
        created: world.clock.now(),
        deleted: None,
        config: None,
        version: 0,
        connection: None,
    }
}

pub(super) fn token(tunnel: &Tunnel, account: &str) -> String {
    let inner = json!({"a": account, "t": tunnel.id, "s": tunnel.secret});
    base64::engine::general_purpose::STANDARD.encode(inner.to_string())
}

pub(super) fn view(world: &World, tunnel: &Tunnel) -> Value {
    let status = if tunnel.connection.as_ref().is_some_and(|c| c.forgotten_ms.is_none()) {
        "healthy"
    } else if tunnel.connection.is_some() {
        "down"
    } else {
        "inactive"
    };
    json!({
        "id": tunnel.id, "account_tag": world.credentials.cloudflare_account_id, "name": tunnel.name,
        "created_at": iso(tunnel.created), "deleted_at": tunnel.deleted.map(iso),
        "connections": [], "conns_active_at": null, "conns_inactive_at": null, "status": status,
        "remote_config": tunnel.config.is_some(), "config_src": "local", "tun_type": "cfd_tunnel", "metadata": {},
    })
}

/// The view, and what Cloudflare shows elsewhere or never: whoever compares two moments must see all of it.
pub(super) fn whole(world: &World, tunnel: &Tunnel) -> Value {
    let mut shown = view(world, tunnel);
    if let Some(fields) = shown.as_object_mut() {
        fields.insert("config".to_owned(), json!(tunnel.config));
        fields.insert("version".to_owned(), json!(tunnel.version));
        fields.insert("secret".to_owned(), json!(tunnel.secret));
    }
    shown
}

pub(super) fn route(world: &Arc<World>, call: &Call, rest: &[&str]) -> Reply {
    match (call.method.as_str(), rest) {
        ("GET", []) => list(world, call),
        ("POST", []) => create(world, call),
        (_, [id, rest @ ..]) => one(world, call, id, rest),
        _ => denied(405, 10405, "Method not allowed"),
    }
}

const LISTED_BY: &[&str] = &[
    "name",
    "is_deleted",
    "include_prefix",
    "exclude_prefix",
    "uuid",
    "status",
    "existed_at",
    "was_active_at",
    "was_inactive_at",
];

fn list(world: &World, call: &Call) -> Reply {
    if let Some(reply) = odd_query(call, LISTED_BY) {
        return reply;
    }
    let query = call.query_pairs();
    // Since December 2025 deleted ones are left out where nobody asks for them.
    let by_default = if world.settings().lists_deleted_tunnels { None } else { Some(false) };
    let deleted = query.get("is_deleted").map_or(by_default, |text| Some(text == "true"));
    let given = |name: &str| query.get(name).map(String::as_str);
    let state = lock(&world.cloudflare);
    let shown: Vec<&Tunnel> = state
        .tunnels
        .iter()
        .filter(|tunnel| deleted.is_none_or(|deleted| tunnel.deleted.is_some() == deleted))
        .filter(|tunnel| given("name").is_none_or(|name| name == tunnel.name))
        .filter(|tunnel| given("include_prefix").is_none_or(|prefix| tunnel.name.starts_with(prefix)))
        .filter(|tunnel| given("exclude_prefix").is_none_or(|prefix| !tunnel.name.starts_with(prefix)))
        .filter(|tunnel| given("uuid").is_none_or(|id| id == tunnel.id))
        .filter(|tunnel| given("status").is_none_or(|status| view(world, tunnel)["status"] == status))
        .collect();
    page(call, &shown, |tunnel| view(world, tunnel))
}

fn create(world: &World, call: &Call) -> Reply {
    let body = call.json().unwrap_or_default();
    if let Some(reply) = odd_field(&body, &["name", "tunnel_secret", "config_src", "metadata"]) {
        return reply;
    }
    let Some(name) = body.get("name").and_then(Value::as_str).filter(|name| !name.is_empty()) else {
        return denied(400, 1003, "Tunnel name is required");
    };
    let secret =
        body.get("tunnel_secret").and_then(Value::as_str).unwrap_or("c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0c2VjcmV0");
    let long_enough = base64::engine::general_purpose::STANDARD.decode(secret).is_ok_and(|bytes| bytes.len() >= 32);
    if !long_enough {
        return denied(400, 1003, "tunnel_secret must be at least 32 bytes, base64 encoded");
    }
    let tunnels_max = world.settings().tunnels_max;
    let mut state = lock(&world.cloudflare);
    let live = state.tunnels.iter().filter(|tunnel| tunnel.deleted.is_none());
    if live.clone().any(|tunnel| tunnel.name == name) {
        return denied(409, 1013, "You already have a tunnel with this name");
    }
    if live.count() >= tunnels_max {
        return denied(403, 1014, "You have reached the limit of tunnels of this account");
    }
    let tunnel = new(world, name, secret);
    let mut shown = view(world, &tunnel);
    if let Some(fields) = shown.as_object_mut() {
        let account = &world.credentials.cloudflare_account_id;
        fields.insert("token".to_owned(), json!(token(&tunnel, account)));
        fields.insert(
            "credentials_file".to_owned(),
            json!({"AccountTag": account, "TunnelID": tunnel.id, "TunnelName": name, "TunnelSecret": secret}),
        );
    }
    state.tunnels.push(tunnel);
    ok(&shown)
}

/// A new name, which no other live tunnel may have.
fn rename(world: &World, call: &Call, id: &str) -> Reply {
    let body = call.json().unwrap_or_default();
    if let Some(reply) = odd_field(&body, &["name", "tunnel_secret"]) {
        return reply;
    }
    let mut state = lock(&world.cloudflare);
    let name = body.get("name").and_then(Value::as_str);
    let taken = |tunnel: &Tunnel| tunnel.id != id && tunnel.deleted.is_none() && Some(tunnel.name.as_str()) == name;
    if state.tunnels.iter().any(taken) {
        return denied(409, 1013, "You already have a tunnel with this name");
    }
    let Some(tunnel) = state.tunnels.iter_mut().find(|tunnel| tunnel.id == id && tunnel.deleted.is_none()) else {
        return denied(404, 1003, "Tunnel not found");
    };
    if let Some(name) = name {
        name.clone_into(&mut tunnel.name);
    }
    if let Some(secret) = body.get("tunnel_secret").and_then(Value::as_str) {
        secret.clone_into(&mut tunnel.secret);
    }
    ok(&view(world, tunnel))
}

fn one(world: &World, call: &Call, id: &str, rest: &[&str]) -> Reply {
    if let Some(reply) = odd_query(call, &["client_id", "cascade"]) {
        return reply;
    }
    if (call.method.as_str(), rest) == ("PATCH", &[]) {
        return rename(world, call, id);
    }
    let mut state = lock(&world.cloudflare);
    let Some(tunnel) = state.tunnels.iter_mut().find(|tunnel| tunnel.id == id) else {
        return denied(404, 1003, "Tunnel not found");
    };
    match (call.method.as_str(), rest) {
        ("GET", []) => ok(&view(world, tunnel)),
        _ if tunnel.deleted.is_some() => denied(404, 1003, "Tunnel not found"),
        ("DELETE", []) => {
            let cascades = call.query_pairs().get("cascade").is_some_and(|text| text == "true");
            if tunnel.connection.is_some() && !cascades {
                return denied(400, 1022, "Cannot delete tunnel because it has active connections");
            }
            tunnel.connection = None;
            tunnel.deleted = Some(world.clock.now());
            ok(&view(world, tunnel))
        }
        ("GET", ["token"]) => ok(&json!(token(tunnel, &world.credentials.cloudflare_account_id))),
        ("GET", ["connections"]) => {
            let open: Vec<Value> = tunnel.connection.iter().map(|c| connection(tunnel, c)).collect();
            ok(&json!(open))
        }
        ("DELETE", ["connections"]) => {
            // A living connector comes back at once; a lost one is forgotten.
            tunnel.connection.take_if(|connection| connection.forgotten_ms.is_some());
            ok(&json!({}))
        }
        ("GET", ["configurations"]) => ok(&configuration(tunnel)),
        ("PUT", ["configurations"]) => configure(tunnel, call),
        _ => denied(405, 10405, "Method not allowed"),
    }
}

fn connection(tunnel: &Tunnel, open: &super::Connection) -> Value {
    json!({"id": open.id, "version": "2026.11.0", "arch": "linux_amd64", "config_version": tunnel.version, "features": ["ha-origin"],
        "run_at": iso(open.opened),
        "conns": [{"id": open.id, "client_id": open.id, "colo_name": "nrt01", "opened_at": iso(open.opened),
            "origin_ip": "10.0.0.2", "is_pending_reconnect": open.forgotten_ms.is_some(), "client_version": "2026.11.0", "uuid": open.id}]})
}

fn configuration(tunnel: &Tunnel) -> Value {
    json!({"tunnel_id": tunnel.id, "version": tunnel.version, "config": tunnel.config, "source": "cloudflare", "created_at": iso(tunnel.created)})
}

fn configure(tunnel: &mut Tunnel, call: &Call) -> Reply {
    let body = call.json().unwrap_or_default();
    if let Some(reply) = odd_field(&body, &["config"]) {
        return reply;
    }
    let config = body.get("config").cloned();
    let odd_rule = config
        .iter()
        .filter_map(|config| config.get("ingress")?.as_array())
        .flatten()
        .find_map(|rule| odd_field(rule, &["hostname", "service", "path", "originRequest"]));
    if let Some(reply) = odd_rule {
        return reply;
    }
    let last_catches_all = config
        .as_ref()
        .and_then(|config| config.get("ingress")?.as_array()?.last().cloned())
        .is_some_and(|rule| rule.get("hostname").is_none());
    if !last_catches_all {
        return denied(400, 1056, "Bad Configuration: The last ingress rule must match all URLs");
    }
    tunnel.config = config;
    tunnel.version += 1;
    ok(&configuration(tunnel))
}
