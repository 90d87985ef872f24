//! Stripe's objects as a program sees them, and how what happens to them is told: a webhook, or not,
//! and an event in a list, at times late.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use tamesuke_domain::checkout::{Checkout, CheckoutStatus};
use tamesuke_domain::ids::{CheckoutId, EventId, InvoiceId, RefundId, SubscriptionId};
use tamesuke_domain::instance::Instance;
use tamesuke_domain::metadata::{Metadata, key, subdomain_of};
use tamesuke_domain::ports::EventHint;
use tamesuke_domain::time::Timestamp;
use tamesuke_domain::trial::{Billed, Customer, Invoice, Status, Subscription};

use super::{Command, World};
use crate::fate::Kind;

/// The installation that is simulated.
pub fn instance() -> &'static Instance {
    static INSTANCE: OnceLock<Instance> = OnceLock::new();
    INSTANCE.get_or_init(|| Instance::new("zone", "persys.jp"))
}

/// A Checkout Session.
#[derive(Debug, Clone)]
pub struct Session {
    /// As Stripe shows it.
    pub shown: Checkout,
    /// The key it was created with.
    pub idempotency_key: String,
    /// The Price's period in days.
    pub price_days: u32,
    /// Calls that its life took.
    pub calls: u64,
    /// The millisecond at which it was paid.
    pub paid_at: u64,
    /// Somebody else was at the clone between its payment and its own first run …
    pub stands_in_line: bool,
    /// … which came so many milliseconds after it was paid.
    pub waited: u64,
}

/// An invoice and what became of its payment.
#[derive(Debug, Clone)]
pub struct Bill {
    /// As Stripe shows it.
    pub shown: Invoice,
    /// Its refund.
    pub refund: Option<RefundId>,
    /// The customer's bank has it in dispute.
    pub disputed: bool,
}

/// A Subscription with its Customer.
#[derive(Debug, Clone)]
pub struct Sub {
    /// Its id.
    pub id: SubscriptionId,
    /// The name it was bought for.
    pub label: String,
    /// Whether it belongs to the installation.
    pub ours: bool,
    /// Its status.
    pub status: Status,
    /// When it was made.
    pub created: Timestamp,
    /// When the bought days are over.
    pub end: Timestamp,
    /// Its Price's period.
    pub price_days: u32,
    /// It ends with its period.
    pub at_period_end: bool,
    /// It ends then.
    pub cancel_at: Option<Timestamp>,
    /// When its period ends.
    pub period_end: Timestamp,
    /// The millisecond at which it ended.
    pub canceled_at: Option<u64>,
    /// Its invoices, oldest first.
    pub bills: Vec<Bill>,
    /// Its metadata.
    pub metadata: Metadata,
    /// Its customer.
    pub customer: Customer,
    /// Calm milliseconds at the moment since which no end is set.
    pub unguarded_since: Option<u64>,
    /// A key that somebody broke, with what it was.
    pub broken: Option<(String, String)>,
}

/// Something that happened to an object.
#[derive(Debug, Clone)]
pub struct Told {
    /// What the list shows.
    pub shown: EventHint,
    /// It shows from that millisecond on.
    pub visible_at: u64,
}

/// Everything at Stripe.
#[derive(Debug, Default)]
pub struct Stripe {
    /// Sessions, oldest first.
    pub sessions: Vec<Session>,
    /// Subscriptions, oldest first.
    pub subs: Vec<Sub>,
    /// Events, oldest first.
    pub events: Vec<Told>,
    /// The events of disputes that the bank has settled.
    pub settled: BTreeSet<EventId>,
    refunds: u32,
}

/// Whose life a call belongs to.
#[derive(Debug, Clone, Copy)]
pub enum Of {
    /// A session's, by its place.
    Session(Option<usize>),
    /// That of the session which a subscription came from, by the subscription's place.
    Sub(Option<usize>),
}

/// A session's place in its id.
pub fn session_index(id: &CheckoutId) -> Option<usize> {
    id.as_str().strip_prefix("cs_")?.parse().ok()
}

/// A subscription's place in its id.
pub fn sub_index(id: &SubscriptionId) -> Option<usize> {
    id.as_str().strip_prefix("sub_")?.parse().ok()
}

impl Sub {
    /// As a read with its Customer and newest invoice shows it.
    pub fn view(&self) -> Subscription {
        Subscription {
            id: self.id.clone(),
            status: self.status.clone(),
            created: self.created,
            started: self.created,
            end_set: self.end_set(),
            price_days: Some(self.price_days),
            invoice: self.bills.last().map(|bill| bill.shown.clone()),
            customer: self.customer.clone(),
            metadata: self.metadata.clone(),
        }
    }

    /// Whether it will end by itself.
    pub fn end_set(&self) -> bool {
        self.at_period_end || self.cancel_at.is_some()
    }

    /// Whether its first invoice was paid.
    pub fn paid(&self) -> bool {
        self.bills.first().is_some_and(|bill| bill.shown.paid)
    }

