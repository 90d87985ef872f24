//! Stripe's error objects.

use serde_json::{Value, json};

use super::cards::Decline;
use crate::front::Reply;

fn error(status: u16, fields: &Value) -> Reply {
    Reply::json(status, &json!({"error": fields}))
}

pub(super) fn invalid(status: u16, code: Option<&str>, param: Option<&str>, message: &str) -> Reply {
    let mut fields = json!({"type": "invalid_request_error", "message": message});
    if let Some(fields) = fields.as_object_mut() {
        fields.extend(code.map(|code| ("code".to_owned(), json!(code))));
        fields.extend(code.map(|code| {
            ("doc_url".to_owned(), json!(format!("https://stripe.com/docs/error-codes/{}", code.replace('_', "-"))))
        }));
        fields.extend(param.map(|param| ("param".to_owned(), json!(param))));
    }
    error(status, &fields)
}

/// A declined card: 402, with the payment it was for.
pub(super) fn declined(decline: &Decline, intent: &Value, charge: &str) -> Reply {
    error(
        402,
        &json!({"type": "card_error", "code": decline.code, "decline_code": decline.reason, "message": decline.message,
            "charge": charge, "payment_intent": intent, "doc_url": format!("https://stripe.com/docs/error-codes/{}", decline.code.replace('_', "-"))}),
    )
}

pub(super) fn missing(what: &str, id: &str) -> Reply {
    invalid(404, Some("resource_missing"), Some("id"), &format!("No such {what}: '{id}'"))
}

pub(super) fn missing_in(param: &str, what: &str, id: &str) -> Reply {
    invalid(400, Some("resource_missing"), Some(param), &format!("No such {what}: '{id}'"))
}

pub(super) fn lacks(param: &str) -> Reply {
    invalid(400, Some("parameter_missing"), Some(param), &format!("Missing required param: {param}."))
}

pub(super) fn unknown(param: &str) -> Reply {
    invalid(400, Some("parameter_unknown"), Some(param), &format!("Received unknown parameter: {param}"))
}

pub(super) fn wrong(param: &str, message: &str) -> Reply {
    invalid(400, None, Some(param), message)
}

pub(super) fn idempotency(key: &str) -> Reply {
    let message = format!(
        "Keys for idempotent requests can only be used with the same parameters they were first used with. Try using a key other than '{key}' if you meant to execute a different request."
    );
    error(400, &json!({"type": "idempotency_error", "message": message}))
}

/// The first request with that key has not ended yet: a conflict that is not stored.
pub(super) fn key_in_use(key: &str) -> Reply {
    let message = format!(
        "There is currently another in-progress request using this Idempotent Key (that probably means you submitted twice, and the other request is still going through): {key}. Please try again later."
    );
    error(409, &json!({"type": "idempotency_error", "code": "idempotency_key_in_use", "message": message}))
}

pub(super) fn unauthorized(key: &str) -> Reply {
    let shown: String = key.chars().rev().take(4).collect::<Vec<_>>().into_iter().rev().collect();
    let message = if key.is_empty() {
        "You did not provide an API key.".to_owned()
    } else {
        format!("Invalid API Key provided: sk_test_****{shown}")
    };
    error(401, &json!({"type": "invalid_request_error", "message": message}))
}
