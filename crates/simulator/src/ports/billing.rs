//! Stripe as the port `Billing` promises it.

mod effect;

use async_trait::async_trait;
use tamesuke_domain::action::EndBy;
use tamesuke_domain::checkout::{Checkout, CheckoutStatus, Expired, NewCheckout, SeenCheckout};
use tamesuke_domain::ids::{CheckoutId, PriceId, SubscriptionId};
use tamesuke_domain::metadata::{self, Metadata};
use tamesuke_domain::money::Money;
use tamesuke_domain::ports::{Billing, EventHint, Fault, Price, RefundOutcome, SubscriptionPage, Subscriptions};
use tamesuke_domain::time::Timestamp;
use tamesuke_domain::trial::{Customer, Status, Subscription};

use super::Link;
use crate::invariants::{self, foreign};
use crate::op::Op;
use crate::payments;
use crate::world::World;
use crate::world::stripe::{News, Of, Session, Sub, instance, session_index, sub_index};
use effect::{create, days_of, events, give_back, note, ours, page};

/// The port `Billing`.
pub struct FakeBilling(pub Link);

/// As a program of this installation sees a session; none of another one's.
fn seen(session: &Session) -> Option<Checkout> {
    metadata::subdomain_of(&session.shown.metadata, instance()).is_some().then(|| session.shown.clone())
}

fn view(world: &World, op: Op, index: usize) -> Result<Subscription, Fault> {
    world.stripe.subs.get(index).map(Sub::view).ok_or_else(|| op.refused("no such subscription"))
}

fn index_of(op: Op, id: &SubscriptionId) -> Result<usize, Fault> {
    sub_index(id).ok_or_else(|| op.refused("no such subscription"))
}

fn of_customer(world: &World, op: Op, customer: &Customer) -> Result<usize, Fault> {
    let index = customer.id.as_str().strip_prefix("cus_").and_then(|number| number.parse::<usize>().ok());
    index
        .filter(|index| world.stripe.subs.get(*index).is_some_and(|sub| !sub.customer.deleted))
        .ok_or_else(|| op.refused("no such customer"))
}

#[async_trait]
impl Billing for FakeBilling {
    async fn price(&self, id: &PriceId) -> Result<Price, Fault> {
        let id = id.clone();
        let read = self.0.call(Op::ReadPrice, move |_, _| {
            let days = days_of(&id).ok_or_else(|| Op::ReadPrice.refused("no such price"))?;
            let money = Money { amount_minor: 500, currency: "jpy".to_owned() };
            Ok(Price { id, money, days: Some(days), active: true })
        });
        read.await
    }

    async fn create_checkout(&self, checkout: &NewCheckout) -> Result<Checkout, Fault> {
        let wanted = checkout.clone();
        let created = self.0.call(Op::CreateCheckout, move |world, _| {
            let created = create(world, wanted)?;
            world.stripe.charge(Of::Session(session_index(&created.id)));
            Ok(created)
        });
        created.await
    }

    async fn checkout(&self, id: &CheckoutId) -> Result<Option<SeenCheckout>, Fault> {
        let index = session_index(id);
        let read = self.0.call(Op::ReadCheckout, move |world, _| {
            world.stripe.charge(Of::Session(index));
            let session = index.and_then(|index| world.stripe.sessions.get(index)).and_then(seen);
            Ok(session.map(|checkout| {
                let sub = checkout.subscription.as_ref().and_then(|id| world.stripe.sub(id));
                let subscription = sub.filter(|sub| ours(sub)).map(Sub::view);
                SeenCheckout { checkout, subscription }
            }))
        });
        read.await
    }

    async fn checkouts_since(&self, since: Timestamp) -> Result<Vec<Checkout>, Fault> {
        let read = self.0.call(Op::ListCheckouts, move |world, _| {
            let since = world.stripe.sessions.iter().rev().take_while(|s| s.shown.created >= since);
            Ok(since.filter_map(seen).collect())
        });
        read.await
    }

    async fn checkouts_after(&self, newest: Option<&CheckoutId>, since: Timestamp) -> Result<Vec<Checkout>, Fault> {
        let Some(newest) = newest.and_then(session_index) else {
            return self.checkouts_since(since).await;
        };
        let read = self.0.call(Op::ListRivals, move |world, _| {
            world.stripe.charge(Of::Session(world.stripe.sessions.len().checked_sub(1)));
            Ok(world.stripe.sessions.iter().skip(newest + 1).rev().filter_map(seen).collect())
        });
        read.await
    }

    async fn expire_checkout(&self, id: &CheckoutId) -> Result<Expired, Fault> {
        let id = id.clone();
        let expired = self.0.call(Op::ExpireCheckout, move |world, _| {
            let index = session_index(&id).ok_or_else(|| Op::ExpireCheckout.refused("no such session"))?;
            world.stripe.charge(Of::Session(Some(index)));
            payments::expire(world, index);
            let session = world.stripe.sessions.get(index);
            let session = session.ok_or_else(|| Op::ExpireCheckout.refused("no such session"))?;
            Ok(match session.shown.status {
                CheckoutStatus::Complete => Expired::Paid(session.shown.clone()),
                CheckoutStatus::Open | CheckoutStatus::Expired => Expired::Free,
            })
        });
        expired.await
    }

    async fn subscription(&self, id: &SubscriptionId) -> Result<Option<Subscription>, Fault> {
        let id = id.clone();
        let read = self.0.call(Op::ReadSubscription, move |world, _| {
            world.stripe.charge(Of::Sub(sub_index(&id)));
            Ok(world.stripe.sub(&id).filter(|sub| ours(sub)).map(Sub::view))
        });
        read.await
    }

