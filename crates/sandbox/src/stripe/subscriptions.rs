//! Subscriptions: changed, canceled, ended, listed.

use serde_json::{Value, json};

use super::form::{Params, merge_metadata};
use super::{Stripe, errors, known, lists};
use crate::front::Reply;

/// Whether it has ended for good.
pub(super) fn is_over(subscription: &Value) -> bool {
    matches!(subscription["status"].as_str(), Some("canceled" | "incomplete_expired"))
}

pub(super) fn update(state: &mut Stripe, id: &str, params: &Params, now: i64) -> Reply {
    if let Some(reply) = params.refused(&[known::SUBSCRIPTION_UPDATE]) {
        return reply;
    }
    let Some(before) = state.find(id).cloned() else {
        return errors::missing("subscription", id);
    };
    let mut after = before.clone();
    let only_words = ["metadata", "cancellation_details", "expand"];
    if is_over(&before) && params.roots().any(|root| !only_words.contains(&root)) {
        return errors::invalid(
            400,
            None,
            None,
            "A canceled subscription can only update its cancellation_details and metadata.",
        );
    }
    if let Some(reply) = merge_metadata(&mut after, params, "metadata") {
        return reply;
    }
    if let Some(reply) = set_end(&mut after, params, state.now_of(&before["test_clock"], now)) {
        return reply;
    }
    for field in ["description", "default_payment_method"] {
        if let Some(value) = params.get(field) {
            after[field] = if value.is_empty() { Value::Null } else { json!(value) };
        }
    }
    for field in ["comment", "feedback"] {
        if let Some(value) = params.get(&format!("cancellation_details[{field}]")) {
            after["cancellation_details"][field] = json!(value);
        }
    }
    if let Some(stored) = state.find_mut(id) {
        *stored = after.clone();
    }
    state.emit_update("customer.subscription.updated", &before, &after, now);
    lists::shown(state, &after, params)
}

/// Sets or unsets when it ends; the refusal where that can't be.
fn set_end(after: &mut Value, params: &Params, now: i64) -> Option<Reply> {
    if params.flag("cancel_at_period_end") == Some(true) && params.int("cancel_at").is_some() {
        let message = "You may only specify one of these parameters: cancel_at, cancel_at_period_end.";
        return Some(errors::wrong("cancel_at", message));
    }
    let end = after["items"]["data"][0]["current_period_end"].clone();
    match params.flag("cancel_at_period_end") {
        Some(true) => {
            after["cancel_at_period_end"] = json!(true);
            after["cancel_at"] = end;
            after["canceled_at"] = json!(now);
        }
        Some(false) => {
            after["cancel_at_period_end"] = json!(false);
            after["cancel_at"] = Value::Null;
            after["canceled_at"] = Value::Null;
        }
        None => {}
    }
    if params.get("cancel_at") == Some("") {
        after["cancel_at"] = Value::Null;
        after["canceled_at"] = Value::Null;
    }
    if let Some(at) = params.int("cancel_at") {
        if at <= now {
            return Some(errors::wrong("cancel_at", "The subscription's `cancel_at` must be in the future."));
        }
        after["cancel_at"] = json!(at);
        after["canceled_at"] = json!(now);
    }
    None
}

pub(super) fn cancel(state: &mut Stripe, id: &str, params: &Params, now: i64) -> Reply {
    if let Some(reply) = params.refused(&[known::SUBSCRIPTION_CANCEL]) {
        return reply;
    }
    match state.find(id) {
        Some(known) if !is_over(known) => {}
        Some(_) | None => return errors::missing("subscription", id),
    }
    for field in ["comment", "feedback"] {
        if let (Some(value), Some(stored)) = (params.get(&format!("cancellation_details[{field}]")), state.find_mut(id))
        {
            stored["cancellation_details"][field] = json!(value);
        }
    }
    let clock = state.find(id).map(|known| known["test_clock"].clone()).unwrap_or_default();
    let now = state.now_of(&clock, now);
    let ended = end(state, id, "cancellation_requested", now);
    lists::shown(state, &ended, params)
}

pub(super) fn end(state: &mut Stripe, id: &str, reason: &str, at: i64) -> Value {
    let Some(subscription) = state.find_mut(id) else {
        return Value::Null;
    };
    subscription["status"] = json!("canceled");
    subscription["ended_at"] = json!(at);
    if subscription["canceled_at"].is_null() {
        subscription["canceled_at"] = json!(at);
    }
    subscription["cancellation_details"]["reason"] = json!(reason);
    let shown = subscription.clone();
    state.emit("customer.subscription.deleted", &shown, None, at);
    shown
}

pub(super) fn list(state: &Stripe, params: &Params) -> Reply {
    if let Some(reply) = params.refused(&[known::PAGING, known::CREATED, known::SUBSCRIPTION_LIST]) {
        return reply;
    }
    let wanted = params.get("status");
    let by = |name: &str, object: &Value| params.get(name).is_none_or(|value| object[name] == value);
    lists::list(state, "subscriptions", "/v1/subscriptions", params, |object| {
        let status = object["status"].as_str().unwrap_or_default();
        let fits = match wanted {
            None => status != "canceled",
            Some("all") => true,
            Some("ended") => matches!(status, "canceled" | "incomplete_expired"),
            Some(wanted) => status == wanted,
        };
        let price = params.get("price").is_none_or(|price| object["items"]["data"][0]["price"]["id"] == price);
        fits && price && ["customer", "collection_method", "test_clock"].iter().all(|name| by(name, object))
    })
}
