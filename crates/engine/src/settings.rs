//! The operator's settings that the engine works by.

use std::collections::BTreeMap;
use std::time::Duration;

use tamesuke_domain::catalog::{ApplicationId, Catalog, Days};
use tamesuke_domain::ids::PriceId;
use tamesuke_domain::instance::Instance;
use tamesuke_domain::look::Policy;

/// Everything the engine is told at its start.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Which subscriptions are ours.
    pub instance: Instance,
    /// What is offered.
    pub catalog: Catalog,
    /// The Price of each offer.
    pub prices: BTreeMap<(ApplicationId, Days), PriceId>,
    /// Limits and times that decisions rest on.
    pub policy: Policy,
    /// Where a payer is sent; holds the literal `{CHECKOUT_SESSION_ID}`.
    pub success_url: String,
    /// Where one who turns back is sent.
    pub cancel_url: String,
    /// What people are shown as a trial's address; holds the literal `{subdomain}`.
    pub trial_url: String,
    /// How many names are worked on at once.
    pub workers: usize,
    /// How often Stripe's events are asked for.
    pub poll_every: Duration,
    /// How often everything is listed anew.
    pub resync_every: Duration,
    /// The longest backoff.
    pub backoff_max: Duration,
    /// Most names that may wait; hints past it are dropped, for Stripe keeps the truth.
    pub queue_max: usize,
    /// How long a shutdown waits for work in hand.
    pub drain_max: Duration,
}

impl Settings {
    /// The address people are shown for a name.
    pub fn shown_url(&self, name: &tamesuke_domain::subdomain::Subdomain) -> String {
        self.trial_url.replace("{subdomain}", name.as_str())
    }
}
