//! The promises of [`Billing`].

mod foreign;
mod sessions;
mod subscriptions;

use async_trait::async_trait;

use super::{given, parsed};
use crate::action::EndBy;
use crate::checkout::{Checkout, CheckoutStatus, NewCheckout};
use crate::ids::{PriceId, SubscriptionId};
use crate::instance::Instance;
use crate::metadata::{Metadata, key};
use crate::ports::{Billing, RefundOutcome};
use crate::time::Timestamp;
use crate::trial::{Status, Subscription};

/// What a test makes happen in Stripe's place.
#[async_trait]
pub trait BillingWorld: Send + Sync {
    /// The installation that the port was made for.
    fn instance(&self) -> Instance;
    /// A price on sale that recurs every seven days.
    fn price(&self) -> PriceId;
    /// Stripe's now.
    async fn now(&self) -> Timestamp;
    /// Somebody pays on the session's page; gives the subscription that Stripe makes of it.
    async fn pay(&self, checkout: &Checkout) -> SubscriptionId;
    /// A few minutes go by at Stripe.
    async fn minutes_pass(&self);
    /// The customer has the bank take the subscription's payment back.
    async fn dispute(&self, subscription: &Subscription);
    /// The bank settles that dispute, whoever wins.
    async fn settle_dispute(&self, subscription: &Subscription);
    /// Somebody gives back that much of the subscription's payment by hand, in minor units; whether this
    /// world can do it.
    async fn refund_by_hand(&self, _subscription: &Subscription, _amount_minor: i64) -> bool {
        false
    }
    /// What of the subscription's payment was given back so far, in minor units. Asked only where
    /// [`Self::refund_by_hand`] can do it.
    async fn given_back_minor(&self, _subscription: &Subscription) -> i64 {
        0
    }
    /// Somebody deletes the subscription's Customer.
    async fn delete_customer(&self, subscription: &Subscription);
}

/// Sees that all promises are kept.
///
/// # Panics
/// Where one is broken.
pub async fn check(billing: &dyn Billing, world: &dyn BillingWorld) {
    a_price_says_what_and_how_long(billing, world).await;
    sessions::a_session_reads_as_it_was_made(billing, world).await;
    sessions::the_same_key_makes_no_second_session(billing, world).await;
    sessions::sessions_are_listed_as_soon_as_they_are_made(billing, world).await;
    sessions::an_expired_session_is_free_and_a_paid_one_is_shown(billing, world).await;
    what_does_not_exist_is_none_or_refused(billing).await;
    foreign::another_installations_are_not_shown(billing, world).await;
    subscriptions::a_paid_session_becomes_a_subscription(billing, world).await;
    subscriptions::metadata_is_merged(billing, world).await;
    subscriptions::a_customer_is_named_and_marked(billing, world).await;
    subscriptions::an_end_is_set(billing, world).await;
    subscriptions::a_second_cancel_shows_it_canceled(billing, world).await;
    subscriptions::lists_of_subscriptions_show_all(billing, world).await;
    subscriptions::a_names_subscriptions_are_found_as_they_are_now(billing, world).await;
    events_name_the_subdomain_oldest_first(billing, world).await;
    foreign::others_events_hide_none_of_ours(billing, world).await;
    money_goes_back_once(billing, world).await;
    the_rest_of_what_was_given_back_in_part_goes_back(billing, world).await;
    a_disputed_payment_is_left_alone(billing, world).await;
    subscriptions::a_deleted_customer_is_shown_as_deleted(billing, world).await;
}

async fn new(world: &dyn BillingWorld, name: &str) -> NewCheckout {
    let instance = world.instance();
    let metadata = [
        (key::SUBDOMAIN, name),
        (key::APPLICATION, "nginx"),
        (key::DAYS, "7"),
        (key::COMPANY, "例社"),
        (key::INSTANCE, instance.as_str()),
    ];
    NewCheckout {
        price: world.price(),
        email: parsed(&format!("{name}@example.jp")),
        reference: Some(format!("form-{name}")),
        metadata: metadata.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        expires: world.now().await.plus_secs(crate::checkout::OPEN_SECS),
        success_url: "https://tamesuke.example/success.html?session_id={CHECKOUT_SESSION_ID}".to_owned(),
        cancel_url: "https://tamesuke.example/cancel.html".to_owned(),
        idempotency_key: format!("key-{name}"),
    }
}

