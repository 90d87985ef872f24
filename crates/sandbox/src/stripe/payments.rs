//! Payments: taken for invoices, made by themselves, given back, and disputed.

use serde_json::{Value, json};

use super::cards::{Card, Decline};
use super::form::{Params, merge_metadata};
use super::money::{self, NewIntent};
use super::{Stripe, errors, invoices, known, lists};
use crate::front::Reply;

impl Stripe {
    /// Takes money for an invoice: a payment, its charge, and what links them.
    pub(super) fn pay_invoice(&mut self, invoice: &str, customer: &Value, amount: i64, now: i64) {
        if amount == 0 {
            return;
        }
        let (id, charge) = (Self::fresh("pi_"), Self::fresh("ch_"));
        let intent = money::payment_intent(&NewIntent {
            id: &id,
            amount,
            currency: "jpy",
            customer,
            status: "succeeded",
            charge: Some(&charge),
            now,
        });
        self.put("charges", money::charge(&charge, &intent, true, now));
        self.put("invoice_payments", money::invoice_payment(invoice, &intent, "paid", now));
        self.put("payment_intents", intent);
    }

    /// Asks for money that comes later, if at all: the payment is in progress, or needs somebody to make it.
    pub(super) fn await_payment(&mut self, invoice: &str, (customer, amount): (&Value, i64), status: &str, now: i64) {
        let id = Self::fresh("pi_");
        let new = NewIntent { id: &id, amount, currency: "jpy", customer, status, charge: None, now };
        let intent = money::payment_intent(&new);
        self.put("invoice_payments", money::invoice_payment(invoice, &intent, "open", now));
        self.put("payment_intents", intent);
    }

    /// What an invoice's open payment becomes.
    pub(super) fn settle_payment(&mut self, invoice: &str, succeeds: bool, now: i64) {
        let open = |link: &&mut Value| link["invoice"] == invoice && link["status"] == "open";
        let Some(link) = self.tables.get_mut("invoice_payments").and_then(|all| all.iter_mut().find(open)) else {
            return;
        };
        if succeeds {
            link["status"] = json!("paid");
            link["amount_paid"] = link["amount_requested"].clone();
            link["status_transitions"]["paid_at"] = json!(now);
        }
        let id = link["payment"]["payment_intent"].as_str().unwrap_or_default().to_owned();
        let charge = Self::fresh("ch_");
        let Some(intent) = self.find_mut(&id) else { return };
        intent["latest_charge"] = json!(charge);
        intent["status"] = json!(if succeeds { "succeeded" } else { "requires_payment_method" });
        intent["amount_received"] = if succeeds { intent["amount"].clone() } else { json!(0) };
        let made = money::charge(&charge, intent, succeeds, now);
        self.put("charges", made);
    }
}

pub(super) fn create_intent(state: &mut Stripe, params: &Params, now: i64) -> Reply {
    if let Some(reply) = params.refused(&[known::INTENT_CREATE]) {
        return reply;
    }
    let Some(amount) = params.int("amount") else {
        return errors::lacks("amount");
    };
    let Some(currency) = params.get("currency") else {
        return errors::lacks("currency");
    };
    if amount < 50 {
        let message = "Amount must be at least ¥50 jpy";
        return errors::invalid(400, Some("amount_too_small"), Some("amount"), message);
    }
    let customer = params.get("customer").map_or(Value::Null, |id| json!(id));
    if let Some(id) = customer.as_str().filter(|id| state.find(id).is_none()) {
        return errors::missing_in("customer", "customer", id);
    }
    let id = Stripe::fresh("pi_");
    let status = if params.has("payment_method") { "requires_confirmation" } else { "requires_payment_method" };
    let new = NewIntent { id: &id, amount, currency, customer: &customer, status, charge: None, now };
    let mut intent = money::payment_intent(&new);
    if let Some(reply) = merge_metadata(&mut intent, params, "metadata") {
        return reply;
    }
    intent["payment_method"] = params.get("payment_method").map_or(Value::Null, |method| json!(method));
    intent["description"] = params.get("description").map_or(Value::Null, |text| json!(text));
    state.put("payment_intents", intent.clone());
    state.emit("payment_intent.created", &intent, None, now);
    if params.flag("confirm") == Some(true) {
        confirm(state, &id, params, now)
    } else {
        lists::shown(state, &intent, params)
    }
}

