//! A subscription begins: bought through a Checkout Session, or made through the API for a customer whose
//! card is known.

use serde_json::{Value, json};

use super::cards::{Card, Decline};
use super::form::{Params, merge_metadata};
use super::money::{self, NewIntent, NewInvoice};
use super::objects::{NewSubscription, subscription};
use super::{Stripe, errors, known, lists};
use crate::front::Reply;

/// What becomes of the first payment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Outcome {
    Paid,
    /// It comes later; the subscription runs meanwhile [believed].
    Awaited,
    /// It was declined: `incomplete` for 23 hours.
    Incomplete,
}

/// Who buys what.
pub(super) struct Start<'a> {
    pub(super) customer: &'a Value,
    pub(super) price: &'a Value,
    pub(super) quantity: i64,
    pub(super) metadata: &'a Value,
    pub(super) outcome: Outcome,
}

/// Begins a subscription with its first invoice and payment; gives it as it is then.
pub(super) fn start(state: &mut Stripe, order: &Start<'_>, now: i64) -> Value {
    let (id, invoice_id) = (Stripe::fresh("sub_"), Stripe::fresh("in_"));
    let amount = money::total(order.price, order.quantity);
    let invoice = money::invoice(&NewInvoice {
        id: &invoice_id,
        customer: order.customer,
        subscription: &id,
        price: order.price,
        quantity: order.quantity,
        reason: "subscription_create",
        status: if order.outcome == Outcome::Paid { "paid" } else { "open" },
        now,
    });
    state.put("invoices", invoice.clone());
    match order.outcome {
        Outcome::Paid => state.pay_invoice(&invoice_id, &order.customer["id"], amount, now),
        Outcome::Awaited => {
            state.await_payment(&invoice_id, (&order.customer["id"], amount), "processing", now);
        }
        Outcome::Incomplete => {
            state.await_payment(&invoice_id, (&order.customer["id"], amount), "requires_payment_method", now);
        }
    }
    let mut begun = subscription(&NewSubscription {
        id: &id,
        customer: order.customer["id"].as_str().unwrap_or_default(),
        price: order.price,
        metadata: order.metadata,
        invoice: &invoice_id,
        now,
    });
    begun["items"]["data"][0]["quantity"] = json!(order.quantity);
    begun["test_clock"] = order.customer["test_clock"].clone();
    if order.outcome == Outcome::Incomplete {
        begun["status"] = json!("incomplete");
    }
    state.put("subscriptions", begun.clone());
    let mut first = begun.clone();
    first["status"] = json!("incomplete");
    state.emit("customer.subscription.created", &first, None, now);
    state.emit("invoice.created", &invoice, None, now);
    if order.outcome != Outcome::Incomplete {
        state.emit("customer.subscription.updated", &begun, Some(json!({"status": "incomplete"})), now);
    }
    if order.outcome == Outcome::Paid {
        state.emit("invoice.paid", &invoice, None, now);
        state.emit("invoice.payment_succeeded", &invoice, None, now);
    }
    begun
}

/// `POST /v1/subscriptions`.
pub(super) fn create(state: &mut Stripe, params: &Params, now: i64) -> Reply {
    if let Some(reply) = params.refused(&[known::SUBSCRIPTION_CREATE]) {
        return reply;
    }
    match ordered(state, params) {
        Ok((customer, price, card)) => {
            let now = state.now_of(&customer["test_clock"], now);
            begin(state, params, (&customer, &price, card), now)
        }
        Err(reply) => reply,
    }
}

/// The customer, the price and the card; none where the payment is left open on purpose.
fn ordered(state: &Stripe, params: &Params) -> Result<(Value, Value, Option<Card>), Reply> {
    let Some(customer_id) = params.get("customer") else {
        return Err(errors::lacks("customer"));
    };
    let Some(customer) = state.find(customer_id).filter(|customer| customer["deleted"] != true) else {
        return Err(errors::missing_in("customer", "customer", customer_id));
    };
    let Some(price_id) = params.get("items[0][price]") else {
        return Err(errors::lacks("items"));
    };
    if params.get("items[1][price]").is_some() {
        return Err(errors::wrong("items", "This sandbox imitates subscriptions of one item."));
    }
    let Some(price) = state.find(price_id) else {
        return Err(errors::missing_in("items[0][price]", "price", price_id));
    };
    if params.get("payment_behavior") == Some("default_incomplete") {
        return Ok((customer.clone(), price.clone(), None));
    }
    let stored = customer["invoice_settings"]["default_payment_method"].as_str();
    let Some(method) = params.get("default_payment_method").or(stored) else {
        let message = "This customer has no attached payment source or default payment method. Please consider adding a default payment method.";
        return Err(errors::invalid(400, Some("resource_missing"), None, message));
    };
    match Card::named(method) {
        Some(card) => Ok((customer.clone(), price.clone(), Some(card))),
        None => Err(errors::missing_in("default_payment_method", "PaymentMethod", method)),
    }
}

fn begin(
    state: &mut Stripe,
    params: &Params,
    (customer, price, card): (&Value, &Value, Option<Card>),
    now: i64,
) -> Reply {
    let quantity = params.int("items[0][quantity]").unwrap_or(1);
    let outcome = match card {
        Some(Card::Declined(decline)) if params.get("payment_behavior") == Some("error_if_incomplete") => {
            return refused(state, &decline, (customer, money::total(price, quantity)), now);
        }
        Some(Card::Good | Card::Guarded) => Outcome::Paid,
        Some(Card::Later) => Outcome::Awaited,
        Some(Card::Declined(_)) | None => Outcome::Incomplete,
    };
    let mut holder = json!({"metadata": {}});
    if let Some(reply) = merge_metadata(&mut holder, params, "metadata") {
        return reply;
    }
    let begun = start(state, &Start { customer, price, quantity, metadata: &holder["metadata"], outcome }, now);
    let id = begun["id"].as_str().unwrap_or_default();
    if let Some(stored) = state.find_mut(id) {
        stored["description"] = params.get("description").map_or(Value::Null, |text| json!(text));
        stored["default_payment_method"] = params.get("default_payment_method").map_or(Value::Null, |id| json!(id));
        if params.flag("cancel_at_period_end") == Some(true) {
            stored["cancel_at_period_end"] = json!(true);
            stored["cancel_at"] = stored["items"]["data"][0]["current_period_end"].clone();
            stored["canceled_at"] = json!(now);
        }
    }
    let shown = state.find(id).cloned().unwrap_or(begun);
    lists::shown(state, &shown, params)
}

/// A decline that leaves nothing but the payment behind.
fn refused(state: &mut Stripe, decline: &Decline, (customer, amount): (&Value, i64), now: i64) -> Reply {
    let (id, charge) = (Stripe::fresh("pi_"), Stripe::fresh("ch_"));
    let intent = money::payment_intent(&NewIntent {
        id: &id,
        amount,
        currency: "jpy",
        customer: &customer["id"],
        status: "requires_payment_method",
        charge: Some(&charge),
        now,
    });
    state.put("charges", money::charge(&charge, &intent, false, now));
    state.put("payment_intents", intent.clone());
    errors::declined(decline, &intent, &charge)
}
