//! Test clocks: time that stands still for the customers on them until it is advanced.

use serde_json::{Value, json};

use super::form::Params;
use super::{Stripe, errors, known, lists, periods};
use crate::front::Reply;

pub(super) fn create(state: &mut Stripe, params: &Params, now: i64) -> Reply {
    if let Some(reply) = params.refused(&[known::CLOCK_CREATE]) {
        return reply;
    }
    let Some(frozen) = params.int("frozen_time") else {
        return errors::lacks("frozen_time");
    };
    let clock = json!({"id": Stripe::fresh("clock_"), "object": "test_helpers.test_clock", "created": now,
        "deletes_after": now + 30 * 86_400, "frozen_time": frozen, "livemode": false, "name": params.get("name"),
        "status": "ready", "status_details": {}});
    state.put("test_clocks", clock.clone());
    state.emit("test_helpers.test_clock.created", &clock, None, now);
    Reply::json(200, &clock)
}

/// Moves a clock on; the answer says that it is on its way, the next read that it has arrived.
pub(super) fn advance(state: &mut Stripe, id: &str, params: &Params, now: i64) -> Reply {
    if let Some(reply) = params.refused(&[known::CLOCK_ADVANCE]) {
        return reply;
    }
    let Some(to) = params.int("frozen_time") else {
        return errors::lacks("frozen_time");
    };
    let Some(clock) = state.find_mut(id) else {
        return errors::missing("test clock", id);
    };
    let from = clock["frozen_time"].as_i64().unwrap_or(0);
    if to <= from {
        let message = "The frozen time must be after the clock's current frozen time.";
        return errors::wrong("frozen_time", message);
    }
    clock["frozen_time"] = json!(to);
    let ready = clock.clone();
    while periods::next_due(state, now) {}
    state.emit("test_helpers.test_clock.ready", &ready, None, now);
    let mut shown = ready;
    shown["status"] = json!("advancing");
    shown["status_details"] = json!({"advancing": {"target_frozen_time": to}});
    Reply::json(200, &shown)
}

/// Deletes a clock with the customers on it.
pub(super) fn delete(state: &mut Stripe, id: &str, now: i64) -> Reply {
    if state.find(id).is_none() {
        return errors::missing("test clock", id);
    }
    let on_it = |object: &Value| object["test_clock"] == id;
    for table in ["customers", "subscriptions", "invoices"] {
        if let Some(all) = state.tables.get_mut(table) {
            all.retain(|object| !on_it(object));
        }
    }
    if let Some(all) = state.tables.get_mut("test_clocks") {
        all.retain(|clock| clock["id"] != id);
    }
    let gone = json!({"id": id, "object": "test_helpers.test_clock", "deleted": true});
    state.emit("test_helpers.test_clock.deleted", &gone, None, now);
    Reply::json(200, &gone)
}

pub(super) fn list(state: &Stripe, params: &Params) -> Reply {
    params
        .refused(&[known::PAGING])
        .unwrap_or_else(|| lists::list(state, "test_clocks", "/v1/test_helpers/test_clocks", params, |_| true))
}
