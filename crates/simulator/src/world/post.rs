//! The mail server: what reached whom, and how often nobody knows.

use std::collections::BTreeMap;

use tamesuke_domain::letter::MailKind;

use super::Pid;

/// What became of one kind of mail of one subscription.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// Times it arrived.
    pub arrived: u32,
    /// Hand-overs without an answer.
    pub unanswered: u32,
    /// Marks of a try that nothing was handed over for, since the write had no answer or its process died
    /// before it could: the try counts all the same.
    pub unmarked: u32,
    /// The process that has marked a try and not handed anything over since.
    marked_by: Option<Pid>,
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
    /// A try was marked; `by` is the process that knows and lives on to hand the mail over.
    pub fn marked(&mut self, subscription: usize, kind: MailKind, by: Option<Pid>) {
        let sent = self.sent.entry((subscription, kind)).or_default();
        sent.marked_by = by;
        sent.unmarked += u32::from(by.is_none());
    }

    /// A mail is being handed over.
    pub fn handing_over(&mut self, subscription: usize, kind: MailKind) {
        self.sent.entry((subscription, kind)).or_default().marked_by = None;
    }

    /// What a process that is gone has marked, it will not hand over.
    pub fn process_died(&mut self, pid: Pid) {
        for sent in self.sent.values_mut() {
            if sent.marked_by.take_if(|by| *by == pid).is_some() {
                sent.unmarked += 1;
            }
        }
    }

    /// How one kind of mail of a subscription fared.
    pub fn of(&self, subscription: usize, kind: MailKind) -> Sent {
        self.sent.get(&(subscription, kind)).copied().unwrap_or_default()
    }
}