pub(super) fn confirm_intent(state: &mut Stripe, id: &str, params: &Params, now: i64) -> Reply {
    params.refused(&[known::INTENT_CONFIRM]).unwrap_or_else(|| confirm(state, id, params, now))
}

fn confirm(state: &mut Stripe, id: &str, params: &Params, now: i64) -> Reply {
    let Some(mut intent) = state.find(id).cloned() else {
        return errors::missing("payment_intent", id);
    };
    let status = intent["status"].as_str().unwrap_or_default().to_owned();
    if matches!(status.as_str(), "succeeded" | "canceled" | "processing") {
        let message = format!("You cannot confirm this PaymentIntent because it has a status of {status}.");
        return errors::invalid(400, Some("payment_intent_unexpected_state"), None, &message);
    }
    let method = params.get("payment_method").or(intent["payment_method"].as_str()).map(str::to_owned);
    let Some(method) = method else {
        return errors::lacks("payment_method");
    };
    let Some(card) = Card::named(&method) else {
        return errors::missing_in("payment_method", "PaymentMethod", &method);
    };
    let charge_id = Stripe::fresh("ch_");
    intent["payment_method"] = json!(method);
    intent["latest_charge"] = json!(charge_id);
    let decline = match card {
        Card::Good | Card::Guarded | Card::Later => None,
        Card::Declined(decline) => Some(decline),
    };
    state.put("charges", money::charge(&charge_id, &intent, decline.is_none(), now));
    match decline {
        None => {
            intent["status"] = json!("succeeded");
            intent["amount_received"] = intent["amount"].clone();
            replace(state, id, &intent);
            state.emit("payment_intent.succeeded", &intent, None, now);
            invoices::settled_by(state, id, now);
            lists::shown(state, &intent, params)
        }
        Some(decline) => {
            fail(&mut intent, &decline);
            replace(state, id, &intent);
            state.emit("payment_intent.payment_failed", &intent, None, now);
            errors::declined(&decline, &intent, &charge_id)
        }
    }
}

fn fail(intent: &mut Value, decline: &Decline) {
    intent["status"] = json!("requires_payment_method");
    intent["payment_method"] = Value::Null;
    intent["last_payment_error"] = json!({"type": "card_error", "code": decline.code,
        "decline_code": decline.reason, "message": decline.message, "charge": intent["latest_charge"]});
}

fn replace(state: &mut Stripe, id: &str, object: &Value) {
    if let Some(stored) = state.find_mut(id) {
        object.clone_into(stored);
    }
}

pub(super) fn cancel_intent(state: &mut Stripe, id: &str, params: &Params, now: i64) -> Reply {
    if let Some(reply) = params.refused(&[known::INTENT_CANCEL]) {
        return reply;
    }
    let Some(intent) = state.find_mut(id) else {
        return errors::missing("payment_intent", id);
    };
    let status = intent["status"].as_str().unwrap_or_default();
    if matches!(status, "succeeded" | "canceled") {
        let message = format!("You cannot cancel this PaymentIntent because it has a status of {status}.");
        return errors::invalid(400, Some("payment_intent_unexpected_state"), None, &message);
    }
    intent["status"] = json!("canceled");
    intent["canceled_at"] = json!(now);
    intent["cancellation_reason"] = params.get("cancellation_reason").map_or(Value::Null, |why| json!(why));
    let shown = intent.clone();
    state.emit("payment_intent.canceled", &shown, None, now);
    lists::shown(state, &shown, params)
}

