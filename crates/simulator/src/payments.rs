//! What Stripe does by itself or at a customer's wish: payments, renewals, ends.

use tamesuke_domain::checkout::CheckoutStatus;
use tamesuke_domain::metadata::{Metadata, key};
use tamesuke_domain::time::DAY_SECS;
use tamesuke_domain::trial::{Billed, Customer, Status};

use crate::invariants::Invariant;
use crate::world::World;
use crate::world::stripe::{News, Sub, instance};

/// A renewal is our fault only if somebody could have prevented it for that long.
const GUARD_WITHIN: u64 = 20 * 60_000;

/// Stripe gets to a period's end within that time.
const PERIOD_LAG_MAX: u64 = 60_000;

/// A session is made; it lapses by itself.
pub fn lapse_later(world: &mut World, index: usize) {
    let Some(session) = world.stripe.sessions.get(index) else {
        return;
    };
    let wait = world.millis_of(session.shown.expires).saturating_sub(world.now);
    world.after(wait, move |world| expire(world, index));
}

/// An open session lapses or is expired.
pub fn expire(world: &mut World, index: usize) {
    if let Some(session) = world.stripe.sessions.get_mut(index)
        && session.shown.status == CheckoutStatus::Open
    {
        session.shown.status = CheckoutStatus::Expired;
        session.shown.url = None;
        world.tell_session(index);
    }
}

/// A customer pays on a session's page; gives the subscription.
pub fn pay(world: &mut World, index: usize) -> Option<usize> {
    let session = world.stripe.sessions.get(index)?;
    if session.shown.status != CheckoutStatus::Open || session.shown.expires <= world.stripe_now() {
        return None;
    }
    let (metadata, price_days) = (session.shown.metadata.clone(), session.price_days);
    let customer_email = session.shown.email.clone();
    let slow = world.options.customers > 0 && world.chance.permille(60);
    let sub = subscribe(world, metadata, price_days, !slow)?;
    if let Some(made) = world.stripe.subs.get_mut(sub) {
        made.customer.email = customer_email;
    }
    let id = world.stripe.subs.get(sub)?.id.clone();
    let (now, clone_taken) = (world.now, world.runs.any_at_clone(|_| true));
    let session = world.stripe.sessions.get_mut(index)?;
    (session.paid_at, session.stands_in_line) = (now, clone_taken);
    session.shown.status = CheckoutStatus::Complete;
    session.shown.url = None;
    session.shown.subscription = Some(id);
    world.trace.note(world.now, "paid", (index as u64, sub as u64), || format!("session {index} became sub_{sub}"));
    if slow {
        let wait = world.chance.between(2_000, 90_000);
        let comes = world.chance.permille(800);
        world.after(wait, move |world| first_payment(world, sub, comes));
    } else {
        world.tally.paid += 1;
    }
    world.tell_sub(sub, News::Changed);
    world.tell_session(index);
    Some(sub)
}

/// A subscription begins.
pub fn subscribe(world: &mut World, metadata: Metadata, price_days: u32, paid: bool) -> Option<usize> {
    let index = world.stripe.subs.len();
    let created = world.stripe_now();
    let days: i64 = metadata.get(key::DAYS)?.parse().ok()?;
    let customer = Customer {
        id: format!("cus_{index}").parse().ok()?,
        deleted: false,
        email: None,
        has_company: false,
        metadata: Metadata::new(),
    };
    let calm = world.calm_so_far();
    let bill = world.stripe.bill(index, 0, Billed::First, paid)?;
    let sub = Sub {
        id: format!("sub_{index}").parse().ok()?,
        label: metadata.get(key::SUBDOMAIN)?.clone(),
        ours: metadata.get(key::INSTANCE).map(String::as_str) == Some(instance().as_str()),
        status: if paid { Status::Active } else { Status::Incomplete },
        created,
        end: created.plus_secs(days * DAY_SECS),
        price_days,
        at_period_end: false,
        cancel_at: None,
        period_end: created.plus_secs(i64::from(price_days) * DAY_SECS),
        canceled_at: None,
        bills: vec![bill],
        metadata,
        customer,
        unguarded_since: Some(calm),
        broken: None,
    };
    world.stripe.subs.push(sub);
    tick_at(world, index);
    Some(index)
}

/// The first payment comes through or fails for good.
fn first_payment(world: &mut World, index: usize, comes: bool) {
    let calm = world.calm_so_far();
    let Some(sub) = world.stripe.subs.get_mut(index).filter(|sub| sub.status == Status::Incomplete) else {
        return;
    };
    if comes {
        sub.status = Status::Active;
        sub.unguarded_since = Some(calm);
        if let Some(bill) = sub.bills.first_mut() {
            bill.shown.paid = true;
        }
        world.tally.paid += 1;
    } else {
        sub.status = Status::IncompleteExpired;
    }
    world.tell_sub(index, News::Changed);
}

