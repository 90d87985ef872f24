//! What is known of one name. Ten thousand of these are held at once, and nearly all of them have one
//! subscription and nothing else: so lists, not trees, and what is rare stands behind a pointer.

use tamesuke_domain::checkout::{Checkout, CheckoutStatus};
use tamesuke_domain::ids::{CheckoutId, SubscriptionId};

use super::OpenCheckout;

/// What holds a name beside open sessions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Held {
    #[default]
    No,
    Trial,
    Leaving,
}

#[derive(Debug, Default)]
pub(super) struct Entry {
    pub(super) open: Option<Box<OpenCheckout>>,
    /// Sessions whose end has not been seen yet.
    pub(super) checkouts: Vec<CheckoutId>,
    /// Subscriptions that a look must read; `true` once their story is over.
    pub(super) subscriptions: Vec<(SubscriptionId, bool)>,
    pub(super) held: Held,
    /// A subscription was heard of that no look has read yet.
    pub(super) unread: bool,
}

impl Entry {
    pub(super) fn is_empty(&self) -> bool {
        self.open.is_none() && self.checkouts.is_empty() && self.subscriptions.is_empty()
    }

    pub(super) fn add_checkout(&mut self, id: &CheckoutId) {
        if !self.checkouts.contains(id) {
            self.checkouts.reserve_exact(1);
            self.checkouts.push(id.clone());
        }
    }

    pub(super) fn remove_checkout(&mut self, id: &CheckoutId) {
        self.checkouts.retain(|known| known != id);
        self.checkouts.shrink_to_fit();
    }

    /// Adds a subscription; gives whether it was not known.
    pub(super) fn add_subscription(&mut self, id: &SubscriptionId, over: bool) -> bool {
        let new = !self.subscriptions.iter().any(|(known, _)| known == id);
        if new {
            self.subscriptions.reserve_exact(1);
            self.subscriptions.push((id.clone(), over));
        }
        new
    }

    /// Says of a subscription, known or not, whether its story is over.
    pub(super) fn set_over(&mut self, id: &SubscriptionId, over: bool) {
        if !self.add_subscription(id, over) {
            self.subscriptions.iter_mut().filter(|(known, _)| known == id).for_each(|(_, known)| *known = over);
        }
    }

    /// Takes in a session as Stripe shows it.
    pub(super) fn see(&mut self, checkout: &Checkout) {
        if let Some(id) = &checkout.subscription {
            self.unread |= self.add_subscription(id, false);
        }
        let settled = match checkout.status {
            CheckoutStatus::Open => false,
            CheckoutStatus::Expired => true,
            CheckoutStatus::Complete => checkout.subscription.is_some(),
        };
        if settled {
            self.remove_checkout(&checkout.id);
        } else {
            self.add_checkout(&checkout.id);
        }
        if checkout.status == CheckoutStatus::Open {
            self.open = Some(Box::new(OpenCheckout {
                id: checkout.id.clone(),
                url: checkout.url.clone(),
                expires: checkout.expires,
                reference: checkout.reference.clone(),
                email: checkout.email.clone(),
                metadata: checkout.metadata.clone(),
            }));
        } else {
            self.open.take_if(|open| open.id == checkout.id);
        }
    }
}
