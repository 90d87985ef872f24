//! Events: written once, never changed, and queued for delivery.

use serde_json::{Value, json};

use super::{Delivery, Stripe, endpoints, lists};

impl Stripe {
    /// Writes an event about an object as it is now.
    pub(super) fn emit(&mut self, kind: &str, object: &Value, previous: Option<Value>, now: i64) {
        let id = Self::fresh("evt_");
        let mut data = json!({"object": lists::view(object)});
        if let Some(previous) = previous {
            data["previous_attributes"] = previous;
        }
        let origin = self.origin.as_ref();
        let request = json!({"id": origin.map(|origin| &origin.request), "idempotency_key": origin.and_then(|origin| origin.key.as_ref())});
        let to: Vec<String> = self
            .table("webhook_endpoints")
            .iter()
            .filter(|endpoint| !self.paused && endpoints::wants(endpoint, kind))
            .filter_map(|endpoint| endpoint["id"].as_str().map(str::to_owned))
            .collect();
        self.put(
            "events",
            json!({"id": id, "object": "event", "api_version": self.event_version, "created": now, "data": data,
                "livemode": false, "pending_webhooks": to.len(), "request": request, "type": kind}),
        );
        let at_ms = crate::clock::real_millis();
        self.waiting.extend(to.into_iter().map(|endpoint| Delivery { event: id.clone(), endpoint, attempt: 0, at_ms }));
    }

    /// Writes `….updated` with what was different before.
    pub(super) fn emit_update(&mut self, kind: &str, before: &Value, after: &Value, now: i64) {
        let mut previous = serde_json::Map::new();
        if let (Some(old), Some(new)) = (before.as_object(), after.as_object()) {
            for (field, value) in old {
                if !field.starts_with('_') && new.get(field) != Some(value) {
                    let shown =
                        if field == "metadata" { metadata_before(value, &new["metadata"]) } else { value.clone() };
                    previous.insert(field.clone(), shown);
                }
            }
        }
        if !previous.is_empty() {
            self.emit(kind, after, Some(Value::Object(previous)), now);
        }
    }
}

/// Only the keys that changed, new ones as null.
fn metadata_before(old: &Value, new: &Value) -> Value {
    let (old, new) = (old.as_object().cloned().unwrap_or_default(), new.as_object().cloned().unwrap_or_default());
    let keys = old.keys().chain(new.keys()).filter(|key| old.get(*key) != new.get(*key));
    Value::Object(keys.map(|key| (key.clone(), old.get(key).cloned().unwrap_or_default())).collect())
}
