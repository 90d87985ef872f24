//! Decides what one look at a name calls for. Pure: reads no clock, calls nobody.
//!
//! The rows of `docs/decisions.md`'s table, in order; the first that applies and whose own action
//! is not backing off is the answer. Each row states all that it needs, so that skipping one can't
//! let a later one act on less.

mod end;
mod mail;
mod owner;

use std::time::Duration;

use crate::action::{Action, AlertKind, EndBy, Unread, Waiting};
use crate::look::{Deed, Look, RunView, StripeView, World};
use crate::metadata::Reason;
use crate::ownership::{self, Estate};
use crate::parts::Scene;
use crate::planted::{self, Planted};
use crate::time::Timestamp;
use crate::trial::{Billed, Status, Trial};

/// Rows of the table; row 0 stands before them, for keys that do not read.
pub const ROWS: usize = 26;

/// How soon lists are read again that should show what a run has made.
const LIST_AGAIN: Duration = Duration::from_secs(10);

/// What a look calls for, and which row of the table said so.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The row, below [`ROWS`].
    pub row: u8,
    /// The action.
    pub action: Action,
}

const fn row(row: u8, action: Action) -> Decision {
    Decision { row, action }
}

/// Decides the next action for a name.
pub fn decide(look: &Look, now: Timestamp) -> Action {
    decide_by_row(look, now).action
}

/// The same, with the row that answered.
pub fn decide_by_row(look: &Look, now: Timestamp) -> Decision {
    let trials = match &look.stripe {
        StripeView::Unread => return row(1, Action::Backoff(Unread::Stripe)),
        StripeView::Malformed(id, error) => {
            let detail = format!("{id}: {error}; mend it in Stripe's dashboard");
            return row(0, Action::Alert(AlertKind::Malformed, detail));
        }
        StripeView::Seen(trials) => trials.as_slice(),
    };
    let case = Case { look, trials, now };
    if let Some(decision) = case.by_stripe_alone() {
        return decision;
    }
    match &look.world {
        World::NotRead | World::Unread => row(11, Action::Backoff(Unread::World)),
        World::Seen(scene) => case.by_the_whole(scene),
    }
}

/// A look and its moment, with the questions that rows ask of them.
#[derive(Clone, Copy)]
struct Case<'a> {
    look: &'a Look,
    trials: &'a [Trial],
    now: Timestamp,
}

impl<'a> Case<'a> {
    /// Whether a deed on a trial may be done now, that is, is not backing off.
    fn may(&self, deed: Deed, trial: &Trial) -> bool {
        !self.look.memory.backing_off.contains(&(deed, Some(trial.id().clone())))
    }

