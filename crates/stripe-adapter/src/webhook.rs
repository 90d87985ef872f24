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
mod tests;
