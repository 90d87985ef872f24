//! `Billing` over the simulated Stripe.

use async_trait::async_trait;
use tamesuke_domain::checkout::Checkout;
use tamesuke_domain::contract::billing::{BillingWorld, check};
use tamesuke_domain::ids::{PriceId, SubscriptionId};
use tamesuke_domain::instance::Instance;
use tamesuke_domain::time::Timestamp;
use tamesuke_domain::trial::Subscription;
use tamesuke_simulator::options::MINUTE;
use tamesuke_simulator::payments;
use tamesuke_simulator::ports::{FakeBilling, Link};
use tamesuke_simulator::world::stripe::{instance, session_index, sub_index};

struct Stripe(Link);

#[async_trait]
impl BillingWorld for Stripe {
    fn instance(&self) -> Instance {
        instance().clone()
    }

    fn price(&self) -> PriceId {
        "price_7".parse().unwrap()
    }

    async fn now(&self) -> Timestamp {
        self.0.world().lock().stripe_now()
    }

    async fn pay(&self, checkout: &Checkout) -> SubscriptionId {
        let mut world = self.0.world().lock();
        let sub = payments::pay(&mut world, session_index(&checkout.id).unwrap()).unwrap();
        world.stripe.subs[sub].id.clone()
    }

    async fn minutes_pass(&self) {
        self.0.world().lock().pass(5 * MINUTE);
    }

    async fn dispute(&self, subscription: &Subscription) {
        payments::dispute(&mut self.0.world().lock(), sub_index(&subscription.id).unwrap());
    }

    async fn settle_dispute(&self, subscription: &Subscription) {
        payments::settle_dispute(&mut self.0.world().lock(), sub_index(&subscription.id).unwrap());
    }

    async fn delete_customer(&self, subscription: &Subscription) {
        payments::delete_customer(&mut self.0.world().lock(), sub_index(&subscription.id).unwrap());
    }
}

#[test]
fn the_simulated_stripe_keeps_the_contract_of_billing() {
    let link = super::line();
    let (billing, world) = (FakeBilling(link.clone()), Stripe(link.clone()));
    super::keeps(&link, async move { check(&billing, &world).await });
}
