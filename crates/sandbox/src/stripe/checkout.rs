//! Checkout Sessions: opened, paid on a page (at once or later), expired.

use serde_json::{Value, json};

use super::form::{Params, merge_metadata};
use super::starts::{Outcome, Start, start};
use super::{Stripe, errors, known, lists, money, objects};
use crate::front::Reply;

pub(super) fn create(state: &mut Stripe, params: &Params, now: i64) -> Reply {
    if let Some(reply) = params.refused(&[known::CHECKOUT_CREATE]) {
        return reply;
    }
    match opened(state, params, now) {
        Ok(session) => {
            state.put("checkout_sessions", session.clone());
            lists::shown(state, &session, params)
        }
        Err(reply) => reply,
    }
}

/// What is bought, and how many of it.
fn bought(state: &Stripe, params: &Params) -> Result<(Value, i64), Reply> {
    if params.get("mode") != Some("subscription") {
        return Err(errors::wrong("mode", "This sandbox sells subscriptions: mode must be subscription."));
    }
    let Some(price_id) = params.get("line_items[0][price]") else {
        return Err(errors::lacks("line_items"));
    };
    if params.get("line_items[1][price]").is_some() {
        return Err(errors::wrong("line_items", "This sandbox imitates sessions of one line item."));
    }
    let Some(price) = state.find(price_id) else {
        return Err(errors::missing_in("line_items[0][price]", "price", price_id));
    };
    if price["active"] != true {
        let message = "The price specified is inactive. This field only accepts active prices.";
        return Err(errors::wrong("line_items[0][price]", message));
    }
    if price["recurring"].is_null() {
        let message = "You must provide at least one recurring price in `subscription` mode when using prices.";
        return Err(errors::wrong("line_items", message));
    }
    Ok((price.clone(), params.int("line_items[0][quantity]").unwrap_or(1)))
}

/// Whom it is for: a customer that exists, or an address.
fn buyer<'a>(state: &Stripe, params: &'a Params) -> Result<(Option<&'a str>, Option<&'a str>), Reply> {
    let (customer, email) = (params.get("customer"), params.get("customer_email"));
    if customer.is_some() && email.is_some() {
        let message = "You may only specify one of these parameters: customer, customer_email.";
        return Err(errors::wrong("customer", message));
    }
    if let Some(id) = customer.filter(|id| state.find(id).is_none()) {
        return Err(errors::missing_in("customer", "customer", id));
    }
    if let Some(email) = email.filter(|email| !email.contains('@')) {
        let message = format!("Invalid email address: {email}");
        return Err(errors::invalid(400, Some("email_invalid"), Some("customer_email"), &message));
    }
    Ok((customer, email))
}

/// The longest text beside the pay button, in characters.
const CUSTOM_TEXT_MAX: usize = 1_200;

/// What is said beside the pay button.
fn beside_submit(params: &Params) -> Result<Value, Reply> {
    let param = "custom_text[submit][message]";
    match params.get(param).filter(|text| !text.is_empty()) {
        None => Ok(Value::Null),
        Some(text) if text.chars().count() > CUSTOM_TEXT_MAX => {
            Err(errors::wrong(param, "Invalid string: custom text must be at most 1200 characters"))
        }
        Some(text) => Ok(json!({"message": text})),
    }
}

fn expires(params: &Params, now: i64) -> Result<i64, Reply> {
    let at = params.int("expires_at").unwrap_or(now + 86_400);
    let wrong = |bound: &str| {
        let message = format!("The `expires_at` timestamp must be {bound} from Checkout Session creation.");
        Err(errors::wrong("expires_at", &message))
    };
    if at < now + 1_800 {
        return wrong("at least 30 minutes");
    }
    if at > now + 86_400 {
        return wrong("less than 24 hours");
    }
    Ok(at)
}

