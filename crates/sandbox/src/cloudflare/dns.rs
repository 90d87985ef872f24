//! DNS records of the one zone.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Record, denied, odd_field, odd_query, ok, page};
use crate::clock::iso;
use crate::front::{Call, Reply};
use crate::world::{World, lock};

pub(super) fn view(world: &World, record: &Record) -> Value {
    json!({"id": record.id, "zone_id": world.credentials.cloudflare_zone_id, "zone_name": world.service_domain,
        "name": record.name, "type": record.kind, "content": record.content, "ttl": record.ttl, "proxied": record.proxied,
        "proxiable": true, "comment": record.comment, "tags": [], "settings": {}, "meta": {},
        "created_on": iso(record.created), "modified_on": iso(record.created)})
}

pub(super) fn route(world: &Arc<World>, call: &Call, rest: &[&str]) -> Reply {
    match (call.method.as_str(), rest) {
        ("GET", []) => list(world, call),
        ("POST", []) => create(world, &call.json().unwrap_or_default()),
        ("GET", [id]) => {
            let state = lock(&world.cloudflare);
            state.records.iter().find(|record| record.id == *id).map_or_else(missing, |record| ok(&view(world, record)))
        }
        ("DELETE", [id]) => {
            let mut state = lock(&world.cloudflare);
            let before = state.records.len();
            state.records.retain(|record| record.id != *id);
            if state.records.len() == before { missing() } else { ok(&json!({"id": id})) }
        }
        ("PATCH" | "PUT", [id]) => change(world, call, id),
        _ => denied(405, 10405, "Method not allowed"),
    }
}

fn missing() -> Reply {
    denied(404, 81_044, "Record does not exist.")
}

const LISTED_BY: &[&str] = &[
    "name",
    "name.exact",
    "name.contains",
    "name.startswith",
    "name.endswith",
    "content",
    "content.exact",
    "content.contains",
    "content.startswith",
    "content.endswith",
    "comment",
    "comment.present",
    "comment.absent",
    "comment.exact",
    "comment.contains",
    "comment.startswith",
    "comment.endswith",
    "type",
    "proxied",
    "match",
    "search",
];
const FIELDS: &[&str] =
    &["name", "type", "content", "ttl", "proxied", "comment", "tags", "priority", "data", "settings"];

/// Whether a record fits one filter, `name.contains=acme`.
fn fits(record: &Record, filter: &str, wanted: &str) -> bool {
    let (field, how) = filter.split_once('.').unwrap_or((filter, "exact"));
    let comment = record.comment.as_deref().unwrap_or_default();
    let proxied = record.proxied.to_string();
    let seen = match field {
        "name" => &record.name,
        "content" => &record.content,
        "type" => &record.kind,
        "proxied" => proxied.as_str(),
        "comment" => comment,
        "search" => {
            return [record.name.as_str(), record.content.as_str(), comment].iter().any(|text| text.contains(wanted));
        }
        _ => return true,
    };
    let (seen, wanted) = (seen.to_ascii_lowercase(), wanted.to_ascii_lowercase());
    match how {
        "contains" => seen.contains(&wanted),
        "startswith" => seen.starts_with(&wanted),
        "endswith" => seen.ends_with(&wanted),
        "present" => !seen.is_empty(),
        "absent" => seen.is_empty(),
        _ => seen == wanted,
    }
}

fn list(world: &World, call: &Call) -> Reply {
    if let Some(reply) = odd_query(call, LISTED_BY) {
        return reply;
    }
    let mut query = call.query_pairs();
    let any = query.remove("match").is_some_and(|how| how == "any");
    query.retain(|name, _| LISTED_BY.contains(&name.as_str()));
    let state = lock(&world.cloudflare);
    let shown: Vec<&Record> = state
        .records
        .iter()
        .filter(|record| {
            let mut hits = query.iter().map(|(filter, wanted)| fits(record, filter, wanted));
            if any && !query.is_empty() { hits.any(|hit| hit) } else { hits.all(|hit| hit) }
        })
        .collect();
    page(call, &shown, |record| view(world, record))
}

/// A comment that can't be stored: a line break, or more than a free zone's hundred characters.
fn bad_comment(body: &Value) -> Option<Reply> {
    let comment = body.get("comment").and_then(Value::as_str)?;
    let bad = comment.chars().count() > 100 || comment.contains(['\r', '\n']);
    bad.then(|| denied(400, 9_216, "DNS record comment is not valid"))
}