    /// A mark, which stands on the Customer or on the Subscription.
    pub fn mark(&self, name: &str) -> Option<&str> {
        self.customer.metadata.get(name).or_else(|| self.metadata.get(name)).map(String::as_str)
    }

    /// Whether it was refused.
    pub fn refused(&self) -> bool {
        self.mark(key::REFUSED).is_some()
    }

    /// Whether it is recorded as ready.
    pub fn recorded(&self) -> bool {
        [key::VMID, key::URL, key::TUNNEL].iter().all(|name| self.metadata.contains_key(*name))
    }

    /// Paid, not canceled, before its end, not refused.
    pub fn live(&self, now: Timestamp) -> bool {
        self.ours && self.paid() && self.status != Status::Canceled && now < self.end && !self.refused()
    }
}

impl Stripe {
    /// Counts a call for the life that it is made for.
    pub fn charge(&mut self, whose: Of) {
        let session = match whose {
            Of::Session(index) => index.and_then(|index| self.sessions.get_mut(index)),
            Of::Sub(index) => {
                let id = index.and_then(|index| self.subs.get(index)).map(|sub| sub.id.clone());
                id.and_then(|id| self.sessions.iter_mut().find(|s| s.shown.subscription.as_ref() == Some(&id)))
            }
        };
        if let Some(session) = session {
            session.calls += 1;
        }
    }

    /// A new invoice.
    pub fn bill(&self, sub: usize, nth: usize, billed: Billed, paid: bool) -> Option<Bill> {
        let id: InvoiceId = format!("in_{sub}x{nth}").parse().ok()?;
        Some(Bill { shown: Invoice { id, billed, paid }, refund: None, disputed: false })
    }

    /// A new refund's id.
    pub fn refund_id(&mut self) -> Option<RefundId> {
        self.refunds += 1;
        format!("re_{}", self.refunds).parse().ok()
    }

    /// A subscription by its id.
    pub fn sub(&self, id: &SubscriptionId) -> Option<&Sub> {
        self.subs.get(sub_index(id)?)
    }
}

/// What is told of an object.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// It changed.
    Changed,
    /// Only its metadata did.
    Metadata,
    /// A payment of it is disputed.
    Disputed,
}

impl World {
    /// Tells of a session.
    pub fn tell_session(&mut self, index: usize) {
        let ours = |session: &&Session| subdomain_of(&session.shown.metadata, instance()).is_some();
        let Some(session) = self.stripe.sessions.get(index).filter(ours) else {
            return;
        };
        let (checkout, subscription) = (Some(session.shown.id.clone()), session.shown.subscription.clone());
        let label = session.shown.metadata.get(key::SUBDOMAIN).cloned().unwrap_or_default();
        self.tell(&label, (checkout, subscription), News::Changed);
    }

    /// Tells of a subscription.
    pub fn tell_sub(&mut self, index: usize, news: News) {
        let Some(sub) = self.stripe.subs.get(index).filter(|sub| sub.ours) else {
            return;
        };
        let (label, id) = (sub.label.clone(), sub.id.clone());
        self.tell(&label, (None, Some(id)), news);
    }

    fn tell(&mut self, label: &str, ids: (Option<CheckoutId>, Option<SubscriptionId>), news: News) {
        let (Ok(subdomain), Ok(id)) = (label.parse(), format!("evt_{}", self.stripe.events.len()).parse::<EventId>())
        else {
            return;
        };
        let (checkout, subscription) = ids;
        let late =
            self.chance.permille(self.options.gaps) && self.disturb(Kind::Webhook, || format!("event {id} shows late"));
        let visible_at = self.now + if late { self.chance.between(1_000, 200_000) } else { 0 };
        let shown = EventHint {
            id,
            created: self.stripe_now(),
            subdomain,
            checkout,
            subscription,
            metadata_only: news == News::Metadata,
            disputed: news == News::Disputed,
        };
        self.stripe.events.push(Told { shown: shown.clone(), visible_at });
        // No webhook is asked for of a dispute: the list alone shows it.
        if news != News::Disputed {
            self.send_webhook(shown);
        }
    }

    fn send_webhook(&mut self, hint: EventHint) {
        let odd = self.options.webhooks;
        if self.chance.permille(odd)
            && self.disturb(Kind::Webhook, || format!("a webhook for {} is lost", hint.subdomain))
        {
            return;
        }
        let quick = self.chance.between(100, 2_500);
        if self.chance.permille(odd / 2)
            && self.disturb(Kind::Webhook, || format!("a webhook for {} comes twice", hint.subdomain))
        {
            let again = self.chance.between(1_000, 3_600_000);
            self.command_after(again, Command::Webhook(hint.clone()));
        }
        let late = self.chance.permille(odd / 2)
            && self.disturb(Kind::Webhook, || format!("a webhook for {} is late", hint.subdomain));
        let wait = if late { self.chance.between(10_000, 900_000) } else { quick };
        self.command_after(wait, Command::Webhook(hint));
    }

    /// A session's status, if it exists.
    pub fn session_status(&self, index: usize) -> Option<CheckoutStatus> {
        self.stripe.sessions.get(index).map(|session| session.shown.status)
    }
}
