//! Time passes: sessions lapse, periods end or renew, drafts are charged, unpaid beginnings are given up.
//! Objects of a test clock follow that clock, all others the world's.

use serde_json::{Value, json};

use super::cards::Card;
use super::form::Params;
use super::money::{NewInvoice, invoice};
use super::objects::period_end;
use super::{Stripe, checkout, invoices, subscriptions};

/// A renewal's invoice stays a draft that long.
const DRAFT_SECS: i64 = 3_600;
/// An unpaid beginning is given up after that long.
const INCOMPLETE_SECS: i64 = 23 * 3_600;

/// What falls due first.
enum Due {
    Lapses(String),
    Ends(String),
    Renews(String),
    Charged(String),
    GivenUp(String),
}

impl Stripe {
    /// The moment it is for what follows that test clock; the world's where there is none.
    pub(super) fn now_of(&self, clock: &Value, now: i64) -> i64 {
        let Some(clock) = clock.as_str() else { return now };
        self.find(clock).and_then(|clock| clock["frozen_time"].as_i64()).unwrap_or(now)
    }
}

/// Makes the earliest thing happen that is due by `now`; `false` when nothing is.
pub(super) fn next_due(state: &mut Stripe, now: i64) -> bool {
    let mut earliest: Option<(i64, Due)> = None;
    let mut offer = |at: i64, now: i64, due: Due| {
        if at <= now && earliest.as_ref().is_none_or(|(known, _)| at < *known) {
            earliest = Some((at, due));
        }
    };
    let id = |object: &Value| object["id"].as_str().unwrap_or_default().to_owned();
    let number = |value: &Value| value.as_i64().unwrap_or(i64::MAX);
    for session in state.table("checkout_sessions").iter().filter(|session| session["status"] == "open") {
        offer(number(&session["expires_at"]), now, Due::Lapses(id(session)));
    }
    for subscription in state.table("subscriptions") {
        let now = state.now_of(&subscription["test_clock"], now);
        let period = number(&subscription["items"]["data"][0]["current_period_end"]);
        match (subscription["status"].as_str(), subscription["cancel_at"].as_i64()) {
            (Some("active" | "past_due"), Some(at)) if at <= period => offer(at, now, Due::Ends(id(subscription))),
            (Some("active"), _) => offer(period, now, Due::Renews(id(subscription))),
            (Some("incomplete"), _) => {
                let at = number(&subscription["created"]).saturating_add(INCOMPLETE_SECS);
                offer(at, now, Due::GivenUp(id(subscription)));
            }
            _ => {}
        }
    }
    for draft in state.table("invoices").iter().filter(|invoice| invoice["status"] == "draft") {
        let now = state.now_of(&draft["test_clock"], now);
        offer(number(&draft["created"]).saturating_add(DRAFT_SECS), now, Due::Charged(id(draft)));
    }
    let Some((at, due)) = earliest else {
        return false;
    };
    match due {
        Due::Lapses(id) => {
            checkout::expire(state, &id, &Params::default(), at);
        }
        Due::Ends(id) => {
            subscriptions::end(state, &id, "cancellation_requested", at);
        }
        Due::Renews(id) => renew(state, &id, at),
        Due::Charged(id) => charge_draft(state, &id, at),
        Due::GivenUp(id) => give_up(state, &id, at),
    }
    true
}

fn give_up(state: &mut Stripe, id: &str, at: i64) {
    let Some(before) = state.find(id).cloned() else { return };
    let mut after = before.clone();
    after["status"] = json!("incomplete_expired");
    after["ended_at"] = json!(at);
    if let Some(stored) = state.find_mut(id) {
        after.clone_into(stored);
    }
    if let Some(invoice) = before["latest_invoice"].as_str().and_then(|id| state.find_mut(id)) {
        invoice["status"] = json!("void");
        invoice["status_transitions"]["voided_at"] = json!(at);
    }
    state.emit_update("customer.subscription.updated", &before, &after, at);
}

fn renew(state: &mut Stripe, id: &str, at: i64) {
    let invoice_id = Stripe::fresh("in_");
    let Some(before) = state.find(id).cloned() else {
        return;
    };
    let mut after = before.clone();
    let item = &mut after["items"]["data"][0];
    let next = period_end(&item["price"], at);
    item["current_period_start"] = json!(at);
    item["current_period_end"] = json!(next);
    let (price, quantity) = (item["price"].clone(), item["quantity"].as_i64().unwrap_or(1));
    after["latest_invoice"] = json!(invoice_id);
    let customer = after["customer"].as_str().and_then(|id| state.find(id)).cloned().unwrap_or_default();
    let draft = invoice(&NewInvoice {
        id: &invoice_id,
        customer: &customer,
        subscription: id,
        price: &price,
        quantity,
        reason: "subscription_cycle",
        status: "draft",
        now: at,
    });
    state.put("invoices", draft.clone());
    if let Some(stored) = state.find_mut(id) {
        *stored = after.clone();
    }
    state.emit_update("customer.subscription.updated", &before, &after, at);
    state.emit("invoice.created", &draft, None, at);
}

fn charge_draft(state: &mut Stripe, id: &str, at: i64) {
    let Some(draft) = state.find(id).cloned() else {
        return;
    };
    let customer = draft["customer"].as_str().and_then(|id| state.find(id)).cloned().unwrap_or_default();
    let method = customer["invoice_settings"]["default_payment_method"].as_str().and_then(Card::named);
    if let Some(Card::Declined(_)) = method {
        let subscription = draft["parent"]["subscription_details"]["subscription"].as_str().unwrap_or_default();
        return invoices::mark_failed(state, id, subscription, at);
    }
    state.pay_invoice(id, &draft["customer"], draft["amount_due"].as_i64().unwrap_or(0), at);
    invoices::mark_paid(state, id, at);
}
