//! Invoices: what becomes of them when money comes, or does not.

use serde_json::{Value, json};

use super::{Stripe, lists};

/// An open or drafted invoice is paid.
pub(super) fn mark_paid(state: &mut Stripe, id: &str, now: i64) {
    let Some(invoice) = state.find_mut(id) else { return };
    invoice["status"] = json!("paid");
    invoice["amount_paid"] = invoice["amount_due"].clone();
    invoice["amount_remaining"] = json!(0);
    invoice["attempted"] = json!(true);
    invoice["attempt_count"] = json!(1);
    invoice["status_transitions"]["paid_at"] = json!(now);
    if invoice["status_transitions"]["finalized_at"].is_null() {
        invoice["status_transitions"]["finalized_at"] = json!(now);
        invoice["effective_at"] = json!(now);
    }
    let shown = invoice.clone();
    state.emit("invoice.paid", &shown, None, now);
}

/// The open invoice that a payment was for is paid, and the subscription that waited for it begins.
pub(super) fn settled_by(state: &mut Stripe, payment: &str, now: i64) {
    let links = state.tables.get_mut("invoice_payments").into_iter().flatten();
    let mut open = links.filter(|link| link["status"] == "open" && link["payment"]["payment_intent"] == payment);
    let Some(link) = open.next() else { return };
    link["status"] = json!("paid");
    link["amount_paid"] = link["amount_requested"].clone();
    link["status_transitions"]["paid_at"] = json!(now);
    let invoice = link["invoice"].as_str().unwrap_or_default().to_owned();
    mark_paid(state, &invoice, now);
    let of_invoice = state.find(&invoice).map(|paid| paid["parent"]["subscription_details"]["subscription"].clone());
    let subscription = of_invoice.as_ref().and_then(Value::as_str).unwrap_or_default();
    let Some(before) = state.find(subscription).filter(|found| found["status"] == "incomplete").cloned() else {
        return;
    };
    let mut after = before.clone();
    after["status"] = json!("active");
    if let Some(stored) = state.find_mut(subscription) {
        after.clone_into(stored);
    }
    state.emit_update("customer.subscription.updated", &before, &after, now);
}

/// The money of an invoice did not come: the invoice stays open, the subscription is past due [believed
/// for slow methods].
pub(super) fn mark_failed(state: &mut Stripe, id: &str, subscription: &str, now: i64) {
    let Some(invoice) = state.find_mut(id) else { return };
    invoice["status"] = json!("open");
    invoice["attempted"] = json!(true);
    invoice["attempt_count"] = json!(1);
    invoice["status_transitions"]["finalized_at"] = json!(now);
    let shown = invoice.clone();
    state.emit("invoice.payment_failed", &shown, None, now);
    let Some(before) = state.find(subscription).cloned() else { return };
    let mut after = before.clone();
    after["status"] = json!("past_due");
    if let Some(stored) = state.find_mut(subscription) {
        after.clone_into(stored);
    }
    state.emit_update("customer.subscription.updated", &before, &after, now);
}

/// An invoice's payments as a list inside it.
pub(super) fn payments(state: &Stripe, invoice: &Value) -> Value {
    let of_it = |link: &&Value| link["invoice"] == invoice["id"];
    let data: Vec<Value> = state.table("invoice_payments").iter().rev().filter(of_it).map(lists::view).collect();
    json!({"object": "list", "data": data, "has_more": false,
        "url": format!("/v1/invoice_payments?invoice={}", invoice["id"].as_str().unwrap_or_default())})
}
