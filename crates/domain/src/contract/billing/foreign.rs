//! What is promised of another installation's objects: they are not shown.

use super::super::given;
use super::subscriptions::walk;
use super::{BillingWorld, bought, new};
use crate::checkout::Checkout;
use crate::metadata::key;
use crate::ports::{Billing, Subscriptions};

/// A session that another installation of this service opened with the same account.
pub(super) async fn foreign_session(billing: &dyn Billing, world: &dyn BillingWorld, name: &str) -> Checkout {
    let mut foreign = new(world, name).await;
    foreign.metadata.insert(key::INSTANCE.to_owned(), "ffffffff".to_owned());
    foreign.idempotency_key = format!("key-foreign-{name}");
    given("another installation's session", billing.create_checkout(&foreign).await)
}

/// In an account that sells other things too, others' events lie between ours and after them.
pub(super) async fn others_events_hide_none_of_ours(billing: &dyn Billing, world: &dyn BillingWorld) {
    let since = world.now().await.plus_secs(-60);
    let before = bought(billing, world, "ev-before").await;
    world.pay(&foreign_session(billing, world, "ev-others").await).await;
    let after = bought(billing, world, "ev-after").await;
    world.pay(&foreign_session(billing, world, "ev-others-2").await).await;
    world.minutes_pass().await;
    let events = given("the events", billing.events_since(since).await);
    for id in [&before.id, &after.id] {
        assert!(events.iter().any(|event| event.subscription.as_ref() == Some(id)), "{id} is told of by now");
    }
    let silent = given("later events", billing.events_since(world.now().await.plus_secs(-60)).await);
    assert!(silent.is_empty(), "what others' events lie after is not told of again: {silent:?}");
}

pub(super) async fn another_installations_are_not_shown(billing: &dyn Billing, world: &dyn BillingWorld) {
    let since = world.now().await.plus_secs(-60);
    let made = foreign_session(billing, world, "foreign").await;
    assert_eq!(given("reading it", billing.checkout(&made.id).await), None, "its session is not shown");
    for listed in [billing.checkouts_since(since).await, billing.checkouts_after(None, since).await] {
        assert!(given("the list", listed).iter().all(|session| session.id != made.id), "its session is not listed");
    }
    let id = world.pay(&made).await;
    assert_eq!(given("reading it", billing.subscription(&id).await), None, "its subscription is not shown");
    for which in [Subscriptions::Since(since), Subscriptions::LiveBefore(world.now().await.plus_secs(60))] {
        let listed = walk(billing, which).await;
        assert!(listed.iter().all(|shown| shown.id != id), "{which:?}: its subscription is not listed");
    }
    let events = given("the events", billing.events_since(since.plus_secs(-240)).await);
    assert!(events.iter().all(|event| event.subdomain.as_str() != "foreign"), "nothing is told of it");
}
