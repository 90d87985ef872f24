//! Customers, and the portal they look after themselves in.

use serde_json::{Value, json};

use super::cards::Card;
use super::form::{Params, merge_metadata};
use super::{Stripe, errors, known, lists, objects, subscriptions};
use crate::front::Reply;

pub(super) fn create(state: &mut Stripe, params: &Params, now: i64) -> Reply {
    if let Some(reply) = params.refused(&[known::CUSTOMER_CREATE]) {
        return reply;
    }
    let mut customer = objects::customer(&Stripe::fresh("cus_"), "", now);
    customer["email"] = Value::Null;
    customer["preferred_locales"] = json!([]);
    if let Some(clock) = params.get("test_clock") {
        let Some(frozen) = state.find(clock).map(|clock| clock["frozen_time"].clone()) else {
            return errors::missing_in("test_clock", "test clock", clock);
        };
        customer["test_clock"] = json!(clock);
        customer["created"] = frozen;
    }
    if let Some(reply) = set(&mut customer, params) {
        return reply;
    }
    state.put("customers", customer.clone());
    state.emit("customer.created", &customer, None, now);
    lists::shown(state, &customer, params)
}

fn set(customer: &mut Value, params: &Params) -> Option<Reply> {
    if let Some(email) = params.get("email").filter(|email| !email.is_empty() && !email.contains('@')) {
        return Some(errors::invalid(
            400,
            Some("email_invalid"),
            Some("email"),
            &format!("Invalid email address: {email}"),
        ));
    }
    for field in ["name", "email", "description", "phone"] {
        if let Some(value) = params.get(field) {
            customer[field] = if value.is_empty() { Value::Null } else { json!(value) };
        }
    }
    if params.has("preferred_locales") {
        customer["preferred_locales"] = json!(params.list("preferred_locales"));
    }
    for (field, value) in [
        ("payment_method", params.get("payment_method")),
        ("invoice_settings[default_payment_method]", params.get("invoice_settings[default_payment_method]")),
    ] {
        let Some(method) = value else { continue };
        if Card::named(method).is_none() {
            return Some(errors::missing_in(field, "PaymentMethod", method));
        }
        if field != "payment_method" {
            customer["invoice_settings"]["default_payment_method"] = json!(method);
        }
    }
    merge_metadata(customer, params, "metadata")
}

pub(super) fn update(state: &mut Stripe, id: &str, params: &Params, now: i64) -> Reply {
    if let Some(reply) = params.refused(&[known::CUSTOMER_UPDATE]) {
        return reply;
    }
    let Some(before) = state.find(id).filter(|customer| customer["deleted"] != true).cloned() else {
        return errors::missing("customer", id);
    };
    let mut after = before.clone();
    if let Some(reply) = set(&mut after, params) {
        return reply;
    }
    if let Some(stored) = state.find_mut(id) {
        after.clone_into(stored);
    }
    state.emit_update("customer.updated", &before, &after, now);
    lists::shown(state, &after, params)
}

/// Deletes a customer: its subscriptions are canceled at once, and a stub stays to be read.
pub(super) fn delete(state: &mut Stripe, id: &str, now: i64) -> Reply {
    let Some(customer) = state.find(id).filter(|customer| customer["deleted"] != true).cloned() else {
        return errors::missing("customer", id);
    };
    let theirs = |s: &&Value| s["customer"] == id && !subscriptions::is_over(s);
    let open: Vec<String> = state
        .table("subscriptions")
        .iter()
        .filter(theirs)
        .filter_map(|subscription| subscription["id"].as_str().map(str::to_owned))
        .collect();
    for subscription in open {
        subscriptions::end(state, &subscription, "cancellation_requested", now);
    }
    let stub = json!({"id": id, "object": "customer", "deleted": true});
    if let Some(stored) = state.find_mut(id) {
        stub.clone_into(stored);
    }
    state.emit("customer.deleted", &customer, None, now);
    Reply::json(200, &stub)
}

/// What Stripe says where nobody has saved the portal's settings.
const NO_PORTAL: &str = "No configuration provided and your test mode default configuration has not been created. Provide a configuration or create your default by saving your customer portal settings in test mode at https://dashboard.stripe.com/test/settings/billing/portal.";

/// The page that customers look after themselves on; without saved settings there is none (contracts, 2.10).
pub(super) fn portal(state: &Stripe, params: &Params, now: i64) -> Reply {
    if let Some(reply) = params.refused(&[known::PORTAL_CREATE]) {
        return reply;
    }
    let Some(customer) = params.get("customer") else {
        return errors::lacks("customer");
    };
    if state.find(customer).is_none() {
        return errors::missing_in("customer", "customer", customer);
    }
    if !state.portal_configured {
        return errors::invalid(400, None, None, NO_PORTAL);
    }
    let id = Stripe::fresh("bps_");
    let session = json!({"id": id, "object": "billing_portal.session", "configuration": "bpc_sandbox", "created": now,
        "customer": customer, "customer_account": null, "flow": null, "livemode": false, "locale": params.get("locale"),
        "on_behalf_of": null, "return_url": params.get("return_url"), "url": format!("{}/p/session/{id}", state.base)});
    Reply::json(200, &session)
}