async fn opened(billing: &dyn Billing, world: &dyn BillingWorld, name: &str) -> Checkout {
    given(name, billing.create_checkout(&new(world, name).await).await)
}

async fn bought(billing: &dyn Billing, world: &dyn BillingWorld, name: &str) -> Subscription {
    let open = opened(billing, world, name).await;
    paid(billing, world, &open).await
}

async fn paid(billing: &dyn Billing, world: &dyn BillingWorld, open: &Checkout) -> Subscription {
    let made = world.pay(open).await;
    let Some(done) = given("a paid session", billing.checkout(&open.id).await) else {
        panic!("{}: the paid session is gone", open.id);
    };
    assert_eq!(done.checkout.status, CheckoutStatus::Complete, "{}: a paid session is complete", open.id);
    assert_eq!(done.checkout.subscription.as_ref(), Some(&made), "{}: a paid session names its subscription", open.id);
    let subscription = read(billing, &made).await;
    assert_eq!(done.subscription.as_ref(), Some(&subscription), "{}: a session shows what it became, whole", open.id);
    subscription
}

async fn read(billing: &dyn Billing, id: &SubscriptionId) -> Subscription {
    match given("reading a subscription", billing.subscription(id).await) {
        Some(subscription) => subscription,
        None => panic!("{id} is not shown"),
    }
}

async fn a_price_says_what_and_how_long(billing: &dyn Billing, world: &dyn BillingWorld) {
    let price = given("a price on sale", billing.price(&world.price()).await);
    assert_eq!((price.id, price.days, price.active), (world.price(), Some(7), true), "a price on sale");
    assert!(price.money.amount_minor > 0, "a price costs something");
    let unknown = billing.price(&parsed("price_none")).await;
    assert!(unknown.is_err_and(|fault| !fault.is_unknown()), "a price that does not exist is refused");
}

async fn what_does_not_exist_is_none_or_refused(billing: &dyn Billing) {
    assert_eq!(given("no session", billing.checkout(&parsed("cs_test_none")).await), None, "no such session");
    let missing: SubscriptionId = parsed("sub_none");
    assert_eq!(given("no subscription", billing.subscription(&missing).await), None, "no such subscription");
    let writes = [
        ("expired", billing.expire_checkout(&parsed("cs_test_none")).await.err()),
        ("canceled", billing.cancel(&missing).await.err()),
        ("written to", billing.merge_metadata(&missing, &Metadata::new()).await.err()),
        ("given an end", billing.set_end(&missing, EndBy::Period).await.err()),
    ];
    for (done, fault) in writes {
        assert!(fault.is_some_and(|fault| !fault.is_unknown()), "what does not exist can't be {done}");
    }
}

async fn events_name_the_subdomain_oldest_first(billing: &dyn Billing, world: &dyn BillingWorld) {
    let since = world.now().await.plus_secs(-300);
    let bought = bought(billing, world, "events").await;
    let mark = Metadata::from([(key::ATTEMPT.to_owned(), "1:1790000000:1790000000".to_owned())]);
    given("a mark", billing.merge_metadata(&bought.id, &mark).await);
    given("an end", billing.set_end(&bought.id, EndBy::Period).await);
    let events = given("the events", billing.events_since(since).await);
    let ours: Vec<_> = events.iter().filter(|event| event.subdomain.as_str() == "events").collect();
    assert!(ours.iter().any(|event| event.checkout.is_some()), "a completed session is told of");
    assert!(ours.iter().any(|event| event.subscription.as_ref() == Some(&bought.id)), "a subscription is told of");
    assert!(ours.iter().any(|event| event.metadata_only), "an echo of our own mark is told apart");
    match ours.last() {
        Some(newest) => assert!(!newest.metadata_only, "a change of the end is no echo, and is the newest"),
        None => panic!("nothing is told of a purchase"),
    }
    let sorted = events.windows(2).all(|pair| pair[0].created <= pair[1].created);
    assert!(sorted, "events come oldest first");
    let later = given("later events", billing.events_since(world.now().await.plus_secs(60)).await);
    assert!(later.is_empty(), "no event is from before what was asked for");
}

