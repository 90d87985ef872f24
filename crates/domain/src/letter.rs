//! The mails a customer may get, and how far each has come.

use std::fmt;

use crate::time::Timestamp;

/// A kind of mail to the customer. Later kinds replace earlier ones in the stored mark.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum MailKind {
    /// The trial is ready.
    Welcome,
    /// The trial has ended.
    ThankYou,
    /// The trial could not be given, or was lost; the money is back.
    Apology,
}

impl MailKind {
    /// The kind's stored name, also the first part of its Message-ID.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Welcome => "welcome",
            Self::ThankYou => "thankyou",
            Self::Apology => "apology",
        }
    }
}

impl fmt::Display for MailKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Most hand-overs of one mail whose outcome stayed unknown.
pub const TRIES_MAX: u8 = 5;

/// How far a mail has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Hand-over number 1 to [`TRIES_MAX`] was about to begin.
    Try(u8),
    /// A server has taken it.
    Sent,
    /// Given up after the last try; the operator was told.
    Lost,
    /// Nobody to send to, nothing to say while the payment is disputed, or mails are switched off.
    Skipped,
}

/// What `tmsk_mail` holds: the newest mail's kind, stage and when that was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MailMark {
    /// Which mail.
    pub kind: MailKind,
    /// How far.
    pub stage: Stage,
    /// When the mark was written, by Stripe's clock.
    pub at: Timestamp,
}

/// How long an unknown outcome of try `n` is waited for before the next, in seconds.
pub const fn wait_after_try_secs(n: u8) -> i64 {
    match n {
        0 | 1 => 600,
        2 => 3_600,
        3 => 21_600,
        _ => 86_400,
    }
}
