//! The mail server: what reached whom, and how often nobody knows.

use std::collections::BTreeMap;

use tamesuke_domain::letter::MailKind;

/// What became of one kind of mail of one subscription.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// Times it arrived.
    pub arrived: u32,
    /// Hand-overs without an answer.
    pub unanswered: u32,
    /// Marks of a try whose write had no answer: the try counts, though nothing was handed over.
    pub unmarked: u32,
}

/// A mail in somebody's box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mail {
    /// To whom.
    pub to: String,
    /// Its Message-ID, without the angle brackets.
    pub message_id: String,
}

/// All mails.
#[derive(Debug, Default)]
pub struct Post {
    /// All that arrived, oldest first.
    pub boxes: Vec<Mail>,
    /// By subscription and kind.
    pub sent: BTreeMap<(usize, MailKind), Sent>,
}

impl Post {
    /// How one kind of mail of a subscription fared.
    pub fn of(&self, subscription: usize, kind: MailKind) -> Sent {
        self.sent.get(&(subscription, kind)).copied().unwrap_or_default()
    }
}