    async fn subscriptions(
        &self,
        which: Subscriptions,
        after: Option<&SubscriptionId>,
    ) -> Result<SubscriptionPage, Fault> {
        let after = after.and_then(sub_index);
        let read = self.0.call(Op::ListSubscriptions, move |world, _| Ok(page(world, which, after)));
        read.await
    }

    async fn events_since(&self, since: Timestamp) -> Result<Vec<EventHint>, Fault> {
        self.0.call(Op::ListEvents, move |world, _| Ok(events(world, since))).await
    }

    async fn open_disputes(&self, since: Timestamp) -> Result<Vec<EventHint>, Fault> {
        let read = self.0.call(Op::ListDisputes, move |world, _| {
            let is_open = |event: &EventHint| event.disputed && !world.stripe.settled.contains(&event.id);
            Ok(events(world, since).into_iter().filter(is_open).collect())
        });
        read.await
    }

    async fn merge_metadata(&self, id: &SubscriptionId, entries: &Metadata) -> Result<Subscription, Fault> {
        let (id, entries) = (id.clone(), entries.clone());
        let (op, pid) = (Op::WriteMetadata, self.0.pid());
        let merged = self.0.call(op, move |world, fate| {
            let index = index_of(op, &id)?;
            world.stripe.charge(Of::Sub(Some(index)));
            if let Some(sub) = world.stripe.subs.get_mut(index) {
                sub.metadata.extend(entries.clone());
            }
            note(world, (index, pid), &entries, fate);
            invariants::wrote(world, index, &entries);
            world.tell_sub(index, News::Metadata);
            view(world, op, index)
        });
        merged.await
    }

    async fn merge_customer_metadata(&self, customer: &Customer, entries: &Metadata) -> Result<Customer, Fault> {
        let (customer, entries) = (customer.clone(), entries.clone());
        let (op, pid) = (Op::WriteCustomer, self.0.pid());
        let merged = self.0.call(op, move |world, fate| {
            let index = of_customer(world, op, &customer)?;
            world.stripe.charge(Of::Sub(Some(index)));
            if let Some(sub) = world.stripe.subs.get_mut(index) {
                sub.customer.metadata.extend(entries.clone());
            }
            note(world, (index, pid), &entries, fate);
            invariants::wrote(world, index, &entries);
            Ok(view(world, op, index)?.customer)
        });
        merged.await
    }

    async fn name_customer(&self, customer: &Customer, company: &str) -> Result<Customer, Fault> {
        let (customer, company) = (customer.clone(), company.to_owned());
        let op = Op::NameCustomer;
        let named = self.0.call(op, move |world, _| {
            let index = of_customer(world, op, &customer)?;
            world.stripe.charge(Of::Sub(Some(index)));
            foreign::writing(world, index, "its Customer was named");
            if let Some(sub) = world.stripe.subs.get_mut(index) {
                sub.customer.has_company = true;
                sub.customer.metadata.insert(metadata::key::COMPANY.to_owned(), company);
            }
            Ok(view(world, op, index)?.customer)
        });
        named.await
    }

    async fn set_end(&self, id: &SubscriptionId, by: EndBy) -> Result<Subscription, Fault> {
        let id = id.clone();
        let op = Op::SetEnd;
        let set = self.0.call(op, move |world, _| {
            let index = index_of(op, &id)?;
            world.stripe.charge(Of::Sub(Some(index)));
            let over = world.stripe.subs.get(index).is_none_or(|sub| sub.status == Status::Canceled);
            if over {
                return Err(op.refused("a canceled subscription"));
            }
            foreign::writing(world, index, "its end was set");
            payments::set_guard(world, index, |sub| match by {
                EndBy::Period => sub.at_period_end = true,
                EndBy::Date(at) => sub.cancel_at = Some(at),
            });
            view(world, op, index)
        });
        set.await
    }

    async fn cancel(&self, id: &SubscriptionId) -> Result<Subscription, Fault> {
        let id = id.clone();
        let op = Op::Cancel;
        let canceled = self.0.call(op, move |world, _| {
            let index = index_of(op, &id)?;
            world.stripe.charge(Of::Sub(Some(index)));
            invariants::canceling(world, index);
            payments::cancel(world, index);
            view(world, op, index)
        });
        canceled.await
    }

    async fn refund(&self, subscription: &Subscription) -> Result<RefundOutcome, Fault> {
        let Some(invoice) = subscription.invoice.clone().filter(|invoice| invoice.paid) else {
            return Ok(RefundOutcome::Nothing);
        };
        let id = subscription.id.clone();
        let bill = move |world: &World, op: Op| {
            let sub = world.stripe.sub(&id).ok_or_else(|| op.refused("no such subscription"))?;
            let bill = sub.bills.iter().position(|bill| bill.shown.id == invoice.id);
            Ok::<_, Fault>((index_of(op, &id)?, bill.ok_or_else(|| op.refused("no such invoice"))?))
        };
        let find = bill.clone();
        let seen = self.0.call(Op::ReadPayment, move |world, _| {
            let (sub, bill) = find(world, Op::ReadPayment)?;
            world.stripe.charge(Of::Sub(Some(sub)));
            Ok(world.stripe.subs.get(sub).and_then(|sub| sub.bills.get(bill).cloned()))
        });
        match seen.await? {
            None => return Ok(RefundOutcome::Nothing),
            Some(seen) if seen.disputed => return Ok(RefundOutcome::Disputed),
            Some(seen) => {
                if let Some(refund) = seen.refund {
                    return Ok(RefundOutcome::Refunded(refund));
                }
            }
        }
        let refunded = self.0.call(Op::Refund, move |world, _| {
            let of = bill(world, Op::Refund)?;
            world.stripe.charge(Of::Sub(Some(of.0)));
            give_back(world, of)
        });
        refunded.await
    }
}
