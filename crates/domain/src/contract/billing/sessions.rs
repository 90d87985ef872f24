//! What is promised of Checkout Sessions.

use super::super::given;
use super::{BillingWorld, new, opened};
use crate::checkout::{CheckoutStatus, Expired, SeenCheckout};
use crate::ids::CheckoutId;
use crate::ports::Billing;

pub(super) async fn a_session_reads_as_it_was_made(billing: &dyn Billing, world: &dyn BillingWorld) {
    let asked = new(world, "made").await;
    let made = given("making a session", billing.create_checkout(&asked).await);
    assert_eq!(made.status, CheckoutStatus::Open, "a fresh session is open");
    assert!(made.url.is_some(), "an open session says where to pay");
    assert_eq!(made.expires, asked.expires, "it lapses when it was asked to");
    assert_eq!((&made.reference, &made.metadata), (&asked.reference, &asked.metadata), "it holds what it was given");
    assert_eq!(made.email.as_ref(), Some(&asked.email), "it holds the address");
    assert_eq!(made.subscription, None, "an open session has no subscription");
    let seen = given("reading it", billing.checkout(&made.id).await);
    let expected = SeenCheckout { checkout: made, subscription: None };
    assert_eq!(seen, Some(expected), "it reads as it was made, and became nothing yet");
}

pub(super) async fn the_same_key_makes_no_second_session(billing: &dyn Billing, world: &dyn BillingWorld) {
    let asked = new(world, "twice").await;
    let first = given("the first send", billing.create_checkout(&asked).await);
    let second = given("the second send", billing.create_checkout(&asked).await);
    assert_eq!(first.id, second.id, "the same bytes under the same key make one session");
}

pub(super) async fn sessions_are_listed_as_soon_as_they_are_made(billing: &dyn Billing, world: &dyn BillingWorld) {
    let since = world.now().await.plus_secs(-60);
    let (first, second) = (opened(billing, world, "listed-1").await, opened(billing, world, "listed-2").await);
    let listed = given("the list since", billing.checkouts_since(since).await);
    let place = |id: &CheckoutId| listed.iter().position(|session| session.id == *id);
    match (place(&second.id), place(&first.id)) {
        (Some(newer), Some(older)) => assert!(newer < older, "sessions are listed newest first"),
        _ => panic!("a list lacks a session that was made before it was asked for"),
    }
    let after = given("the list after", billing.checkouts_after(Some(&first.id), since).await);
    let ids: Vec<_> = after.iter().map(|session| &session.id).collect();
    assert_eq!(ids, [&second.id], "the list after one holds what was made after it, and not itself");
    let all = given("the list after none", billing.checkouts_after(None, since).await);
    assert!(all.iter().any(|session| session.id == first.id), "the list after none is the list since");
}

pub(super) async fn an_expired_session_is_free_and_a_paid_one_is_shown(
    billing: &dyn Billing,
    world: &dyn BillingWorld,
) {
    let open = opened(billing, world, "expire").await;
    assert_eq!(given("expiring", billing.expire_checkout(&open.id).await), Expired::Free, "an open one is freed");
    assert_eq!(given("expiring again", billing.expire_checkout(&open.id).await), Expired::Free, "it stays free");
    let shown = given("reading it", billing.checkout(&open.id).await);
    let status = shown.map(|seen| seen.checkout.status);
    assert_eq!(status, Some(CheckoutStatus::Expired), "it reads as expired");
    let paid = opened(billing, world, "expire-paid").await;
    world.pay(&paid).await;
    match given("expiring a paid one", billing.expire_checkout(&paid.id).await) {
        Expired::Paid(shown) => assert!(shown.id == paid.id && shown.subscription.is_some(), "the paid one is shown"),
        Expired::Free => panic!("a paid session is called free"),
    }
}
