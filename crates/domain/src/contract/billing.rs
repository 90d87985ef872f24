//! The promises of [`Billing`].

use async_trait::async_trait;

use super::{given, parsed};
use crate::action::EndBy;
use crate::checkout::{Checkout, CheckoutStatus, Expired, NewCheckout, SeenCheckout};
use crate::ids::{CheckoutId, PriceId, SubscriptionId};
use crate::instance::Instance;
use crate::metadata::{Metadata, key};
use crate::ports::{Billing, RefundOutcome, Subscriptions};
use crate::time::{DAY_SECS, Timestamp};
use crate::trial::{Billed, Status, Subscription};

/// What a test makes happen in Stripe's place.
#[async_trait]
pub trait BillingWorld: Send + Sync {
    /// The installation that the port was made for.
    fn instance(&self) -> Instance;
    /// A price on sale that recurs every seven days.
    fn price(&self) -> PriceId;
    /// Stripe's now.
    async fn now(&self) -> Timestamp;
    /// Somebody pays on the session's page.
    async fn pay(&self, checkout: &Checkout);
    /// The customer has the bank take the subscription's payment back.
    async fn dispute(&self, subscription: &Subscription);
    /// Somebody deletes the subscription's Customer.
    async fn delete_customer(&self, subscription: &Subscription);
}

