//! Checkout Sessions as they are seen, by whichever way: into the index, and read once more when an
//! open one has lapsed, so that a lost word of it holds neither the name nor its place.

use std::time::Duration;

use tamesuke_domain::checkout::{Checkout, CheckoutStatus};
use tamesuke_domain::subdomain::Subdomain;

use crate::engine::Engine;
use crate::queue::Again;

/// Stripe ends a session some seconds after its time, and tells of it later still.
const LAPSED_AFTER_SECS: i64 = 30;
/// How soon one is read again that should have lapsed and has not.
const STILL_OPEN_AGAIN: Duration = Duration::from_secs(60);

impl Engine {
    /// Takes in a session as Stripe shows it.
    pub(crate) fn see_session(&self, name: &Subdomain, checkout: &Checkout) {
        self.names.see_session(name, checkout);
        if checkout.status != CheckoutStatus::Open {
            return;
        }
        let (monotonic, now) = self.now();
        let lapsed = checkout.expires.plus_secs(LAPSED_AFTER_SECS);
        let again = if lapsed > now {
            Again { at: None, when: Some(lapsed) }
        } else {
            Again { at: Some(monotonic.plus(STILL_OPEN_AGAIN)), when: None }
        };
        self.queue.add_at(name, again);
    }
}
