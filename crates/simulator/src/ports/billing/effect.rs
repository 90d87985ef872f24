//! What calls to Stripe do there.

use tamesuke_domain::checkout::{Checkout, CheckoutStatus, NewCheckout};
use tamesuke_domain::ids::{CheckoutId, PriceId};
use tamesuke_domain::letter::MailKind;
use tamesuke_domain::metadata::{self, Metadata};
use tamesuke_domain::ports::{EventHint, Fault, RefundOutcome, SubscriptionPage, Subscriptions};
use tamesuke_domain::time::Timestamp;
use tamesuke_domain::trial::Status;

use crate::fate::Fate;
use crate::invariants;
use crate::op::Op;
use crate::payments;
use crate::world::stripe::{Session, Sub, instance};
use crate::world::{Pid, World};

/// What a process asked for arrives that long after its death, at most.
const LATE: u64 = 60_000;
/// Subscriptions of a page.
const PAGE: usize = 100;

/// A Price's period, which its id tells.
pub(super) fn days_of(price: &PriceId) -> Option<u32> {
    price.as_str().strip_prefix("price_")?.parse().ok()
}

/// Whether a subscription is this installation's, as far as a program can tell.
pub(super) fn ours(sub: &Sub) -> bool {
    sub.ours && metadata::subdomain_of(&sub.metadata, instance()).is_some()
}

/// Takes note of what `pid` has merged.
pub(super) fn note(world: &mut World, (index, pid): (usize, Pid), entries: &Metadata, fate: Fate) {
    let now = world.now;
    let mark = entries.get(metadata::key::MAIL).and_then(|mark| mark.split_once(':'));
    let kinds = [MailKind::Welcome, MailKind::ThankYou, MailKind::Apology];
    let mark = mark.and_then(|(kind, stage)| Some((kinds.into_iter().find(|k| k.as_str() == kind)?, stage)));
    match mark {
        Some((kind, stage)) if stage.starts_with("try") => {
            let knows = !matches!(fate, Fate::Lost | Fate::Late) && world.processes.get(&pid).is_some_and(|p| p.alive);
            // What the dead have asked for last may still arrive.
            let ended = world.ended_before(world.now.saturating_sub(LATE));
            world.post.marked(index, kind, knows.then_some(pid), ended);
        }
        Some((kind, _)) => world.post.settled(index, kind),
        None => {}
    }
    world.trace.note(now, "meta", (index as u64, entries.len() as u64), || format!("sub_{index} {entries:?}"));
}

/// A new session; the one that there is for its key.
pub(super) fn create(world: &mut World, wanted: NewCheckout) -> Result<Checkout, Fault> {
    let op = Op::CreateCheckout;
    let same = world.stripe.sessions.iter().find(|session| session.idempotency_key == wanted.idempotency_key);
    if let Some(same) = same {
        return Ok(same.shown.clone());
    }
    let index = world.stripe.sessions.len();
    let id: CheckoutId = format!("cs_{index}").parse().map_err(|_| op.refused("no id"))?;
    let shown = Checkout {
        url: Some(format!("https://checkout.example/{id}")),
        id,
        status: CheckoutStatus::Open,
        created: world.stripe_now(),
        expires: wanted.expires,
        reference: wanted.reference,
        email: Some(wanted.email),
        subscription: None,
        metadata: wanted.metadata,
    };
    let price_days = days_of(&wanted.price).ok_or_else(|| op.refused("no such price"))?;
    let session = Session {
        shown: shown.clone(),
        idempotency_key: wanted.idempotency_key,
        price_days,
        calls: 0,
        paid_at: 0,
        stands_in_line: false,
        waited: 0,
    };
    world.stripe.sessions.push(session);
    payments::lapse_later(world, index);
    Ok(shown)
}

/// A page of subscriptions, newest first.
pub(super) fn page(world: &World, which: Subscriptions, after: Option<usize>) -> SubscriptionPage {
    let fits = |sub: &&Sub| match which {
        Subscriptions::Since(since) => sub.created >= since,
        Subscriptions::LiveBefore(before) => sub.created < before && sub.status != Status::Canceled,
    };
    let older = world.stripe.subs.get(..after.unwrap_or(world.stripe.subs.len())).unwrap_or_default();
    let mut listed = older.iter().rev().filter(fits);
    let shown: Vec<&Sub> = listed.by_ref().take(PAGE).collect();
    let more = listed.next().is_some();
    SubscriptionPage {
        next: if more { shown.last().map(|sub| sub.id.clone()) } else { None },
        subscriptions: shown.into_iter().filter(|sub| ours(sub)).map(Sub::view).collect(),
    }
}

/// The events that show by now, oldest first.
pub(super) fn events(world: &World, since: Timestamp) -> Vec<EventHint> {
    let events = &world.stripe.events;
    let first = events.partition_point(|event| event.shown.created < since);
    let visible = events.iter().skip(first).filter(|event| event.visible_at <= world.now);
    visible.map(|event| event.shown.clone()).collect()
}

/// A refund of what is disputed and a second one of a payment are refused, as Stripe does: whoever asks has
/// read the payment first, but the customer's bank, or the late request of a process that died, may come in
/// between.
pub(super) fn give_back(world: &mut World, (index, nth): (usize, usize)) -> Result<RefundOutcome, Fault> {
    if world.stripe.subs.get(index).and_then(|sub| sub.bills.get(nth)).is_some_and(|bill| bill.disputed) {
        return Err(Op::Refund.refused("it is disputed"));
    }
    invariants::refunding(world, index, nth);
    let Some(id) = world.stripe.refund_id() else {
        return Err(Op::Refund.refused("no id"));
    };
    let bill = world.stripe.subs.get_mut(index).and_then(|sub| sub.bills.get_mut(nth));
    let Some(bill) = bill else {
        return Err(Op::Refund.refused("no such invoice"));
    };
    if bill.refund.is_some() {
        return Err(Op::Refund.refused("it has been refunded already"));
    }
    bill.refund = Some(id.clone());
    world.trace.note(world.now, "refund", (index as u64, nth as u64), || format!("{id} for sub_{index}"));
    Ok(RefundOutcome::Refunded(id))
}