/// Sees that all promises are kept.
///
/// # Panics
/// Where one is broken.
pub async fn check(billing: &dyn Billing, world: &dyn BillingWorld) {
    a_price_says_what_and_how_long(billing, world).await;
    a_session_reads_as_it_was_made(billing, world).await;
    the_same_key_makes_no_second_session(billing, world).await;
    sessions_are_listed_as_soon_as_they_are_made(billing, world).await;
    an_expired_session_is_free_and_a_paid_one_is_shown(billing, world).await;
    a_paid_session_becomes_a_subscription(billing, world).await;
    what_does_not_exist_or_is_not_ours_is_none(billing, world).await;
    metadata_is_merged(billing, world).await;
    an_end_is_set(billing, world).await;
    a_second_cancel_shows_it_canceled(billing, world).await;
    lists_of_subscriptions_show_all(billing, world).await;
    events_name_the_subdomain_oldest_first(billing, world).await;
    money_goes_back_once(billing, world).await;
    a_disputed_payment_is_left_alone(billing, world).await;
    a_deleted_customer_is_shown_as_deleted(billing, world).await;
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
    world.pay(&open).await;
    let Some(done) = given(name, billing.checkout(&open.id).await) else {
        panic!("{name}: the paid session is gone");
    };
    assert_eq!(done.checkout.status, CheckoutStatus::Complete, "{name}: a paid session is complete");
    let Some(id) = done.checkout.subscription else {
        panic!("{name}: the paid session names no subscription");
    };
    let subscription = read(billing, &id).await;
    assert_eq!(done.subscription.as_ref(), Some(&subscription), "{name}: a session shows what it became, whole");
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

async fn a_session_reads_as_it_was_made(billing: &dyn Billing, world: &dyn BillingWorld) {
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

async fn the_same_key_makes_no_second_session(billing: &dyn Billing, world: &dyn BillingWorld) {
    let asked = new(world, "twice").await;
    let first = given("the first send", billing.create_checkout(&asked).await);
    let second = given("the second send", billing.create_checkout(&asked).await);
    assert_eq!(first.id, second.id, "the same bytes under the same key make one session");
}

async fn sessions_are_listed_as_soon_as_they_are_made(billing: &dyn Billing, world: &dyn BillingWorld) {
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

async fn an_expired_session_is_free_and_a_paid_one_is_shown(billing: &dyn Billing, world: &dyn BillingWorld) {
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

async fn a_paid_session_becomes_a_subscription(billing: &dyn Billing, world: &dyn BillingWorld) {
    let bought = bought(billing, world, "bought").await;
    assert_eq!(bought.status, Status::Active, "it is active");
    assert!(!bought.end_set, "it has no end of its own");
    assert_eq!(bought.price_days, Some(7), "its period is the price's");
    assert_eq!(bought.started, bought.created, "it starts when it is made");
    let invoice = bought.invoice.as_ref().map(|invoice| (invoice.billed, invoice.paid));
    assert_eq!(invoice, Some((Billed::First, true)), "its first invoice is paid");
    assert_eq!(bought.metadata.get(key::SUBDOMAIN).map(String::as_str), Some("bought"), "the metadata came along");
    assert_eq!(bought.customer.email.as_ref().map(crate::order::Email::expose), Some("bought@example.jp"), "its buyer");
    assert!(!bought.customer.has_company && !bought.customer.deleted, "the buyer is new");
}

async fn what_does_not_exist_or_is_not_ours_is_none(billing: &dyn Billing, world: &dyn BillingWorld) {
    assert_eq!(given("no session", billing.checkout(&parsed("cs_test_none")).await), None, "no such session");
    assert_eq!(given("no subscription", billing.subscription(&parsed("sub_none")).await), None, "no such subscription");
    let mut foreign = new(world, "foreign").await;
    foreign.metadata.insert(key::INSTANCE.to_owned(), "ffffffff".to_owned());
    let made = given("another installation's session", billing.create_checkout(&foreign).await);
    assert_eq!(given("reading it", billing.checkout(&made.id).await), None, "another installation's is not shown");
    let listed = given("the list", billing.checkouts_since(made.created.plus_secs(-60)).await);
    assert!(listed.iter().all(|session| session.id != made.id), "another installation's is not listed");
}

async fn metadata_is_merged(billing: &dyn Billing, world: &dyn BillingWorld) {
    let bought = bought(billing, world, "merged").await;
    let entries = |pairs: &[(&str, &str)]| -> Metadata {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
    };
    let first = entries(&[(key::ATTEMPT, "1:1790000000:1790000000")]);
    given("the first write", billing.merge_metadata(&bought.id, &first).await);
    let written = given("the second write", billing.merge_metadata(&bought.id, &entries(&[(key::VMID, "9001")])).await);
    let mut expected = bought.metadata.clone();
    expected.extend(entries(&[(key::ATTEMPT, "1:1790000000:1790000000"), (key::VMID, "9001")]));
    assert_eq!(written.metadata, expected, "what was there stays, what is new is shown");
    assert_eq!(read(billing, &bought.id).await.metadata, expected, "and it reads back");
    let customer = given("naming", billing.name_customer(&written.customer, "例社 & Söhne").await);
    assert!(customer.has_company, "a named customer has its company");
    let marked =
        given("marking", billing.merge_customer_metadata(&customer, &entries(&[(key::MAIL, "thankyou:try1@1")])).await);
    assert!(marked.has_company, "a mark takes no company away");
    assert_eq!(marked.metadata.get(key::MAIL).map(String::as_str), Some("thankyou:try1@1"), "the mark is shown");
    assert_eq!(read(billing, &bought.id).await.customer, marked, "and reads back with the subscription");
}

async fn an_end_is_set(billing: &dyn Billing, world: &dyn BillingWorld) {
    let one = bought(billing, world, "end-period").await;
    assert!(given("by period", billing.set_end(&one.id, EndBy::Period).await).end_set, "an end by period is set");
    let other = bought(billing, world, "end-date").await;
    let at = other.started.plus_secs(5 * DAY_SECS);
    assert!(given("by date", billing.set_end(&other.id, EndBy::Date(at)).await).end_set, "an end by date is set");
    let shown = read(billing, &other.id).await;
    assert!(shown.end_set && shown.status == Status::Active, "it runs until then");
}

async fn a_second_cancel_shows_it_canceled(billing: &dyn Billing, world: &dyn BillingWorld) {
    let bought = bought(billing, world, "canceled").await;
    for clause in ["the first cancel", "the second cancel"] {
        let shown = given(clause, billing.cancel(&bought.id).await);
        assert_eq!((shown.id, shown.status), (bought.id.clone(), Status::Canceled), "{clause}");
    }
    let missing = billing.cancel(&parsed("sub_none")).await;
    assert!(missing.is_err_and(|fault| !fault.is_unknown()), "what does not exist can't be canceled");
}

async fn lists_of_subscriptions_show_all(billing: &dyn Billing, world: &dyn BillingWorld) {
    let since = world.now().await.plus_secs(-60);
    let live = bought(billing, world, "list-live").await;
    let over = bought(billing, world, "list-over").await;
    given("canceling", billing.cancel(&over.id).await);
    let since_then = walk(billing, Subscriptions::Since(since)).await;
    for id in [&live.id, &over.id] {
        assert!(since_then.iter().any(|shown| shown.id == *id), "{id} is listed since it was made");
    }
    let before = walk(billing, Subscriptions::LiveBefore(world.now().await.plus_secs(60))).await;
    assert!(before.iter().any(|shown| shown.id == live.id), "a live one is listed");
    assert!(before.iter().all(|shown| shown.id != over.id), "a canceled one is not");
    let none = walk(billing, Subscriptions::LiveBefore(since)).await;
    assert!(none.iter().all(|shown| shown.id != live.id), "nothing is listed before it was made");
}

async fn walk(billing: &dyn Billing, which: Subscriptions) -> Vec<Subscription> {
    let (mut all, mut after) = (Vec::new(), None);
    for _ in 0..1_000 {
        let page = given("a page", billing.subscriptions(which, after.as_ref()).await);
        all.extend(page.subscriptions);
        after = page.next;
        if after.is_none() {
            return all;
        }
    }
    panic!("a list has no end");
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

async fn a_disputed_payment_is_left_alone(billing: &dyn Billing, world: &dyn BillingWorld) {
    let bought = bought(billing, world, "disputed").await;
    world.dispute(&bought).await;
    assert_eq!(given("refunding", billing.refund(&bought).await), RefundOutcome::Disputed, "it would be paid twice");
    let events = given("the events", billing.events_since(bought.created.plus_secs(-60)).await);
    let told: Vec<_> = events.iter().filter(|event| event.disputed).collect();
    let whose: Vec<_> = told.iter().map(|event| (event.subdomain.as_str(), event.subscription.as_ref())).collect();
    assert_eq!(whose, [("disputed", Some(&bought.id))], "a dispute is led back to its trial");
}

async fn a_deleted_customer_is_shown_as_deleted(billing: &dyn Billing, world: &dyn BillingWorld) {
    let bought = bought(billing, world, "deleted").await;
    world.delete_customer(&bought).await;
    let shown = read(billing, &bought.id).await;
    assert!(shown.customer.deleted, "a deleted customer is shown as such");
    assert_eq!((shown.customer.email, shown.status), (None, Status::Canceled), "its subscriptions end with it");
    let write = billing.merge_customer_metadata(&bought.customer, &Metadata::new()).await;
    assert!(write.is_err_and(|fault| !fault.is_unknown()), "nothing is written to it");
}