fn opened(state: &Stripe, params: &Params, now: i64) -> Result<Value, Reply> {
    let (price, quantity) = bought(state, params)?;
    let Some(success_url) = params.get("success_url") else {
        return Err(errors::lacks("success_url"));
    };
    let (customer, email) = buyer(state, params)?;
    let expires = expires(params, now)?;
    let id = Stripe::fresh("cs_test_");
    let amount = money::total(&price, quantity);
    let mut passed_on = json!({"metadata": {}});
    if let Some(reply) = merge_metadata(&mut passed_on, params, "subscription_data[metadata]") {
        return Err(reply);
    }
    let details = email.map(objects::customer_details);
    let mut session = json!({"id": id, "object": "checkout.session", "adaptive_pricing": null, "after_expiration": null,
        "allow_promotion_codes": params.flag("allow_promotion_codes"), "allowed_payment_method_types": null,
        "amount_subtotal": amount, "amount_total": amount,
        "automatic_tax": {"enabled": false, "liability": null, "provider": null, "status": null},
        "billing_address_collection": params.get("billing_address_collection"), "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"), "client_secret": null, "collected_information": null,
        "consent": null, "consent_collection": null, "created": now, "currency": price["currency"], "currency_conversion": null,
        "custom_fields": [], "custom_text": {"after_submit": null, "shipping_address": null, "submit": beside_submit(params)?, "terms_of_service_acceptance": null},
        "customer": customer, "customer_account": null, "customer_creation": if customer.is_some() { Value::Null } else { json!("always") },
        "customer_details": details, "customer_email": email, "discounts": [], "expires_at": expires,
        "integration_identifier": null, "invoice": null, "invoice_creation": null, "livemode": false,
        "locale": params.get("locale"), "managed_payments": {"enabled": false}, "metadata": {}, "mode": "subscription",
        "origin_context": null, "payment_intent": null, "payment_link": null, "payment_method_collection": "always",
        "payment_method_configuration_details": null, "payment_method_options": {}, "payment_method_types": ["card"],
        "payment_status": "unpaid", "permissions": null,
        "phone_number_collection": {"enabled": params.flag("phone_number_collection[enabled]").unwrap_or(false)},
        "recovered_from": null, "saved_payment_method_options": null, "setup_intent": null, "shipping_address_collection": null,
        "shipping_cost": null, "shipping_options": [], "status": "open", "submit_type": params.get("submit_type"),
        "subscription": null, "success_url": success_url,
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "ui_mode": "hosted_page", "url": format!("{}/c/pay/{id}", state.base), "wallet_options": null});
    if let Some(reply) = merge_metadata(&mut session, params, "metadata") {
        return Err(reply);
    }
    // Kept beside what clients see: `lists::view` takes these away.
    session["_lines"] = json!([money::session_line(&price, quantity)]);
    session["_price"] = price;
    session["_quantity"] = json!(quantity);
    session["_subscription_metadata"] = passed_on["metadata"].clone();
    Ok(session)
}

/// Expires an open session, by request or because its time has come.
pub(super) fn expire(state: &mut Stripe, id: &str, params: &Params, now: i64) -> Reply {
    if let Some(reply) = params.refused(&[known::NOTHING]) {
        return reply;
    }
    let Some(session) = state.find_mut(id) else {
        return errors::missing("checkout.session", id);
    };
    if session["status"] != "open" {
        let message = format!(
            "Only Checkout Sessions with a status in [\"open\"] can be expired. This Checkout Session has a status of `{}`.",
            session["status"].as_str().unwrap_or_default()
        );
        return errors::wrong("session", &message);
    }
    session["status"] = json!("expired");
    session["url"] = Value::Null;
    let shown = session.clone();
    state.emit("checkout.session.expired", &shown, None, now);
    lists::shown(state, &shown, params)
}

/// Completes an open session; gives where the payer is led. `later` is a method that pays another day.
pub(super) fn complete(state: &mut Stripe, id: &str, later: bool, now: i64) -> Option<String> {
    let session = state.find(id).filter(|session| session["status"] == "open")?.clone();
    let email = session["customer_email"].as_str().unwrap_or("someone@example.com").to_owned();
    let customer = if let Some(known) = session["customer"].as_str() {
        state.find(known)?.clone()
    } else {
        let customer = objects::customer(&Stripe::fresh("cus_"), &email, now);
        state.put("customers", customer.clone());
        state.emit("customer.created", &customer, None, now);
        customer
    };
    let amount = session["amount_total"].as_i64().unwrap_or(0);
    let outcome = if later { Outcome::Awaited } else { Outcome::Paid };
    let order = Start {
        customer: &customer,
        price: &session["_price"],
        quantity: session["_quantity"].as_i64().unwrap_or(1),
        metadata: &session["_subscription_metadata"],
        outcome,
    };
    let trial = start(state, &order, now);
    let done = state.find_mut(id)?;
    done["status"] = json!("complete");
    done["payment_status"] = json!(match (amount, outcome) {
        (0, _) => "no_payment_required",
        (_, Outcome::Paid) => "paid",
        (_, Outcome::Awaited | Outcome::Incomplete) => "unpaid",
    });
    done["customer"] = customer["id"].clone();
    done["subscription"] = trial["id"].clone();
    done["invoice"] = trial["latest_invoice"].clone();
    done["url"] = Value::Null;
    done["customer_details"] = objects::customer_details(&email);
    let shown = done.clone();
    state.emit("checkout.session.completed", &shown, None, now);
    Some(session["success_url"].as_str().unwrap_or_default().replace("{CHECKOUT_SESSION_ID}", id))
}

/// What a slow method says in the end.
pub(super) fn settle(state: &mut Stripe, id: &str, succeeds: bool, now: i64) -> Result<(), String> {
    let session = state.find(id).cloned().ok_or("no such session")?;
    if session["status"] != "complete" || session["payment_status"] != "unpaid" {
        return Err("that session waits for no payment".to_owned());
    }
    let invoice = session["invoice"].as_str().unwrap_or_default().to_owned();
    let subscription = session["subscription"].as_str().unwrap_or_default().to_owned();
    state.settle_payment(&invoice, succeeds, now);
    if succeeds {
        super::invoices::mark_paid(state, &invoice, now);
        if let Some(stored) = state.find_mut(id) {
            stored["payment_status"] = json!("paid");
        }
    } else {
        super::invoices::mark_failed(state, &invoice, &subscription, now);
    }
    let shown = state.find(id).cloned().unwrap_or_default();
    let kind = if succeeds { "async_payment_succeeded" } else { "async_payment_failed" };
    state.emit(&format!("checkout.session.{kind}"), &shown, None, now);
    Ok(())
}
