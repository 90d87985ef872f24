//! Invoices, payments, charges and refunds, in the shape of API 2026-10-28.

use serde_json::{Value, json};

use super::objects::random;

/// What an invoice is made of.
pub(super) struct NewInvoice<'a> {
    pub(super) id: &'a str,
    pub(super) customer: &'a Value,
    pub(super) subscription: &'a str,
    pub(super) price: &'a Value,
    pub(super) quantity: i64,
    pub(super) reason: &'a str,
    pub(super) status: &'a str,
    pub(super) now: i64,
}

/// What a price costs, so many times.
pub(super) fn total(price: &Value, quantity: i64) -> i64 {
    price["unit_amount"].as_i64().unwrap_or(0).saturating_mul(quantity)
}

pub(super) fn invoice(new: &NewInvoice<'_>) -> Value {
    let amount = total(new.price, new.quantity);
    let is_paid = new.status == "paid";
    let paid = if is_paid { amount } else { 0 };
    let finalized = (new.status != "draft").then_some(new.now);
    json!({"id": new.id, "object": "invoice", "account_country": "JP", "account_name": "Sandbox", "account_tax_ids": null,
        "amount_due": amount, "amount_overpaid": 0, "amount_paid": paid, "amount_remaining": amount - paid, "amount_shipping": 0,
        "application": null, "attempt_count": i32::from(is_paid), "attempted": is_paid, "auto_advance": !is_paid,
        "automatic_tax": {"disabled_reason": null, "enabled": false, "liability": null, "provider": null, "status": null},
        "automatically_finalizes_at": null, "billing_reason": new.reason, "collection_method": "charge_automatically",
        "created": new.now, "currency": "jpy", "custom_fields": null, "customer": new.customer["id"], "customer_account": null,
        "customer_address": null, "customer_email": new.customer["email"], "customer_name": new.customer["name"],
        "customer_phone": null, "customer_shipping": null, "customer_tax_exempt": "none", "customer_tax_ids": [],
        "default_payment_method": null, "default_source": null, "default_tax_rates": [], "description": null, "discounts": [],
        "due_date": null, "effective_at": finalized, "ending_balance": finalized.map(|_| 0), "footer": null, "from_invoice": null,
        "issuer": {"type": "self"}, "last_finalization_error": null, "latest_revision": null,
        "lines": {"object": "list", "data": [line(new, amount)], "has_more": false, "url": format!("/v1/invoices/{}/lines", new.id)},
        "livemode": false, "metadata": {}, "next_payment_attempt": null, "number": null, "on_behalf_of": null,
        "parent": {"type": "subscription_details", "quote_details": null,
            "subscription_details": {"metadata": {}, "subscription": new.subscription}},
        "payment_settings": {"default_mandate": null, "payment_method_options": null, "payment_method_types": null},
        "period_end": new.now, "period_start": new.now, "post_payment_credit_notes_amount": 0, "pre_payment_credit_notes_amount": 0,
        "receipt_number": null, "rendering": null, "shipping_cost": null, "shipping_details": null, "starting_balance": 0,
        "statement_descriptor": null, "status": new.status,
        "status_transitions": {"finalized_at": finalized, "marked_uncollectible_at": null, "paid_at": is_paid.then_some(new.now), "voided_at": null},
        "subtotal": amount, "subtotal_excluding_tax": amount, "test_clock": new.customer["test_clock"], "total": amount,
        "total_discount_amounts": [], "total_excluding_tax": amount, "total_pretax_credit_amounts": [], "total_taxes": [],
        "webhooks_delivered_at": null})
}

fn line(new: &NewInvoice<'_>, amount: i64) -> Value {
    json!({"id": format!("il_{}", random(24)), "object": "line_item", "amount": amount, "currency": "jpy",
        "description": format!("{} × trial", new.quantity), "discount_amounts": [], "discountable": true, "discounts": [],
        "invoice": new.id, "livemode": false, "metadata": {}, "parent": null,
        "period": {"start": new.now, "end": super::objects::period_end(new.price, new.now)}, "pretax_credit_amounts": [],
        "pricing": {"type": "price_details", "price_details": {"price": new.price["id"], "product": new.price["product"]},
            "unit_amount_decimal": new.price["unit_amount_decimal"]}, "quantity": new.quantity, "taxes": []})
}

