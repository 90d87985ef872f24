//! Webhook endpoints: where events go, which, and signed with what.

use serde_json::{Value, json};

use super::form::{Params, merge_metadata};
use super::{Stripe, errors, known, lists};
use crate::front::Reply;

/// An endpoint that wants every event.
pub(super) fn endpoint(url: &str, secret: &str, now: i64) -> Value {
    json!({"id": Stripe::fresh("we_"), "object": "webhook_endpoint", "api_version": null, "application": null, "created": now,
        "description": null, "enabled_events": ["*"], "livemode": false, "metadata": {}, "status": "enabled", "url": url,
        "_secrets": [secret]})
}

/// Whether an endpoint wants events of that type.
pub(super) fn wants(endpoint: &Value, kind: &str) -> bool {
    let wanted = |pattern: &Value| pattern == "*" || pattern == kind;
    endpoint["status"] == "enabled" && endpoint["enabled_events"].as_array().is_some_and(|all| all.iter().any(wanted))
}

pub(super) fn create(state: &mut Stripe, params: &Params, now: i64) -> Reply {
    if let Some(reply) = params.refused(&[known::ENDPOINT_CREATE]) {
        return reply;
    }
    let Some(url) = params.get("url") else {
        return errors::lacks("url");
    };
    let events = params.list("enabled_events");
    if events.is_empty() {
        return errors::lacks("enabled_events");
    }
    if !url.starts_with("http://") && !url.starts_with("https://") {
        return errors::invalid(
            400,
            Some("url_invalid"),
            Some("url"),
            "Invalid URL: An explicit scheme must be provided.",
        );
    }
    let secret = format!("whsec_{}", super::objects::random(32));
    let mut made = endpoint(url, &secret, now);
    made["enabled_events"] = json!(events);
    made["description"] = params.get("description").map_or(Value::Null, |text| json!(text));
    made["api_version"] = params.get("api_version").map_or(Value::Null, |version| json!(version));
    if let Some(reply) = merge_metadata(&mut made, params, "metadata") {
        return reply;
    }
    state.put("webhook_endpoints", made.clone());
    // The secret is shown this once.
    let mut shown = lists::view(&made);
    shown["secret"] = json!(secret);
    Reply::json(200, &shown)
}

pub(super) fn update(state: &mut Stripe, id: &str, params: &Params) -> Reply {
    if let Some(reply) = params.refused(&[known::ENDPOINT_UPDATE]) {
        return reply;
    }
    let Some(stored) = state.find_mut(id) else {
        return errors::missing("webhook endpoint", id);
    };
    for field in ["url", "description"] {
        if let Some(value) = params.get(field) {
            stored[field] = json!(value);
        }
    }
    let events = params.list("enabled_events");
    if !events.is_empty() {
        stored["enabled_events"] = json!(events);
    }
    if let Some(disabled) = params.flag("disabled") {
        stored["status"] = json!(if disabled { "disabled" } else { "enabled" });
    }
    if let Some(reply) = merge_metadata(stored, params, "metadata") {
        return reply;
    }
    let shown = stored.clone();
    lists::shown(state, &shown, params)
}

pub(super) fn delete(state: &mut Stripe, id: &str) -> Reply {
    if state.find(id).is_none() {
        return errors::missing("webhook endpoint", id);
    }
    if let Some(all) = state.tables.get_mut("webhook_endpoints") {
        all.retain(|endpoint| endpoint["id"] != id);
    }
    Reply::json(200, &json!({"id": id, "object": "webhook_endpoint", "deleted": true}))
}

/// A second secret beside the old one, as while an operator changes it: both sign.
pub(super) fn roll(state: &mut Stripe) -> Result<String, String> {
    let secret = format!("whsec_{}", super::objects::random(32));
    let first = state.tables.get_mut("webhook_endpoints").and_then(|all| all.first_mut()).ok_or("no endpoint")?;
    let old = first["_secrets"].as_array().and_then(|all| all.last().cloned()).unwrap_or_default();
    // The new one first: a receiver that looks at the first signature only must not get by.
    first["_secrets"] = json!([secret, old]);
    Ok(secret)
}

/// Leads the first endpoint elsewhere, or nowhere.
pub(super) fn lead(state: &mut Stripe, url: Option<&str>, secret: Option<&str>, now: i64) {
    let all = state.tables.entry("webhook_endpoints").or_default();
    let Some(url) = url else {
        all.clear();
        return;
    };
    if all.is_empty() {
        all.push(endpoint(url, secret.unwrap_or_default(), now));
    }
    if let Some(first) = all.first_mut() {
        first["url"] = json!(url);
        if let Some(secret) = secret {
            first["_secrets"] = json!([secret]);
        }
    }
}
