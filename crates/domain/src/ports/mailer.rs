//! Mails to customers and notes to the operator.

use async_trait::async_trait;

use super::Fault;
use crate::action::AlertKind;
use crate::ids::SubscriptionId;
use crate::letter::MailKind;
use crate::metadata::Reason;
use crate::order::Email;
use crate::subdomain::Subdomain;
use crate::time::Timestamp;

/// A mail to a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Letter {
    /// Which mail.
    pub kind: MailKind,
    /// The trial it is about; with the kind it makes the Message-ID.
    pub subscription: SubscriptionId,
    /// To whom.
    pub to: Email,
    /// The customer's company, as it was typed.
    pub company: String,
    /// The trial's name.
    pub subdomain: Subdomain,
    /// The application's name for people.
    pub application: crate::catalog::Bilingual,
    /// How long it was bought for, in days.
    pub days: u16,
    /// When it ends or ended.
    pub ends_at: Timestamp,
    /// Why it was refused; for the apology.
    pub reason: Option<Reason>,
    /// Whether money was given back; for the apology.
    pub refunded: bool,
}

/// A note to the operator.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What it is about.
    pub kind: AlertKind,
    /// Which name.
    pub subdomain: Subdomain,
    /// What is the matter and what to do, in English.
    pub detail: String,
}

/// What a mail server said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Delivery {
    /// It took the mail.
    Accepted,
    /// It refused for now (4xx), or was not reached before anything was handed over.
    TryLater,
    /// It refused for good (5xx).
    Refused,
}

/// Sends mails. A [`Fault::Unknown`] means that the mail may have gone out.
#[async_trait]
pub trait Mailer: Send + Sync {
    /// Whether mails can be sent at all.
    fn is_enabled(&self) -> bool;

    /// Sends one mail of a kind, with the Message-ID `<{kind}.{subscription}@{domain}>`.
    async fn send(&self, letter: &Letter) -> Result<Delivery, Fault>;

    /// Tells the operator; best effort.
    async fn notify(&self, note: &Note) -> Result<Delivery, Fault>;
}
