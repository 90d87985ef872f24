//! Paid subscriptions that nobody bought, for measurements.

use serde_json::{Value, json};

use super::Stripe;
use super::money::{NewInvoice, invoice};
use super::objects::{self, NewSubscription, subscription};

/// Plants ready trials, for measurements: `{"count":N,"price":…,"metadata":{…}}`, with `{n}` for the number.
pub(super) fn seed(state: &mut Stripe, given: &Value, now: i64) -> Result<(), String> {
    let count = given.get("count").and_then(Value::as_u64).ok_or("count is missing")?;
    let price_id = given.get("price").and_then(Value::as_str).ok_or("price is missing")?;
    let price = state.find(price_id).cloned().ok_or("no such price")?;
    let template = given.get("metadata").cloned().unwrap_or_default().to_string();
    for n in 0..count {
        let metadata: Value = serde_json::from_str(&template.replace("{n}", &n.to_string())).unwrap_or_default();
        let (customer, id, invoice_id) = (Stripe::fresh("cus_"), Stripe::fresh("sub_"), Stripe::fresh("in_"));
        let mut buyer = objects::customer(&customer, &format!("n{n}@example.com"), now);
        buyer["name"] = json!("Example");
        buyer["metadata"] = json!({"company_name": "Example"});
        state.put("customers", buyer.clone());
        let first = NewInvoice {
            id: &invoice_id,
            customer: &buyer,
            subscription: &id,
            price: &price,
            quantity: 1,
            reason: "subscription_create",
            status: "paid",
            now,
        };
        state.put("invoices", invoice(&first));
        let mut trial = subscription(&NewSubscription {
            id: &id,
            customer: &customer,
            price: &price,
            metadata: &metadata,
            invoice: &invoice_id,
            now,
        });
        trial["cancel_at_period_end"] = json!(true);
        trial["cancel_at"] = trial["items"]["data"][0]["current_period_end"].clone();
        state.put("subscriptions", trial);
    }
    Ok(())
}