/// The refusal of a record that can't stand beside the others of its name.
fn conflict(others: &[&Record], kind: &str, content: &str) -> Option<Reply> {
    if others.iter().any(|record| record.kind == kind && record.content == content) {
        return Some(denied(400, 81_058, "An identical record already exists."));
    }
    let address = |kind: &str| matches!(kind, "A" | "AAAA" | "CNAME");
    if kind == "CNAME" && others.iter().any(|record| address(&record.kind)) {
        return Some(denied(400, 81_053, "An A, AAAA, or CNAME record with that host already exists."));
    }
    (address(kind) && others.iter().any(|record| record.kind == "CNAME"))
        .then(|| denied(400, 81_054, "A CNAME record with that host already exists."))
}

pub(super) fn create(world: &World, body: &Value) -> Reply {
    if let Some(reply) = odd_field(body, FIELDS).or_else(|| bad_comment(body)) {
        return reply;
    }
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    let (Some(name), Some(kind), Some(content)) = (text("name"), text("type"), text("content")) else {
        return denied(400, 9_000, "DNS record needs name, type and content");
    };
    let name = full_name(world, &name);
    let records_max = world.settings().records_max;
    let mut state = lock(&world.cloudflare);
    let same_name: Vec<&Record> = state.records.iter().filter(|record| record.name == name).collect();
    if let Some(reply) = conflict(&same_name, &kind, &content) {
        return reply;
    }
    if state.records.len() >= records_max {
        return denied(400, 81_045, "The record quota has been exceeded.");
    }
    let proxied = body.get("proxied").and_then(Value::as_bool).unwrap_or(false);
    // A proxied record's lifetime is always automatic [believed].
    let ttl = if proxied { 1 } else { body.get("ttl").and_then(Value::as_i64).unwrap_or(1) };
    let record = Record {
        id: uuid::Uuid::new_v4().simple().to_string(),
        name,
        kind,
        content,
        ttl,
        proxied,
        comment: text("comment"),
        created: world.clock.now(),
    };
    let shown = view(world, &record);
    state.records.push(record);
    ok(&shown)
}

/// PATCH merges; PUT replaces, and what it leaves out goes back to its default.
fn change(world: &World, call: &Call, id: &str) -> Reply {
    let body = call.json().unwrap_or_default();
    if let Some(reply) = odd_field(&body, FIELDS).or_else(|| bad_comment(&body)) {
        return reply;
    }
    let replaces = call.method == "PUT";
    let text = |name: &str| body.get(name).and_then(Value::as_str).map(str::to_owned);
    if replaces && (text("name").is_none() || text("type").is_none() || text("content").is_none()) {
        return denied(400, 9_000, "DNS record needs name, type and content");
    }
    let mut state = lock(&world.cloudflare);
    let Some(at) = state.records.iter().position(|record| record.id == id) else {
        return missing();
    };
    let mut after = state.records[at].clone();
    after.name = text("name").map_or(after.name, |name| full_name(world, &name));
    after.kind = text("type").unwrap_or(after.kind);
    after.content = text("content").unwrap_or(after.content);
    after.comment = text("comment").or(after.comment.filter(|_| !replaces));
    let default = !replaces && after.proxied;
    after.proxied = body.get("proxied").and_then(Value::as_bool).unwrap_or(default);
    let lifetime = if replaces { 1 } else { after.ttl };
    after.ttl = if after.proxied { 1 } else { body.get("ttl").and_then(Value::as_i64).unwrap_or(lifetime) };
    let others: Vec<&Record> =
        state.records.iter().filter(|record| record.id != id && record.name == after.name).collect();
    if let Some(reply) = conflict(&others, &after.kind, &after.content) {
        return reply;
    }
    let shown = view(world, &after);
    state.records[at] = after;
    ok(&shown)
}

/// A bare label gets the zone appended; names are kept in lower case.
fn full_name(world: &World, name: &str) -> String {
    let name = name.trim_end_matches('.').to_ascii_lowercase();
    let zone = &world.service_domain;
    if name == *zone || name.ends_with(&format!(".{zone}")) { name } else { format!("{name}.{zone}") }
}
