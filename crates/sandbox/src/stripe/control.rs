//! The part of the control API that is about Stripe.

use std::sync::Arc;

use serde_json::{Value, json};

use super::{Delivery, checkout, customers, endpoints, lists, payments};
use crate::front::{Call, Reply};
use crate::world::{World, lock};

pub(crate) fn control(world: &Arc<World>, call: &Call, rest: &[&str]) -> Result<Reply, String> {
    let given = call.json().unwrap_or_default();
    let now = world.clock.now();
    let mut state = lock(&world.stripe);
    let text = |name: &str| given.get(name).and_then(Value::as_str);
    match (call.method.as_str(), rest) {
        ("POST", ["webhooks"]) => {
            state.paused = given.get("paused").and_then(Value::as_bool).ok_or("paused is missing")?;
        }
        ("PUT", ["webhook-endpoint"]) => {
            let known = &world.credentials.stripe_webhook_secret;
            endpoints::lead(&mut state, text("url"), Some(text("secret").unwrap_or(known)), now);
        }
        ("POST", ["webhook-endpoint", "roll"]) => {
            let secret = endpoints::roll(&mut state)?;
            return Ok(Reply::json(200, &json!({"secret": secret})));
        }
        ("PUT", ["event-version"]) => {
            text("version").ok_or("version is missing")?.clone_into(&mut state.event_version);
        }
        ("POST", ["sessions", id, "settle"]) => {
            let succeeds = given.get("succeeds").and_then(Value::as_bool).ok_or("succeeds is missing")?;
            checkout::settle(&mut state, id, succeeds, now)?;
        }
        ("POST", ["payments", id, "dispute"]) => {
            return payments::dispute(&mut state, id, now).map(|dispute| Reply::json(200, &dispute));
        }
        ("POST", ["payments", id, "dispute", "close"]) => {
            return payments::close_dispute(&mut state, id, now).map(|dispute| Reply::json(200, &dispute));
        }
        ("DELETE", ["customers", id]) => return Ok(customers::delete(&mut state, id, now)),
        ("GET", ["events"]) => {
            let shown: Vec<Value> = state.table("events").iter().map(lists::view).collect();
            return Ok(Reply::json(200, &json!(shown)));
        }
        ("POST", ["events", id, "redeliver"]) => {
            state.find(id).ok_or("no such event")?;
            let at_ms = crate::clock::real_millis();
            let to: Vec<String> = state
                .table("webhook_endpoints")
                .iter()
                .filter_map(|endpoint| endpoint["id"].as_str().map(str::to_owned))
                .collect();
            let again =
                to.into_iter().map(|endpoint| Delivery { event: (*id).to_owned(), endpoint, attempt: 0, at_ms });
            state.waiting.extend(again.collect::<Vec<_>>());
        }
        (method, _) => return Err(format!("there is no {method} {}", call.path)),
    }
    Ok(Reply::json(200, &json!({})))
}
