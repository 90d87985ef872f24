//! A trial as Stripe shows it: a Subscription, its Customer and its newest invoice.

use crate::ids::{CustomerId, InvoiceId, SubscriptionId};
use crate::letter::{MailKind, Stage};
use crate::metadata::{Metadata, MetadataError, Record};
use crate::order::Email;
use crate::time::Timestamp;

/// A Subscription's status, in Stripe's words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Status {
    /// The first payment is not through.
    Incomplete,
    /// The first payment never came; final.
    IncompleteExpired,
    /// In a free period of Stripe's.
    Trialing,
    /// Running.
    Active,
    /// A renewal failed.
    PastDue,
    /// Renewals failed for good.
    Unpaid,
    /// Paused.
    Paused,
    /// Over; final.
    Canceled,
    /// A status newer than this program.
    Other(String),
}

/// What an invoice was made for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Billed {
    /// The first period (`subscription_create`).
    First,
    /// A further period (`subscription_cycle`): something we promised not to charge.
    Renewal,
    /// Anything else, such as a proration.
    Other,
}

/// A Subscription's newest invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invoice {
    /// Its id.
    pub id: InvoiceId,
    /// What it was made for.
    pub billed: Billed,
    /// Whether its status is `paid`, which includes an amount of zero.
    pub paid: bool,
}

/// Who bought.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// Its id.
    pub id: CustomerId,
    /// Deleted in the dashboard: nothing can be written to it, nobody can be mailed.
    pub deleted: bool,
    /// Whom mails go to.
    pub email: Option<Email>,
    /// Whether `name` and `metadata[company_name]` are both set.
    pub has_company: bool,
    /// Its metadata; marks of a canceled subscription are here.
    pub metadata: Metadata,
}

/// A Subscription read with its Customer and newest invoice.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subscription {
    /// Its id.
    pub id: SubscriptionId,
    /// Its status.
    pub status: Status,
    /// When it was made.
    pub created: Timestamp,
    /// When its first period began (`start_date`).
    pub started: Timestamp,
    /// Whether it will end by itself (`cancel_at_period_end` or `cancel_at`).
    pub end_set: bool,
    /// Its Price's period in whole days; none when that is no whole number of days.
    pub price_days: Option<u32>,
    /// Its newest invoice.
    pub invoice: Option<Invoice>,
    /// Who bought.
    pub customer: Customer,
    /// Its own metadata.
    pub metadata: Metadata,
}

/// A Subscription of this installation whose keys have been read.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trial {
    /// What Stripe shows.
    pub subscription: Subscription,
    /// What the keys say.
    pub record: Record,
}

impl Trial {
    /// Reads the keys of `subscription`.
    pub fn read(subscription: Subscription) -> Result<Self, MetadataError> {
        let record = Record::read(&subscription.metadata, &subscription.customer.metadata)?;
        Ok(Self { subscription, record })
    }

    /// Its id.
    pub fn id(&self) -> &SubscriptionId {
        &self.subscription.id
    }

    /// When the bought period is over: counted from the start, never Stripe's period end, which a
    /// renewal moves.
    pub fn end(&self) -> Timestamp {
        self.subscription.started.plus_secs(self.record.days.as_secs())
    }

    /// Whether the first invoice was paid. A renewal's invoice implies it.
    pub fn is_paid(&self) -> bool {
        match &self.subscription.invoice {
            Some(invoice) => match invoice.billed {
                Billed::First => invoice.paid,
                Billed::Renewal => true,
                Billed::Other => !matches!(self.subscription.status, Status::Incomplete | Status::IncompleteExpired),
            },
            None => false,
        }
    }

    /// Whether Stripe has ended it.
    pub fn is_canceled(&self) -> bool {
        self.subscription.status == Status::Canceled
    }

    /// Whether it was never paid and never will be.
    pub fn is_forgotten(&self) -> bool {
        self.subscription.status == Status::IncompleteExpired
    }

    /// Whether its period is over, by Stripe's word or by its clock.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        self.is_canceled() || now >= self.end()
    }

    /// Paid, not canceled, before its end, not refused.
    pub fn is_live(&self, now: Timestamp) -> bool {
        self.is_paid() && !self.has_ended(now) && self.record.refused.is_none()
    }

    /// Whether its container, address and tunnel are recorded.
    pub fn is_ready(&self) -> bool {
        self.record.recorded.is_some()
    }

    /// Whether its last mail was begun: from then on it proves nothing about any thing but a tunnel
    /// whose id it recorded.
    pub fn is_closing(&self) -> bool {
        self.record.mail.is_some_and(|mark| mark.kind != MailKind::Welcome)
    }

    /// Whether nothing is left to be done for it, ever.
    pub fn is_over(&self) -> bool {
        let told = self.record.mail.is_some_and(|mark| match mark.stage {
            Stage::Sent | Stage::Lost | Stage::Skipped => self.is_closing(),
            Stage::Try(_) => false,
        });
        self.is_forgotten() || (self.is_canceled() && (told || !self.is_paid()))
    }

    /// Where its marks are written: on the Customer once it is canceled.
    pub fn marks_on_customer(&self) -> bool {
        self.is_canceled() && !self.subscription.customer.deleted
    }
}
