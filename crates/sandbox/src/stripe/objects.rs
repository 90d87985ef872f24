//! The objects, in the shape of API 2026-10-28 as far as a client of ours reads them.

use serde_json::{Value, json};

/// Random letters and digits.
pub(super) fn random(length: usize) -> String {
    const ALPHABET: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
    let mut text = String::with_capacity(length);
    while text.len() < length {
        for byte in uuid::Uuid::new_v4().into_bytes() {
            if text.len() < length && byte < 248 {
                text.push(char::from(ALPHABET[usize::from(byte % 62)]));
            }
        }
    }
    text
}

/// Which table an id belongs to.
pub(super) fn table_of(id: &str) -> Option<&'static str> {
    Some(match id.split('_').next()? {
        "cs" => "checkout_sessions",
        "sub" => "subscriptions",
        "cus" => "customers",
        "in" => "invoices",
        "inpay" => "invoice_payments",
        "pi" => "payment_intents",
        "ch" => "charges",
        "re" | "pyr" => "refunds",
        "du" => "disputes",
        "we" => "webhook_endpoints",
        "clock" => "test_clocks",
        "bps" => "portal_sessions",
        "evt" => "events",
        "prod" => "products",
        "price" => "prices",
        _ => return None,
    })
}

pub(super) fn product(id: &str, name: &str, now: i64) -> Value {
    json!({"id": id, "object": "product", "active": true, "created": now, "default_price": null, "description": null,
        "images": [], "livemode": false, "marketing_features": [], "metadata": {}, "name": name, "package_dimensions": null,
        "shippable": null, "statement_descriptor": null, "tax_code": null, "tax_details": null, "type": "service", "unit_label": null,
        "updated": now, "url": null})
}

pub(super) fn price(
    id: &str,
    product: &str,
    (amount, currency): (i64, &str),
    (interval, count): (&str, i64),
    now: i64,
) -> Value {
    json!({"id": id, "object": "price", "active": true, "billing_scheme": "per_unit", "created": now, "currency": currency,
        "custom_unit_amount": null, "livemode": false, "lookup_key": null, "metadata": {}, "nickname": null, "product": product,
        "recurring": {"interval": interval, "interval_count": count, "meter": null, "trial_period_days": null, "usage_type": "licensed"},
        "tax_behavior": "unspecified", "tiers_mode": null, "transform_quantity": null, "type": "recurring",
        "unit_amount": amount, "unit_amount_decimal": amount.to_string()})
}

pub(super) fn customer(id: &str, email: &str, now: i64) -> Value {
    json!({"id": id, "object": "customer", "address": null, "balance": 0, "created": now, "currency": "jpy", "default_source": null,
        "delinquent": false, "description": null, "email": email, "invoice_prefix": &id[id.len().saturating_sub(8)..],
        "invoice_settings": {"custom_fields": null, "default_payment_method": null, "footer": null, "rendering_options": null},
        "livemode": false, "metadata": {}, "name": null, "next_invoice_sequence": 2, "phone": null, "preferred_locales": ["ja"],
        "shipping": null, "tax_exempt": "none", "test_clock": null})
}

/// Who paid, as a session shows it.
pub(super) fn customer_details(email: &str) -> Value {
    json!({"address": null, "business_name": null, "email": email, "individual_name": null, "name": null, "phone": null,
        "tax_exempt": "none", "tax_ids": []})
}

/// What a subscription is made of.
pub(super) struct NewSubscription<'a> {
    pub(super) id: &'a str,
    pub(super) customer: &'a str,
    pub(super) price: &'a Value,
    pub(super) metadata: &'a Value,
    pub(super) invoice: &'a str,
    pub(super) now: i64,
}

pub(super) fn subscription(new: &NewSubscription<'_>) -> Value {
    let end = period_end(new.price, new.now);
    json!({"id": new.id, "object": "subscription", "application": null, "application_fee_percent": null,
        "automatic_tax": {"disabled_reason": null, "enabled": false, "liability": null}, "billing_cycle_anchor": new.now,
        "billing_cycle_anchor_config": null, "billing_mode": {"flexible": null, "type": "classic"}, "billing_schedules": [],
        "billing_thresholds": null, "cancel_at": null, "cancel_at_period_end": false, "canceled_at": null,
        "cancellation_details": {"comment": null, "feedback": null, "feedback_option": null, "reason": null}, "collection_method": "charge_automatically",
        "created": new.now, "currency": new.price["currency"], "customer": new.customer, "customer_account": null, "days_until_due": null,
        "default_payment_method": null, "default_source": null, "default_tax_rates": [], "description": null, "discounts": [],
        "ended_at": null,
        "invoice_settings": {"account_tax_ids": null, "custom_fields": null, "description": null, "footer": null, "issuer": {"type": "self"}},
        "items": {"object": "list", "has_more": false, "url": format!("/v1/subscription_items?subscription={}", new.id), "data": [{
            "id": format!("si_{}", random(14)), "object": "subscription_item", "billing_thresholds": null, "created": new.now,
            "current_period_start": new.now, "current_period_end": end, "current_trial": null, "discounts": [], "metadata": {},
            "plan": plan(new.price), "price": new.price, "quantity": 1, "subscription": new.id, "tax_rates": []}]},
        "latest_invoice": new.invoice, "livemode": false, "managed_payments": {"enabled": false}, "metadata": new.metadata, "next_pending_invoice_item_invoice": null,
        "on_behalf_of": null, "pause_collection": null, "payment_settings": {"payment_method_options": null, "payment_method_types": null, "save_default_payment_method": "off"},
        "pending_invoice_item_interval": null, "pending_setup_intent": null, "pending_update": null, "schedule": null,
        "start_date": new.now, "status": "active", "test_clock": null, "transfer_data": null, "trial_end": null,
        "trial_settings": {"end_behavior": {"billing_cycle_anchor": null, "missing_payment_method": "create_invoice"}}, "trial_start": null})
}

/// A price in the shape it had before prices.
fn plan(price: &Value) -> Value {
    json!({"id": price["id"], "object": "plan", "active": price["active"], "amount": price["unit_amount"],
        "amount_decimal": price["unit_amount_decimal"], "billing_scheme": "per_unit", "created": price["created"],
        "currency": price["currency"], "interval": price["recurring"]["interval"],
        "interval_count": price["recurring"]["interval_count"], "livemode": false, "metadata": {}, "meter": null, "nickname": null,
        "product": price["product"], "tiers_mode": null, "transform_usage": null, "trial_period_days": null,
        "usage_type": "licensed"})
}

/// When a period that starts at `from` ends.
pub(super) fn period_end(price: &Value, from: i64) -> i64 {
    let count = price["recurring"]["interval_count"].as_i64().unwrap_or(1);
    let days = match price["recurring"]["interval"].as_str() {
        Some("week") => 7,
        Some("month") => 30,
        Some("year") => 365,
        Some(_) | None => 1,
    };
    from + count * days * 86_400
}
