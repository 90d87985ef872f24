//! What is promised of subscriptions and their Customers.

use super::super::{given, parsed};
use super::foreign::foreign_session;
use super::{BillingWorld, bought, new, paid, read};
use crate::action::EndBy;
use crate::metadata::{Metadata, key};
use crate::ports::{Billing, Subscriptions};
use crate::time::DAY_SECS;
use crate::trial::{Billed, Status, Subscription};

pub(super) async fn a_paid_session_becomes_a_subscription(billing: &dyn Billing, world: &dyn BillingWorld) {
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

pub(super) async fn metadata_is_merged(billing: &dyn Billing, world: &dyn BillingWorld) {
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
}

/// A canceled subscription is marked on its Customer, so that goes on.
pub(super) async fn a_customer_is_named_and_marked(billing: &dyn Billing, world: &dyn BillingWorld) {
    let bought = bought(billing, world, "named").await;
    let named = given("naming", billing.name_customer(&bought.customer, "例社 & Söhne").await);
    assert!(named.has_company, "a named customer has its company");
    assert_eq!(named.metadata.get(key::COMPANY).map(String::as_str), Some("例社 & Söhne"), "as it was typed");
    given("canceling", billing.cancel(&bought.id).await);
    let mark = Metadata::from([(key::MAIL.to_owned(), "thankyou:try1@1".to_owned())]);
    let marked = given("marking", billing.merge_customer_metadata(&named, &mark).await);
    assert!(marked.has_company, "a mark takes no company away");
    let mut expected = named.metadata;
    expected.extend(mark);
    assert_eq!(marked.metadata, expected, "what was there stays, the mark is shown");
    assert_eq!(read(billing, &bought.id).await.customer, marked, "and reads back with the subscription");
}

pub(super) async fn an_end_is_set(billing: &dyn Billing, world: &dyn BillingWorld) {
    let one = bought(billing, world, "end-period").await;
    assert!(given("by period", billing.set_end(&one.id, EndBy::Period).await).end_set, "an end by period is set");
    let other = bought(billing, world, "end-date").await;
    let at = other.started.plus_secs(5 * DAY_SECS);
    assert!(given("by date", billing.set_end(&other.id, EndBy::Date(at)).await).end_set, "an end by date is set");
    let shown = read(billing, &other.id).await;
    assert!(shown.end_set && shown.status == Status::Active, "it runs until then");
}

pub(super) async fn a_second_cancel_shows_it_canceled(billing: &dyn Billing, world: &dyn BillingWorld) {
    let bought = bought(billing, world, "canceled").await;
    for clause in ["the first cancel", "the second cancel"] {
        let shown = given(clause, billing.cancel(&bought.id).await);
        assert_eq!((shown.id, shown.status), (bought.id.clone(), Status::Canceled), "{clause}");
    }
}

pub(super) async fn lists_of_subscriptions_show_all(billing: &dyn Billing, world: &dyn BillingWorld) {
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

/// The search that finds them may lag by minutes; what it has found is read as it is.
pub(super) async fn a_names_subscriptions_are_found_as_they_are_now(billing: &dyn Billing, world: &dyn BillingWorld) {
    let over = bought(billing, world, "found").await;
    given("canceling", billing.cancel(&over.id).await);
    let mut again = new(world, "found").await;
    again.idempotency_key.push_str("-again");
    let live = paid(billing, world, &given("a second session", billing.create_checkout(&again).await)).await;
    let neighbour = bought(billing, world, "found-2").await;
    let foreign = world.pay(&foreign_session(billing, world, "found").await).await;
    world.minutes_pass().await;
    let mark = Metadata::from([(key::VMID.to_owned(), "9001".to_owned())]);
    given("a mark", billing.merge_metadata(&live.id, &mark).await);
    let found = given("what is of a name", billing.subscriptions_of(&parsed("found")).await);
    for id in [&neighbour.id, &foreign] {
        assert!(found.iter().all(|shown| shown.id != *id), "{id} is not the name's, or not ours");
    }
    for id in [&over.id, &live.id] {
        let shown: Vec<_> = found.iter().filter(|shown| shown.id == *id).collect();
        assert_eq!(shown, [&read(billing, id).await], "{id} is found once and as it is now");
    }
    let nobody = given("nobody's", billing.subscriptions_of(&parsed("nobody")).await);
    assert!(nobody.is_empty(), "nothing is found of a name that nobody bought");
}

pub(super) async fn walk(billing: &dyn Billing, which: Subscriptions) -> Vec<Subscription> {
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

pub(super) async fn a_deleted_customer_is_shown_as_deleted(billing: &dyn Billing, world: &dyn BillingWorld) {
    let bought = bought(billing, world, "deleted").await;
    world.delete_customer(&bought).await;
    let shown = read(billing, &bought.id).await;
    assert!(shown.customer.deleted, "a deleted customer is shown as such");
    assert_eq!((shown.customer.email, shown.status), (None, Status::Canceled), "its subscriptions end with it");
    let write = billing.merge_customer_metadata(&bought.customer, &Metadata::new()).await;
    assert!(write.is_err_and(|fault| !fault.is_unknown()), "nothing is written to it");
}
