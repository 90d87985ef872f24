//! The mail server: what reached whom, and how often nobody knows.

use std::collections::BTreeMap;

use tamesuke_domain::letter::MailKind;
use tamesuke_domain::ports::Note;

use super::Pid;

/// What became of one kind of mail of one subscription.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sent {
    /// Times it arrived.
    pub arrived: u32,
    /// Hand-overs without an answer.
    pub unanswered: u32,
    /// Tries whose end nobody lives to tell, since the write of the mark had no answer, or the process that
    /// had marked it died before it could mark how it ended: each counts as one without an answer.
    pub untold: u32,
    /// Processes that had ended when the first try was marked.
    pub ended_before: u32,
    /// The process that has marked a try, or hands it over again, and has not marked how it ended.
    in_hand_of: Option<Pid>,
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
    /// What the operator was told, oldest first.
    pub notes: Vec<Note>,
    /// By subscription and kind.
    pub sent: BTreeMap<(usize, MailKind), Sent>,
}

impl Post {
    /// A try was marked; `by` is the process that knows and lives on to hand the mail over.
    pub fn marked(&mut self, subscription: usize, kind: MailKind, by: Option<Pid>, ended: u32) {
        let sent = self.sent.entry((subscription, kind)).or_insert(Sent { ended_before: ended, ..Sent::default() });
        sent.in_hand_of = by;
        sent.untold += u32::from(by.is_none());
    }

    /// How a try ended was marked.
    pub fn settled(&mut self, subscription: usize, kind: MailKind) {
        self.sent.entry((subscription, kind)).or_default().in_hand_of = None;
    }

    /// A process hands a mail over.
    pub fn handing_over(&mut self, subscription: usize, kind: MailKind, by: Pid) {
        self.sent.entry((subscription, kind)).or_default().in_hand_of = Some(by);
    }

    /// A mail was handed over, and nobody said what became of it.
    pub fn unanswered(&mut self, subscription: usize, kind: MailKind) {
        let sent = self.sent.entry((subscription, kind)).or_default();
        sent.in_hand_of = None;
        sent.unanswered += 1;
    }

    /// What a process that is gone had in hand, it tells nobody about.
    pub fn process_died(&mut self, pid: Pid) {
        for sent in self.sent.values_mut() {
            if sent.in_hand_of.take_if(|by| *by == pid).is_some() {
                sent.untold += 1;
            }
        }
    }

    /// How one kind of mail of a subscription fared.
    pub fn of(&self, subscription: usize, kind: MailKind) -> Sent {
        self.sent.get(&(subscription, kind)).copied().unwrap_or_default()
    }
}
