//! Which call leads where.

use super::form::{Params, merge_metadata};
use super::{
    Stripe, catalogue, checkout, customers, endpoints, errors, known, lists, objects, payments, search, starts,
    subscriptions, test_clocks,
};
use crate::front::{Call, Reply};

pub(super) fn route(state: &mut Stripe, call: &Call, path: &[&str], params: &Params, now: i64) -> Reply {
    match (call.method.as_str(), path) {
        ("POST", _) => post(state, call, path, params, now),
        ("GET", _) => get(state, call, path, params),
        ("DELETE", ["subscriptions", id]) => subscriptions::cancel(state, id, params, now),
        ("DELETE", ["customers", id]) => customers::delete(state, id, now),
        ("DELETE", ["products", id]) => catalogue::delete_product(state, id, now),
        ("DELETE", ["webhook_endpoints", id]) => endpoints::delete(state, id),
        ("DELETE", ["test_helpers", "test_clocks", id]) => test_clocks::delete(state, id, now),
        (_, _) => unrecognized(call),
    }
}

fn unrecognized(call: &Call) -> Reply {
    let message = format!(
        "Unrecognized request URL ({}: {}). Please see https://stripe.com/docs or we can help at https://support.stripe.com/.",
        call.method, call.path
    );
    errors::invalid(404, None, None, &message)
}

fn post(state: &mut Stripe, call: &Call, path: &[&str], params: &Params, now: i64) -> Reply {
    match path {
        ["checkout", "sessions"] => checkout::create(state, params, now),
        ["checkout", "sessions", id, "expire"] => checkout::expire(state, id, params, now),
        ["subscriptions"] => starts::create(state, params, now),
        ["subscriptions", id] => subscriptions::update(state, id, params, now),
        ["customers"] => customers::create(state, params, now),
        ["customers", id] => customers::update(state, id, params, now),
        ["products"] => catalogue::create_product(state, params, now),
        ["products", id] => catalogue::update(state, ("product", id), params, now),
        ["prices"] => catalogue::create_price(state, params, now),
        ["prices", id] => catalogue::update(state, ("price", id), params, now),
        ["payment_intents"] => payments::create_intent(state, params, now),
        ["payment_intents", id, "confirm"] => payments::confirm_intent(state, id, params, now),
        ["payment_intents", id, "cancel"] => payments::cancel_intent(state, id, params, now),
        ["refunds"] => payments::refund(state, params, now),
        ["refunds", id] => annotate(state, id, params),
        ["webhook_endpoints"] => endpoints::create(state, params, now),
        ["webhook_endpoints", id] => endpoints::update(state, id, params),
        ["test_helpers", "test_clocks"] => test_clocks::create(state, params, now),
        ["test_helpers", "test_clocks", id, "advance"] => test_clocks::advance(state, id, params, now),
        ["billing_portal", "sessions"] => customers::portal(state, params, now),
        _ => unrecognized(call),
    }
}

fn annotate(state: &mut Stripe, id: &str, params: &Params) -> Reply {
    if let Some(reply) = params.refused(&[known::REFUND_UPDATE]) {
        return reply;
    }
    let Some(stored) = state.find_mut(id) else {
        return errors::missing("refund", id);
    };
    if let Some(reply) = merge_metadata(stored, params, "metadata") {
        return reply;
    }
    let shown = stored.clone();
    lists::shown(state, &shown, params)
}

