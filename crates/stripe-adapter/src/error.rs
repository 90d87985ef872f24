//! What Stripe answered instead of what was asked for. Holds no text that a customer typed.

use serde::Deserialize;

/// An error answer, cut to what is safe to log.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("status {status}, {kind} {code} {param} {message} (request {request_id})")]
pub struct ApiError {
    /// HTTP status.
    pub status: u16,
    /// `invalid_request_error`, `card_error`, …
    pub kind: String,
    /// `resource_missing`, …; empty where there is none.
    pub code: String,
    /// The parameter to blame; empty where there is none.
    pub param: String,
    /// Stripe's words, only for codes whose words hold no customer's data.
    pub message: String,
    /// For Stripe's support.
    pub request_id: String,
}

/// Codes whose message names parameters and ids, never what a customer typed.
const TELLING: &[&str] =
    &["resource_missing", "parameter_unknown", "parameter_missing", "charge_already_refunded", "api_key_expired"];

#[derive(Deserialize, Default)]
struct Envelope {
    #[serde(default)]
    error: Body,
}

#[derive(Deserialize, Default)]
struct Body {
    #[serde(default, rename = "type")]
    kind: Option<String>,
    code: Option<String>,
    param: Option<String>,
    message: Option<String>,
}

impl ApiError {
    /// Reads an error answer; a body that is none of Stripe's still gives its status.
    pub(crate) fn read(status: u16, body: &[u8], request_id: Option<&str>) -> Self {
        let Envelope { error } = serde_json::from_slice(body).unwrap_or_default();
        let code = error.code.unwrap_or_default();
        let telling = TELLING.contains(&code.as_str());
        Self {
            status,
            kind: error.kind.unwrap_or_else(|| "no error object".to_owned()),
            param: error.param.unwrap_or_default(),
            message: error.message.filter(|_| telling).unwrap_or_default(),
            code,
            request_id: request_id.unwrap_or("none").to_owned(),
        }
    }

    /// Whether the object does not exist.
    pub fn is_missing(&self) -> bool {
        self.status == 404 || self.code == "resource_missing"
    }
}

/// An answer that does not read as what it should be.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Unreadable {
    #[error("the answer is no such object")]
    Json(#[source] serde_json::Error),
    #[error("{0} in the answer does not read")]
    Field(&'static str),
    #[error("a list went on for more than {0} pages")]
    EndlessList(usize),
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use serde_json::{Value, json};
    use tamesuke_domain::drawn::each_kind;

    #[test]
    fn words_that_may_hold_a_mail_address_are_left_out() {
        let body = br#"{"error":{"type":"invalid_request_error","code":"email_invalid","param":"customer_email","message":"Invalid email address: taro@example.jp"}}"#;
        let error = ApiError::read(400, body, Some("req_1"));
        assert!(!error.to_string().contains("taro"), "{error}");
        assert!(error.to_string().contains("customer_email"));
    }

    #[test]
    fn a_body_that_is_not_stripes_still_gives_its_status() {
        let error = ApiError::read(502, b"<html>Bad gateway</html>", None);
        assert_eq!((error.status, error.kind.as_str()), (502, "no error object"));
    }
    /// A field of an error object, or of none of Stripe's.
    fn field(values: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Value> {
        prop_oneof![12 => values, 2 => Just(Value::Null), 1 => Just(json!(5)), 1 => Just(json!({"a": []}))]
    }

    #[test]
    fn an_error_of_any_shape_gives_its_status_and_words_only_with_codes_whose_words_are_safe() {
        let code = prop_oneof![2 => prop::sample::select(TELLING.to_vec()).prop_map(Value::from), 2 => Just(json!("email_invalid")), 1 => "[b-m_]{0,12}".prop_map(Value::from)];
        let message = Just(json!("no such thing: taro@example.jp"));
        let error = (
            field(Just(json!("card_error"))),
            field(code),
            field("[b-m\\[\\]]{0,9}".prop_map(Value::from)),
            field(message),
        );
        let error = error.prop_map(
            |(kind, code, param, message)| json!({"type": kind, "code": code, "param": param, "message": message}),
        );
        let body = prop_oneof![8 => error.prop_map(|error| json!({"error": error}).to_string()), 1 => Just("{}".to_owned()), 1 => "[ -~]{0,30}"];
        let status = prop_oneof![Just(404_u16), 400_u16..600];
        each_kind(&["told", "kept back", "no error object"], &(status, body), |(status, body)| {
            let sent = serde_json::from_str::<Value>(&body).unwrap_or_default();
            let reads = |name: &str| sent["error"][name].is_string() || sent["error"][name].is_null();
            let whole = ["type", "code", "param", "message"].into_iter().all(reads);
            let text = |name: &str| if whole { sent["error"][name].as_str().unwrap_or_default() } else { "" };
            let seen = ApiError::read(status, body.as_bytes(), None);
            let telling = TELLING.contains(&text("code"));
            let told = seen.to_string();
            prop_assert!(told.strip_prefix("status ").is_some_and(|rest| rest.starts_with(&status.to_string())));
            prop_assert_eq!((seen.code.as_str(), seen.param.as_str()), (text("code"), text("param")));
            prop_assert_eq!(seen.message.as_str(), if telling { text("message") } else { "" });
            prop_assert_eq!(told.contains("taro"), telling && !text("message").is_empty());
            prop_assert_eq!(seen.is_missing(), status == 404 || text("code") == "resource_missing");
            let named = !text("type").is_empty();
            prop_assert_eq!(seen.kind.as_str(), if named { text("type") } else { "no error object" });
            Ok(if !named {
                "no error object"
            } else if telling {
                "told"
            } else {
                "kept back"
            })
        });
    }
}
