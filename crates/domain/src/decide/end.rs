//! How a trial's life ends: the last mail, and when to look again.

use super::{Case, owes_apology};
use crate::action::Action;
use crate::letter::MailKind;
use crate::time::Timestamp;
use crate::trial::Trial;

impl Case<'_> {
    /// Row 15: nothing of the name is astray any more, so the last mail goes out. The mail closes the
    /// window in which things count as ours; that is why it must come after the clean-up.
    pub(super) fn say_goodbye(&self) -> Option<Action> {
        self.trials.iter().find_map(|trial| self.mail(trial, self.last_mail(trial)?))
    }

    fn last_mail(&self, trial: &Trial) -> Option<MailKind> {
        if trial.is_paid() && trial.has_ended(self.now) && trial.is_ready() && trial.record.refused.is_none() {
            return Some(MailKind::ThankYou);
        }
        (owes_apology(trial) && trial.record.attempt.is_some()).then_some(MailKind::Apology)
    }

    /// The next moment by Stripe's clock at which something may be due.
    pub(super) fn next_moment(&self) -> Option<Timestamp> {
        let grace_secs = self.look.policy.end_grace_secs;
        let of_trial = |trial: &Trial| {
            let end = trial.end();
            let ends = [end.plus_secs(-grace_secs), end, end.plus_secs(grace_secs)]
                .into_iter()
                .filter(|_| !trial.is_canceled() && !trial.is_forgotten());
            let welcome = (trial.is_ready() && !trial.has_ended(self.now)).then_some(MailKind::Welcome);
            let apology = owes_apology(trial).then_some(MailKind::Apology);
            let mails = [welcome, apology, self.last_mail(trial)]
                .into_iter()
                .flatten()
                .filter_map(|kind| self.mail_due_at(trial, kind))
                .collect::<Vec<_>>();
            ends.chain(mails).collect::<Vec<_>>()
        };
        self.trials.iter().flat_map(of_trial).filter(|moment| *moment > self.now).min()
    }
}