fn get(state: &Stripe, call: &Call, path: &[&str], params: &Params) -> Reply {
    match path {
        ["checkout", "sessions"] => {
            listed(state, "checkout_sessions", "/v1/checkout/sessions", params, known::CHECKOUT_LIST)
        }
        ["checkout", "sessions", id] => one(state, "checkout.session", id, params),
        ["checkout", "sessions", id, "line_items"] => lists::lines(state, id, params),
        ["subscriptions", "search"] => search::answer(state, "subscriptions", params),
        ["customers", "search"] => search::answer(state, "customers", params),
        ["subscriptions"] => subscriptions::list(state, params),
        ["events"] => events(state, params),
        ["test_helpers", "test_clocks"] => test_clocks::list(state, params),
        ["test_helpers", "test_clocks", id] => one(state, "test clock", id, params),
        ["invoices"] => listed(state, "invoices", "/v1/invoices", params, known::INVOICE_LIST),
        ["customers"] => listed(state, "customers", "/v1/customers", params, known::CUSTOMER_LIST),
        ["prices"] => listed(state, "prices", "/v1/prices", params, known::PRICE_LIST),
        ["products"] => listed(state, "products", "/v1/products", params, known::PRODUCT_LIST),
        ["invoice_payments"] => {
            listed(state, "invoice_payments", "/v1/invoice_payments", params, known::INVOICE_PAYMENT_LIST)
        }
        ["refunds"] => listed(state, "refunds", "/v1/refunds", params, known::REFUND_LIST),
        ["payment_intents"] => listed(state, "payment_intents", "/v1/payment_intents", params, known::INTENT_LIST),
        ["charges"] => listed(state, "charges", "/v1/charges", params, known::CHARGE_LIST),
        ["webhook_endpoints"] => listed(state, "webhook_endpoints", "/v1/webhook_endpoints", params, known::NOTHING),
        [
            kind @ ("subscriptions" | "invoices" | "customers" | "prices" | "products" | "invoice_payments" | "refunds"
            | "payment_intents" | "charges" | "events" | "webhook_endpoints" | "disputes"),
            id,
        ] => one(state, kind.trim_end_matches('s'), id, params),
        _ => unrecognized(call),
    }
}

fn one(state: &Stripe, kind: &str, id: &str, params: &Params) -> Reply {
    if let Some(reply) = params.refused(&[known::NOTHING]) {
        return reply;
    }
    let of_kind = |id: &str| {
        let table = objects::table_of(id)?;
        (table.trim_end_matches('s').replace('_', " ") == kind.replace(['.', '_'], " ")).then_some(())
    };
    match of_kind(id).and_then(|()| state.find(id)) {
        Some(object) => lists::shown(state, object, params),
        None => errors::missing(kind, id),
    }
}

/// A list of what equals every filter that is given.
fn listed(state: &Stripe, table: &'static str, url: &str, params: &Params, takes: &[&str]) -> Reply {
    if let Some(reply) = params.refused(&[known::PAGING, known::CREATED, takes]) {
        return reply;
    }
    let (ids, keys) = (params.list("ids"), params.list("lookup_keys"));
    lists::list(state, table, url, params, |object| {
        let same = |pattern: &&str| {
            let name = pattern.split('=').next().unwrap_or_default();
            let (key, seen) = match name {
                "payment.type" => ("payment[type]", &object["payment"]["type"]),
                "payment.payment_intent" => ("payment[payment_intent]", &object["payment"]["payment_intent"]),
                "customer_details.email" => ("customer_details[email]", &object["customer_details"]["email"]),
                "subscription" if table == "invoices" => {
                    ("subscription", &object["parent"]["subscription_details"]["subscription"])
                }
                _ => (name, &object[name]),
            };
            params
                .get(key)
                .is_none_or(|wanted| seen == wanted || seen.as_bool().is_some_and(|seen| seen.to_string() == wanted))
        };
        let in_ids = ids.is_empty() || ids.iter().any(|id| object["id"] == *id);
        let in_keys = keys.is_empty() || keys.iter().any(|key| object["lookup_key"] == *key);
        in_ids
            && in_keys
            && object["deleted"] != true
            && takes.iter().filter(|pattern| !pattern.contains('#')).all(same)
    })
}

fn events(state: &Stripe, params: &Params) -> Reply {
    if let Some(reply) = params.refused(&[known::PAGING, known::CREATED, known::EVENT_LIST]) {
        return reply;
    }
    let types = params.list("types");
    if types.len() > 20 {
        return errors::wrong("types", "You may only specify up to 20 types.");
    }
    if !types.is_empty() && params.has("type") {
        return errors::wrong("types", "You may only specify one of these parameters: type, types.");
    }
    let fits = |pattern: &str, kind: &str| {
        pattern.strip_suffix('*').map_or(pattern == kind, |prefix| kind.starts_with(prefix))
    };
    let known_ms = crate::clock::real_millis() - state.events_lag_ms;
    lists::list(state, "events", "/v1/events", params, |event| {
        let kind = event["type"].as_str().unwrap_or_default();
        let seen = event["_put_ms"].as_i64().is_none_or(|at| at <= known_ms);
        let delivered = params.flag("delivery_success").is_none_or(|wanted| (event["pending_webhooks"] == 0) == wanted);
        seen && delivered
            && (types.is_empty() || types.iter().any(|pattern| fits(pattern, kind)))
            && params.get("type").is_none_or(|pattern| fits(pattern, kind))
    })
}