pub(super) fn refund(state: &mut Stripe, params: &Params, now: i64) -> Reply {
    if let Some(reply) = params.refused(&[known::REFUND_CREATE]) {
        return reply;
    }
    let charge_id = match (params.get("charge"), params.get("payment_intent")) {
        (Some(charge), _) => charge.to_owned(),
        (None, Some(payment)) => match state.find(payment) {
            Some(payment) => payment["latest_charge"].as_str().unwrap_or_default().to_owned(),
            None => return errors::missing_in("payment_intent", "payment_intent", payment),
        },
        (None, None) => return errors::lacks("payment_intent"),
    };
    let Some(charge) = state.find_mut(&charge_id) else {
        return errors::missing_in("charge", "charge", &charge_id);
    };
    let number = |value: &Value| value.as_i64().unwrap_or(0);
    let left = number(&charge["amount"]) - number(&charge["amount_refunded"]);
    let amount = params.int("amount").unwrap_or(left);
    if let Some(reply) = not_refundable(charge, &charge_id, (amount, left)) {
        return reply;
    }
    charge["amount_refunded"] = json!(number(&charge["amount_refunded"]) + amount);
    charge["refunded"] = json!(charge["amount_refunded"] == charge["amount"]);
    let shown_charge = charge.clone();
    let mut refund = money::refund(&shown_charge, amount, params.get("reason"), now);
    if let Some(reply) = merge_metadata(&mut refund, params, "metadata") {
        return reply;
    }
    state.put("refunds", refund.clone());
    state.emit("charge.refunded", &shown_charge, None, now);
    state.emit("refund.created", &refund, None, now);
    lists::shown(state, &refund, params)
}

fn not_refundable(charge: &Value, id: &str, (amount, left): (i64, i64)) -> Option<Reply> {
    let coded = |code: &str, message: &str| Some(errors::invalid(400, Some(code), None, message));
    if charge["paid"] != true {
        return coded("charge_not_refundable", &format!("Charge {id} has not been paid."));
    }
    if charge["disputed"] == true {
        return coded("charge_disputed", &format!("Charge {id} has been charged back; cannot issue a refund."));
    }
    if left == 0 {
        return coded("charge_already_refunded", &format!("Charge {id} has already been refunded."));
    }
    (amount < 1 || amount > left).then(|| {
        errors::wrong(
            "amount",
            &format!("Refund amount ({amount}) is greater than unrefunded amount on charge ({left})"),
        )
    })
}

/// A customer tells the bank that the payment was not theirs.
pub(super) fn dispute(state: &mut Stripe, intent: &str, now: i64) -> Result<Value, String> {
    let charge = state.find(intent).ok_or("no such payment")?["latest_charge"].as_str().unwrap_or_default().to_owned();
    let charge = state.find_mut(&charge).ok_or("that payment has no charge")?;
    charge["disputed"] = json!(true);
    let made = json!({"id": Stripe::fresh("du_"), "object": "dispute", "amount": charge["amount"],
        "balance_transactions": [], "charge": charge["id"], "created": now, "currency": charge["currency"], "evidence": {},
        "evidence_details": {"due_by": now + 604_800, "has_evidence": false, "past_due": false, "submission_count": 0},
        "is_charge_refundable": false, "livemode": false, "metadata": {}, "payment_intent": intent, "reason": "fraudulent",
        "status": "needs_response"});
    state.put("disputes", made.clone());
    state.emit("charge.dispute.created", &made, None, now);
    Ok(made)
}

/// The bank finds for the customer.
pub(super) fn close_dispute(state: &mut Stripe, intent: &str, now: i64) -> Result<Value, String> {
    let of_payment = |dispute: &&Value| dispute["payment_intent"] == intent && dispute["status"] == "needs_response";
    let id = state.table("disputes").iter().find(of_payment).and_then(|dispute| dispute["id"].as_str());
    let id = id.ok_or("that payment has no open dispute")?.to_owned();
    let dispute = state.find_mut(&id).ok_or("that dispute is gone")?;
    dispute["status"] = json!("lost");
    let closed = dispute.clone();
    state.emit("charge.dispute.closed", &closed, None, now);
    Ok(closed)
}