/// Looks at a subscription when its period or its set end is over.
pub fn tick_at(world: &mut World, index: usize) {
    let Some(sub) = world.stripe.subs.get(index) else {
        return;
    };
    let moment = sub.cancel_at.map_or(sub.period_end, |at| at.min(sub.period_end));
    let lag = world.chance.below(PERIOD_LAG_MAX);
    let wait = world.millis_of(moment).saturating_sub(world.now) + lag;
    world.after(wait, move |world| tick(world, index));
}

fn tick(world: &mut World, index: usize) {
    let now = world.stripe_now();
    let Some(sub) = world.stripe.subs.get(index) else {
        return;
    };
    if matches!(sub.status, Status::Canceled | Status::Incomplete | Status::IncompleteExpired) {
        return;
    }
    if sub.cancel_at.is_some_and(|at| now >= at) || (sub.at_period_end && now >= sub.period_end) {
        cancel(world, index);
    } else if now >= sub.period_end {
        renew(world, index);
    }
}

fn renew(world: &mut World, index: usize) {
    let calm = world.calm_so_far();
    let bought = world.stripe.subs.get(index).map_or(0, |sub| sub.bills.len());
    let Some(bill) = world.stripe.bill(index, bought, Billed::Renewal, true) else {
        return;
    };
    let Some(sub) = world.stripe.subs.get_mut(index) else {
        return;
    };
    sub.bills.push(bill);
    sub.period_end = sub.period_end.plus_secs(i64::from(sub.price_days) * DAY_SECS);
    let unguarded = sub.unguarded_since.map_or(0, |since| calm.saturating_sub(since));
    let (ours, id) = (sub.ours, sub.id.clone());
    if ours && unguarded > GUARD_WITHIN {
        let what = format!("{id} renewed although its end could have been set for {} s", unguarded / 1_000);
        world.violate(Invariant::ChargedOnce, what);
    }
    world.tell_sub(index, News::Changed);
    tick_at(world, index);
}

/// A subscription ends.
pub fn cancel(world: &mut World, index: usize) {
    let now = world.now;
    if let Some(sub) = world.stripe.subs.get_mut(index)
        && sub.status != Status::Canceled
    {
        sub.status = Status::Canceled;
        sub.canceled_at = Some(now);
        world.trace.note(world.now, "canceled", (index as u64, 0), || format!("sub_{index}"));
        world.tell_sub(index, News::Changed);
    }
}

/// Somebody changes whether a subscription ends by itself.
pub fn set_guard(world: &mut World, index: usize, change: impl FnOnce(&mut Sub)) {
    let calm = world.calm_so_far();
    let Some(sub) = world.stripe.subs.get_mut(index) else {
        return;
    };
    let before = sub.end_set();
    change(sub);
    match (before, sub.end_set()) {
        (true, false) => sub.unguarded_since = Some(calm),
        (false, true) => sub.unguarded_since = None,
        (true, true) | (false, false) => {}
    }
    world.tell_sub(index, News::Changed);
    tick_at(world, index);
}

/// The customer has the bank take the first payment back.
pub fn dispute(world: &mut World, index: usize) {
    if let Some(bill) = world.stripe.subs.get_mut(index).and_then(|sub| sub.bills.first_mut())
        && bill.shown.paid
        && bill.refund.is_none()
    {
        bill.disputed = true;
        world.tell_sub(index, News::Disputed);
    }
}

/// The bank settles a subscription's disputes.
pub fn settle_dispute(world: &mut World, index: usize) {
    let Some(id) = world.stripe.subs.get(index).map(|sub| sub.id.clone()) else {
        return;
    };
    let shown = world.stripe.events.iter().map(|event| &event.shown);
    let of_it = shown.filter(|event| event.disputed && event.subscription.as_ref() == Some(&id));
    let settled: Vec<_> = of_it.map(|event| event.id.clone()).collect();
    world.stripe.settled.extend(settled);
}

/// A Customer is deleted, and its subscription ends with it.
pub fn delete_customer(world: &mut World, index: usize) {
    if let Some(sub) = world.stripe.subs.get_mut(index) {
        sub.customer.deleted = true;
        // Stripe shows a deleted Customer's id and nothing else.
        sub.customer.metadata.clear();
        sub.customer.has_company = false;
        sub.customer.email = None;
    }
    cancel(world, index);
}
