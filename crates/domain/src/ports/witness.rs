//! Who is told that an outside system answered, or did not.

use super::System;
use crate::time::Timestamp;

/// Hears of answers: for `/health`, and for Stripe's clock.
///
/// Stripe, Proxmox and Cloudflare are asked all the time, so their silence says enough. The file server
/// and the mail server are asked seldom: of each of their tries exactly one of [`answered`] and
/// [`failed`] is told.
///
/// [`answered`]: Witness::answered
/// [`failed`]: Witness::failed
pub trait Witness: Send + Sync {
    /// A system gave an answer, whatever it was; of one that is asked seldom: another than "not now".
    fn answered(&self, system: System);

    /// A system that is asked seldom gave no answer, or said "not now".
    fn failed(&self, system: System);

    /// Stripe's `Date` of an answer that has just come in.
    fn stripe_date(&self, date: Timestamp);
}
