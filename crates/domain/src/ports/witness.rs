//! Who is told that an outside system answered.

use super::System;
use crate::time::Timestamp;

/// Hears of answers: for `/health`, and for Stripe's clock.
pub trait Witness: Send + Sync {
    /// A system gave an answer, whatever it was.
    fn answered(&self, system: System);

    /// Stripe's `Date` of an answer that has just come in.
    fn stripe_date(&self, date: Timestamp);
}
