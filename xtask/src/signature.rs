//! Signs a webhook as Stripe does, for load and for races.

use hmac::{Hmac, Mac};
use sha2::Sha256;

/// The hex digits behind `v1=`.
pub(crate) fn sign(secret: &str, stamp: u64, body: &str) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return String::new() };
    mac.update(format!("{stamp}.{body}").as_bytes());
    mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect::<Vec<_>>().concat()
}