    fn owner(&self) -> Option<&'a Trial> {
        ownership::owner(self.trials, self.now)
    }

    fn is_owner(&self, trial: &Trial) -> bool {
        self.owner().is_some_and(|owner| owner.id() == trial.id())
    }

    fn run_alive(&self) -> bool {
        matches!(self.look.run, RunView::Alive { .. }) && !planted::has(Planted::SecondRun)
    }

    /// The first trial for which a deed applies and may be done.
    fn find(&self, deed: Deed, applies: impl Fn(&Trial) -> bool) -> Option<&'a Trial> {
        self.trials.iter().find(|trial| applies(trial) && self.may(deed, trial))
    }

    /// Rows 2 to 10: what Stripe and the provisioner say is enough.
    fn by_stripe_alone(&self) -> Option<Decision> {
        self.guard_the_end()
            .or_else(|| self.give_verdicts())
            .or_else(|| self.settle_money())
            .or_else(|| self.name_and_apologise())
            .or_else(|| self.give_up_overdue())
            .or_else(|| self.run_alive().then_some(row(10, Action::Wait(Waiting::Run, Duration::from_mins(1)))))
    }

    /// Row 2. Needs Stripe alone, or an outage elsewhere becomes a second charge.
    fn guard_the_end(&self) -> Option<Decision> {
        let trial = self.find(Deed::SetEnd, |trial| {
            matches!(trial.subscription.status, Status::Active | Status::Trialing)
                && self.now < trial.end()
                && !trial.subscription.end_set
                && (trial.is_ready() || !planted::has(Planted::EndAfterReady))
        })?;
        let days = u32::from(trial.record.days.get());
        let by = if trial.subscription.price_days == Some(days) { EndBy::Period } else { EndBy::Date(trial.end()) };
        Some(row(2, Action::SetEnd(trial.id().clone(), by)))
    }

    /// Rows 3 and 4.
    fn give_verdicts(&self) -> Option<Decision> {
        let rival = self.find(Deed::Refuse, |trial| {
            trial.is_live(self.now) && !self.is_owner(trial) && !planted::has(Planted::NoArbitration)
        });
        if let Some(trial) = rival {
            return Some(row(3, Action::Refuse(trial.id().clone(), Reason::Taken)));
        }
        let never = self.find(Deed::Refuse, |trial| {
            trial.is_canceled() && trial.is_paid() && !trial.is_ready() && trial.record.refused.is_none()
        })?;
        Some(row(4, Action::Refuse(never.id().clone(), Reason::NeverReady)))
    }

    /// Rows 5 and 6.
    fn settle_money(&self) -> Option<Decision> {
        let refund = self.find(Deed::Refund, |trial| {
            let renewed = trial.subscription.invoice.as_ref().is_some_and(|i| i.billed == Billed::Renewal && i.paid);
            let refused = trial.record.refused.is_some() && !planted::has(Planted::CanceledUnrefunded);
            trial.record.refund.is_none() && (refused || renewed)
        });
        if let Some(trial) = refund {
            return Some(row(5, Action::Refund(trial.id().clone())));
        }
        let cancel = self.find(Deed::Cancel, |trial| {
            let settled = trial.record.refund.is_some() || planted::has(Planted::CanceledUnrefunded);
            let refused = trial.record.refused.is_some() && settled;
            let overdue = self.now >= trial.end().plus_secs(self.look.policy.end_grace_secs);
            let failing = matches!(trial.subscription.status, Status::PastDue | Status::Unpaid | Status::Paused);
            !trial.is_canceled() && !trial.is_forgotten() && (refused || (trial.is_paid() && overdue) || failing)
        })?;
        Some(row(6, Action::Cancel(cancel.id().clone())))
    }

    /// Rows 7 and 8.
    fn name_and_apologise(&self) -> Option<Decision> {
        let unnamed = self.find(Deed::SetCustomer, |trial| {
            let customer = &trial.subscription.customer;
            trial.is_paid() && !customer.deleted && !customer.has_company && !trial.record.company.is_empty()
        });
        if let Some(trial) = unnamed {
            return Some(row(7, Action::SetCustomer(trial.id().clone())));
        }
        if let Some(mark) = self.trials.iter().find_map(|trial| self.handed_over(trial)) {
            return Some(row(8, mark));
        }
        self.trials
            .iter()
            .filter(|trial| owes_apology(trial) && trial.record.attempt.is_none())
            .find_map(|trial| self.mail(trial, crate::letter::MailKind::Apology))
            .map(|action| row(8, action))
    }

    /// Row 9.
    fn give_up_overdue(&self) -> Option<Decision> {
        let overdue = self.find(Deed::Refuse, |trial| {
            let age_secs = self.now.secs_since(trial.subscription.created);
            trial.is_live(self.now)
                && !trial.is_ready()
                && age_secs >= self.look.policy.overdue_secs
                && !self.run_alive()
        })?;
        Some(row(9, Action::Refuse(overdue.id().clone(), Reason::GaveUp)))
    }

    /// Rows 12 to 25.
    fn by_the_whole(&self, scene: &Scene) -> Decision {
        let look = self.look;
        let estate = ownership::assess(&look.name, self.trials, scene, &look.policy, look.answers, self.now);
        if let Some(wait) = self.settle(&estate) {
            return row(12, Action::Wait(Waiting::Settle, wait));
        }
        if let Some(vmid) = estate.locked {
            return row(13, self.locked(vmid));
        }
        let stray = estate.strays.first();
        if let Some(part) = stray {
            if !look.memory.backing_off.contains(&(Deed::Remove, None)) {
                return row(14, Action::Remove(part.clone()));
            }
        } else if let Some(action) = self.say_goodbye() {
            return row(15, action);
        }
        match self.owner() {
            None => row(16, self.rest_without_owner(scene, &estate)),
            Some(owner) if owner.is_ready() => self.ready(owner, &estate),
            Some(owner) => self.unready(owner, scene, &estate),
        }
    }

    /// Row 12: what a dead run sent last may still arrive, and what a good one has made may not be listed yet,
    /// whereby the rest of it looks like something left over, or like somebody else's.
    fn settle(&self, estate: &Estate) -> Option<Duration> {
        let hold = Duration::from_secs(self.look.policy.hold_secs);
        let unrecorded = || {
            let tried = |trial: &Trial| trial.record.attempt.is_some() && !trial.is_ready() && !trial.is_closing();
            self.trials.iter().any(tried)
        };
        let wait = match self.look.run {
            RunView::Failed { ago } => hold.checked_sub(ago),
            RunView::Succeeded { ago } if estate.complete.is_none() && unrecorded() => {
                hold.checked_sub(ago).map(|left| left.min(LIST_AGAIN))
            }
            RunView::None if unrecorded() => hold.checked_sub(self.look.memory.acting_for),
            RunView::None | RunView::Alive { .. } | RunView::Succeeded { .. } => None,
        };
        wait.filter(|wait| !wait.is_zero())
    }

    /// Row 13.
    fn locked(&self, vmid: crate::ids::Vmid) -> Action {
        if self.look.memory.locked_for.as_secs() >= self.look.policy.locked_alert_secs {
            return Action::Alert(
                AlertKind::Locked,
                format!("container {vmid} is locked; look at its task, then run: pct unlock {vmid}"),
            );
        }
        Action::Wait(Waiting::Locked, Duration::from_secs(10))
    }

    /// Row 16.
    fn rest_without_owner(&self, scene: &Scene, estate: &Estate) -> Action {
        let empty =
            scene.records.is_empty() && scene.file.is_none() && estate.strays.is_empty() && estate.foreign.is_empty();
        let over = self.trials.iter().all(|trial| trial.is_canceled() || trial.is_forgotten());
        Action::Rest { until: self.next_moment(), free: empty && over }
    }
}

/// Whether a trial's story ends with an apology. Where the payment is disputed nothing was given back and
/// none is sent, but the mark that says so is written all the same: it ends what the trial proves.
fn owes_apology(trial: &Trial) -> bool {
    trial.record.refused.is_some() && trial.record.refund.is_some() && trial.is_canceled()
}

#[cfg(test)]
mod tests;