async fn money_goes_back_once(billing: &dyn Billing, world: &dyn BillingWorld) {
    let bought = bought(billing, world, "refund").await;
    let first = given("the first refund", billing.refund(&bought).await);
    let RefundOutcome::Refunded(id) = &first else {
        panic!("a paid invoice gives back nothing: {first:?}");
    };
    let second = given("the second refund", billing.refund(&bought).await);
    assert_eq!(second, RefundOutcome::Refunded(id.clone()), "the second refund is the first one");
    assert_eq!(read(billing, &bought.id).await.status, Status::Active, "a refund cancels nothing");
    let mut unpaid = bought;
    unpaid.invoice = unpaid.invoice.map(|invoice| crate::trial::Invoice { paid: false, ..invoice });
    assert_eq!(given("nothing paid", billing.refund(&unpaid).await), RefundOutcome::Nothing, "nothing was paid");
}

async fn the_rest_of_what_was_given_back_in_part_goes_back(billing: &dyn Billing, world: &dyn BillingWorld) {
    let bought = bought(billing, world, "refund-part").await;
    let whole = given("the price", billing.price(&world.price()).await).money.amount_minor;
    if !world.refund_by_hand(&bought, whole - 1).await {
        return;
    }
    assert_eq!(world.given_back_minor(&bought).await, whole - 1, "a part is back");
    for clause in ["the rest of it", "nothing more"] {
        let outcome = given(clause, billing.refund(&bought).await);
        assert!(matches!(outcome, RefundOutcome::Refunded(_)), "{clause}: {outcome:?}");
        assert_eq!(world.given_back_minor(&bought).await, whole, "{clause}: all is back, and no more");
    }
    let others = self::bought(billing, world, "refund-hand").await;
    assert!(world.refund_by_hand(&others, 1).await && world.refund_by_hand(&others, whole - 1).await);
    let outcome = given("parts that add up", billing.refund(&others).await);
    assert!(matches!(outcome, RefundOutcome::Refunded(_)), "parts that add up are the whole: {outcome:?}");
    assert_eq!(world.given_back_minor(&others).await, whole, "parts that add up: nothing more goes back");
}

async fn a_disputed_payment_is_left_alone(billing: &dyn Billing, world: &dyn BillingWorld) {
    let bought = bought(billing, world, "disputed").await;
    world.dispute(&bought).await;
    assert_eq!(given("refunding", billing.refund(&bought).await), RefundOutcome::Disputed, "it would be paid twice");
    let events = given("the events", billing.events_since(bought.created.plus_secs(-60)).await);
    let told: Vec<_> = events.iter().filter(|event| event.disputed).collect();
    let whose: Vec<_> = told.iter().map(|event| (event.subdomain.as_str(), event.subscription.as_ref())).collect();
    assert_eq!(whose, [("disputed", Some(&bought.id))], "a dispute is led back to its trial");
    let open = given("the open disputes", billing.open_disputes(bought.created.plus_secs(-60)).await);
    assert_eq!(open.iter().collect::<Vec<_>>(), told, "it is open, and told of by the same event");
    let later = given("later disputes", billing.open_disputes(world.now().await.plus_secs(60)).await);
    assert!(later.is_empty(), "none is from before what was asked for");
    world.settle_dispute(&bought).await;
    let open = given("the open disputes", billing.open_disputes(bought.created.plus_secs(-60)).await);
    assert!(open.is_empty(), "a settled dispute is not open: {open:?}");
}
