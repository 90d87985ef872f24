//! The proof that a webhook is Stripe's, and the hint in it. Nothing else of it is believed.

use hmac::{Hmac, Mac};
use serde::de::IgnoredAny;
use sha2::Sha256;
use tamesuke_domain::instance::Instance;
use tamesuke_domain::ports::EventHint;

use crate::event::Envelope;

/// How far a stamp may lie in the past or the future, in seconds; Stripe's libraries allow the same.
pub const TOLERANCE_SECS: i64 = 300;
/// Most signatures that are looked at in one header.
const SIGNATURES_MAX: usize = 16;

/// Why a webhook is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// The header is missing or does not read.
    #[error("the Stripe-Signature header is missing or malformed; it looks like t=1790000000,v1=…")]
    Header,
    /// No signature of the header fits the body and a secret.
    #[error("no signature fits; check that STRIPE_WEBHOOK_SECRET is the endpoint's signing secret")]
    Signature,
    /// The stamp is too old, or ahead.
    #[error("the signature's time stamp is more than {TOLERANCE_SECS} s off; check this machine's clock")]
    Stale,
    /// The body is no event.
    #[error("the body is no JSON of an event")]
    Body,
}

fn mac(secret: &str, stamp: i64, body: &[u8]) -> Option<Hmac<Sha256>> {
    // HMAC takes keys of any length; the option only spares a proof.
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).ok()?;
    mac.update(stamp.to_string().as_bytes());
    mac.update(b".");
    mac.update(body);
    Some(mac)
}

/// Signs a body as Stripe does: the hex digits behind `v1=`. For tests and load generators.
pub fn sign(secret: &str, stamp: i64, body: &[u8]) -> String {
    mac(secret, stamp, body).map(|mac| hex::encode(mac.finalize().into_bytes())).unwrap_or_default()
}

/// Proves that `body` was signed with one of `secrets` (two during a rotation), in constant time, and
/// that its stamp is near `now` by the local clock.
pub fn verify(secrets: &[&str], header: &str, body: &[u8], now: i64) -> Result<(), WebhookError> {
    let (mut stamp, mut signatures) = (None, Vec::new());
    for part in header.split(',') {
        match part.trim().split_once('=') {
            Some(("t", text)) => {
                stamp = Some(text.parse::<i64>().map_err(|_| WebhookError::Header)?);
            }
            Some(("v1", text)) if signatures.len() < SIGNATURES_MAX => signatures.push(text),
            Some(_) => {}
            None => return Err(WebhookError::Header),
        }
    }
    let stamp = stamp.filter(|_| !signatures.is_empty()).ok_or(WebhookError::Header)?;
    let proven = secrets.iter().filter_map(|secret| mac(secret, stamp, body)).any(|mac| {
        signatures
            .iter()
            .filter_map(|signature| hex::decode(signature).ok())
            .any(|signature| mac.clone().verify_slice(&signature).is_ok())
    });
    if !proven {
        return Err(WebhookError::Signature);
    }
    if now.saturating_sub(stamp).unsigned_abs() > TOLERANCE_SECS.unsigned_abs() {
        return Err(WebhookError::Stale);
    }
    Ok(())
}

