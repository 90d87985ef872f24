//! When a mail is due, and what is written around its hand-over.

use super::Case;
use crate::action::Action;
use crate::letter::{MailKind, MailMark, Stage, TRIES_MAX, wait_after_try_secs};
use crate::look::{Deed, HandOver};
use crate::metadata::RefundMark;
use crate::planted::{self, Planted};
use crate::time::{DAY_SECS, Timestamp};
use crate::trial::Trial;

/// So long a trial's last mail is handed to a server that refuses it for now.
const LAST_MAIL_TRIED_SECS: i64 = 30 * DAY_SECS;

/// Where a mail stands.
enum Standing {
    /// Nothing to do, now or ever.
    Done,
    /// To be written first.
    Mark(Stage),
    /// To be handed over.
    HandOver,
    /// Nothing before that moment.
    Later(Timestamp),
    /// Nothing before this process's own wait is over.
    Memory,
}

impl Case<'_> {
    /// The next action for a mail that is called for, if one is due.
    pub(super) fn mail(&self, trial: &Trial, kind: MailKind) -> Option<Action> {
        match self.standing(trial, kind) {
            Standing::Mark(stage) if self.may(Deed::MarkMail, trial) => {
                Some(Action::MarkMail(trial.id().clone(), MailMark { kind, stage, at: self.now }))
            }
            Standing::HandOver if self.may(Deed::SendMail, trial) => Some(Action::SendMail(trial.id().clone(), kind)),
            Standing::Mark(_) | Standing::HandOver | Standing::Done | Standing::Later(_) | Standing::Memory => None,
        }
    }

    /// The mark of a mail that a server has taken. It needs Stripe alone: were it to wait for a machine that
    /// does not answer, another process could send the mail a second time.
    pub(super) fn handed_over(&self, trial: &Trial) -> Option<Action> {
        let mark = trial.record.mail.filter(|mark| matches!(mark.stage, Stage::Try(_)))?;
        let held = self.look.memory.mails.get(&(trial.id().clone(), mark.kind));
        let taken = held == Some(&HandOver::Accepted) && self.may(Deed::MarkMail, trial);
        taken.then(|| {
            Action::MarkMail(trial.id().clone(), MailMark { kind: mark.kind, stage: Stage::Sent, at: self.now })
        })
    }

    /// When a mail that waits for Stripe's clock is due again.
    pub(super) fn mail_due_at(&self, trial: &Trial, kind: MailKind) -> Option<Timestamp> {
        match self.standing(trial, kind) {
            Standing::Later(at) => Some(at),
            Standing::Done | Standing::Mark(_) | Standing::HandOver | Standing::Memory => None,
        }
    }

    fn standing(&self, trial: &Trial, kind: MailKind) -> Standing {
        let Some(mark) = trial.record.mail.filter(|mark| mark.kind >= kind) else {
            return Standing::Mark(self.first_stage(trial));
        };
        if mark.kind != kind {
            return Standing::Done;
        }
        let Stage::Try(n) = mark.stage else {
            return Standing::Done;
        };
        let held = self.look.memory.mails.get(&(trial.id().clone(), kind));
        match held {
            Some(HandOver::Accepted) => Standing::Mark(Stage::Sent),
            Some(HandOver::Pending) if planted::has(Planted::MarkedBeforeSent) => Standing::Mark(Stage::Sent),
            Some(HandOver::Pending) => Standing::HandOver,
            Some(HandOver::Refused { hopeless: true, .. }) => Standing::Mark(Stage::Lost),
            Some(HandOver::Refused { .. }) if self.is_stale(mark) => Standing::Mark(Stage::Lost),
            Some(HandOver::Refused { again_in, hopeless: false }) if again_in.is_zero() => Standing::HandOver,
            Some(HandOver::Refused { hopeless: false, .. }) => Standing::Memory,
            None => {
                let due = mark.at.plus_secs(wait_after_try_secs(n));
                match (self.now >= due, n >= TRIES_MAX) {
                    (false, _) => Standing::Later(due),
                    (true, true) => Standing::Mark(Stage::Lost),
                    (true, false) => Standing::Mark(Stage::Try(n + 1)),
                }
            }
        }
    }

    /// Whether a last mail has been refused for so long that it tells nobody anything any more. A welcome goes
    /// on being tried until the trial's end, which calls for another mail.
    fn is_stale(&self, mark: MailMark) -> bool {
        mark.kind != MailKind::Welcome && self.now >= mark.at.plus_secs(LAST_MAIL_TRIED_SECS)
    }

    /// The mark that begins a mail.
    pub(super) fn first_mark(&self, trial: &Trial, kind: MailKind) -> MailMark {
        MailMark { kind, stage: self.first_stage(trial), at: self.now }
    }

    fn first_stage(&self, trial: &Trial) -> Stage {
        let customer = &trial.subscription.customer;
        // A refused trial whose payment is disputed is the operator's to write to.
        let theirs = trial.record.refused.is_some() && trial.record.refund == Some(RefundMark::Disputed);
        let nobody = customer.deleted || customer.email.is_none() || theirs;
        if nobody || !self.look.policy.mails { Stage::Skipped } else { Stage::Try(1) }
    }
}