/// A line of a checkout session.
pub(super) fn session_line(price: &Value, quantity: i64) -> Value {
    let amount = total(price, quantity);
    json!({"id": format!("li_{}", random(24)), "object": "item", "adjustable_quantity": null, "amount_discount": 0,
        "amount_subtotal": amount, "amount_tax": 0, "amount_total": amount, "currency": price["currency"],
        "description": "nginx お試し環境", "metadata": {}, "price": price, "quantity": quantity})
}

/// Who pays how much, and how far that is.
pub(super) struct NewIntent<'a> {
    pub(super) id: &'a str,
    pub(super) amount: i64,
    pub(super) currency: &'a str,
    pub(super) customer: &'a Value,
    pub(super) status: &'a str,
    pub(super) charge: Option<&'a str>,
    pub(super) now: i64,
}

pub(super) fn payment_intent(new: &NewIntent<'_>) -> Value {
    let received = if new.status == "succeeded" { new.amount } else { 0 };
    json!({"id": new.id, "object": "payment_intent", "allowed_payment_method_types": null, "amount": new.amount,
        "amount_capturable": 0, "amount_details": {"tip": {}}, "amount_received": received, "application": null,
        "application_fee_amount": null, "automatic_payment_methods": null, "canceled_at": null, "cancellation_reason": null,
        "capture_method": "automatic", "client_secret": format!("{}_secret_{}", new.id, random(24)),
        "confirmation_method": "automatic", "created": new.now, "currency": new.currency, "customer": new.customer,
        "customer_account": null, "description": null, "excluded_payment_method_types": null, "last_payment_error": null,
        "latest_charge": new.charge, "livemode": false, "managed_payments": null, "metadata": {}, "next_action": null,
        "on_behalf_of": null, "payment_method": null, "payment_method_configuration_details": null, "payment_method_options": {},
        "payment_method_types": ["card"], "payment_record": null, "processing": null, "receipt_email": null, "review": null,
        "setup_future_usage": null, "shipping": null, "source": null, "statement_descriptor": null,
        "statement_descriptor_suffix": null, "status": new.status, "transfer_group": null})
}

pub(super) fn charge(id: &str, intent: &Value, is_paid: bool, now: i64) -> Value {
    let amount = &intent["amount"];
    json!({"id": id, "object": "charge", "amount": amount, "amount_captured": if is_paid { amount.clone() } else { json!(0) },
        "amount_refunded": 0, "balance_transaction": null, "captured": is_paid, "created": now, "currency": intent["currency"],
        "customer": intent["customer"], "description": null, "disputed": false, "failure_code": null, "failure_message": null,
        "livemode": false, "metadata": {}, "paid": is_paid, "payment_intent": intent["id"], "refunded": false,
        "status": if is_paid { "succeeded" } else { "failed" }})
}

pub(super) fn invoice_payment(invoice: &str, intent: &Value, status: &str, now: i64) -> Value {
    let is_paid = status == "paid";
    json!({"id": format!("inpay_{}", random(24)), "object": "invoice_payment",
        "amount_paid": if is_paid { intent["amount"].clone() } else { Value::Null }, "amount_requested": intent["amount"],
        "created": now, "currency": intent["currency"], "invoice": invoice, "is_default": true, "livemode": false,
        "payment": {"type": "payment_intent", "payment_intent": intent["id"]}, "status": status,
        "status_transitions": {"canceled_at": null, "paid_at": is_paid.then_some(now)}})
}

pub(super) fn refund(charge: &Value, amount: i64, reason: Option<&str>, now: i64) -> Value {
    json!({"id": format!("re_{}", random(24)), "object": "refund", "amount": amount, "balance_transaction": null,
        "charge": charge["id"], "created": now, "currency": charge["currency"], "customer": charge["customer"],
        "customer_account": null, "destination_details": {"type": "card"}, "metadata": {},
        "payment_intent": charge["payment_intent"], "payment_method": null, "reason": reason, "receipt_number": null,
        "source_transfer_reversal": null, "status": "succeeded", "transfer_reversal": null})
}