/// The hint in a proven body; none where it is of a type, an API version or an installation that does
/// not concern us.
pub fn hint(body: &[u8], instance: &Instance) -> Result<Option<EventHint>, WebhookError> {
    match serde_json::from_slice::<Envelope>(body) {
        Ok(envelope) => Ok(envelope.hint(instance)),
        // An envelope that we can't read is nobody's business, as long as it is JSON to its end.
        Err(error) if error.is_data() => {
            serde_json::from_slice::<IgnoredAny>(body).map(|_| None).map_err(|_| WebhookError::Body)
        }
        Err(_) => Err(WebhookError::Body),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: i64 = 1_790_000_000;

    #[track_caller]
    fn check(header: &str, expected: Result<(), WebhookError>) {
        assert_eq!(verify(&["whsec_new", "whsec_old"], header, b"{}", NOW), expected, "{header}");
    }

    #[test]
    fn only_a_fresh_signature_with_a_secret_of_ours_is_taken() {
        let good = sign("whsec_new", NOW, b"{}");
        let old = sign("whsec_old", NOW, b"{}");
        check(&format!("t={NOW},v1={good}"), Ok(()));
        check(&format!("t={NOW},v1={old}"), Ok(()));
        check(&format!("t={NOW},v1=00,v1={good},v0=11"), Ok(()));
        check(&format!("t={NOW},v0={good}"), Err(WebhookError::Header));
        check(&format!("t={NOW},v1={}", sign("whsec_x", NOW, b"{}")), Err(WebhookError::Signature));
        check(&format!("t={NOW},v1={}", sign("whsec_new", NOW, b"{ }")), Err(WebhookError::Signature));
        for stamp in [NOW - 301, NOW + 301, i64::MIN, i64::MAX] {
            check(&format!("t={stamp},v1={}", sign("whsec_new", stamp, b"{}")), Err(WebhookError::Stale));
        }
        check(&format!("t={},v1={}", NOW - 300, sign("whsec_new", NOW - 300, b"{}")), Ok(()));
    }

    #[test]
    fn a_header_that_does_not_read_is_told_apart_from_a_wrong_one() {
        for header in ["", "t=", "t=x,v1=00", "v1=00", "t=1", "hello"] {
            check(header, Err(WebhookError::Header));
        }
    }

    #[test]
    fn events_of_other_types_and_other_installations_carry_no_hint() {
        let ours = Instance::new("zone", "persys.jp");
        let event = |kind: &str, inst: &str| {
            format!(
                r#"{{"id":"evt_1","type":"{kind}","created":5,"data":{{"object":{{"id":"sub_1","object":"subscription","metadata":{{"subdomain":"acme","tmsk_inst":"{inst}"}}}}}}}}"#
            )
        };
        let seen = hint(event("customer.subscription.updated", ours.as_str()).as_bytes(), &ours).unwrap().unwrap();
        assert_eq!((seen.subdomain.as_str(), seen.subscription.unwrap().as_str()), ("acme", "sub_1"));
        assert_eq!(hint(event("customer.subscription.updated", "00000000").as_bytes(), &ours), Ok(None));
        assert_eq!(hint(event("invoice.paid", ours.as_str()).as_bytes(), &ours), Ok(None));
        assert_eq!(hint(b"{\"type\":5}", &ours), Ok(None));
        assert_eq!(hint(b"not json", &ours), Err(WebhookError::Body));
    }

    proptest! {
        #[test]
        fn no_header_and_no_body_makes_the_proof_panic(header in "\\PC{0,80}", body in proptest::collection::vec(any::<u8>(), 0..80)) {
            prop_assert!(verify(&["whsec_x"], &header, &body, NOW).is_err());
            let _ = hint(&body, &Instance::new("zone", "persys.jp"));
        }

        #[test]
        fn a_good_signature_is_found_among_others_and_one_flipped_bit_is_fatal(
            body in proptest::collection::vec(any::<u8>(), 1..80),
            others in proptest::collection::vec("v[0-2]=[0-9a-f]{0,64}", 0..4),
            place in any::<prop::sample::Index>(),
            bit in 0_u8..8,
        ) {
            let mut parts = others;
            parts.push(format!("v1={}", sign("whsec_x", NOW, &body)));
            parts.push(format!("t={NOW}"));
            parts.reverse();
            let header = parts.join(",");
            prop_assert_eq!(verify(&["whsec_x"], &header, &body, NOW), Ok(()));
            let mut changed = body;
            let at = place.index(changed.len());
            changed[at] ^= 1 << bit;
            prop_assert_eq!(verify(&["whsec_x"], &header, &changed, NOW), Err(WebhookError::Signature));
        }

        #[test]
        fn an_envelope_with_anything_in_its_places_gives_a_hint_of_ours_or_none(
            kind in prop_oneof![Just(serde_json::json!("customer.subscription.updated")), json_value()],
            created in json_value(),
            id in json_value(),
            subdomain in prop_oneof![Just(serde_json::json!("acme")), json_value()],
            previous in json_value(),
            linked in json_value(),
        ) {
            let ours = Instance::new("zone", "persys.jp");
            let body = serde_json::json!({
                "id": "evt_1", "type": kind, "created": created,
                "data": {"previous_attributes": previous, "object": {
                    "id": id, "object": "subscription", "subscription": linked,
                    "metadata": {"subdomain": subdomain, "tmsk_inst": ours.as_str()},
                }},
            });
            let seen = hint(body.to_string().as_bytes(), &ours);
            prop_assert!(seen.is_ok(), "it is JSON: {seen:?}");
            if let Ok(Some(hint)) = seen {
                prop_assert_eq!(Some(hint.subdomain.as_str()), subdomain.as_str());
            }
            let other = hint_of_other(&body);
            prop_assert_eq!(other, Ok(None));
        }

        #[test]
        fn an_event_cut_short_is_no_event(cut in 0_usize..100) {
            let body = r#"{"id":"evt_1","type":"customer.subscription.updated","created":5,"data":{"object":{"id":"sub_1"}}}"#;
            prop_assume!(cut < body.len());
            prop_assert_eq!(hint(&body.as_bytes()[..cut], &Instance::new("zone", "persys.jp")), Err(WebhookError::Body));
        }
    }

    fn hint_of_other(body: &serde_json::Value) -> Result<Option<EventHint>, WebhookError> {
        hint(body.to_string().as_bytes(), &Instance::new("another zone", "persys.jp"))
    }

    fn json_value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![
            Just(serde_json::Value::Null),
            any::<bool>().prop_map(serde_json::Value::from),
            any::<i64>().prop_map(serde_json::Value::from),
            any::<f64>().prop_map(serde_json::Value::from),
            "\\PC{0,20}".prop_map(serde_json::Value::from),
        ];
        leaf.prop_recursive(2, 6, 3, |inner| {
            prop_oneof![
                proptest::collection::vec(inner.clone(), 0..3).prop_map(serde_json::Value::from),
                proptest::collection::btree_map("[a-z]{1,6}", inner, 0..3).prop_map(serde_json::Value::from_iter),
            ]
        })
    }
}
