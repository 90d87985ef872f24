//! Does the one thing that was decided, and says what to do next.

mod mail;
mod outside;

use std::time::Duration;

use tamesuke_domain::action::{Action, AlertKind, Unread, Waiting};
use tamesuke_domain::look::{Look, StripeView};
use tamesuke_domain::metadata::{Change, Reason, RefundMark, Refusal};
use tamesuke_domain::ownership;
use tamesuke_domain::ports::{Fault, Note, RefundOutcome};
use tamesuke_domain::subdomain::Subdomain;
use tamesuke_domain::time::Timestamp;
use tamesuke_domain::trial::{Subscription, Trial};

use crate::engine::Engine;
use crate::lane::Ticket;
use crate::memory::NameMemory;
use crate::queue::Again;
use crate::reconcile::{after, replace};

/// How soon a name under an alert is looked at again.
const ALERT_AGAIN: Duration = Duration::from_secs(60);
/// A removal, or what money hangs on, that failed so often in a row is told to the operator: a quarter of an
/// hour, with the waits between.
const FAILURES_TOLD: u32 = 10;

/// What follows an action.
pub(crate) enum After {
    /// Look again now.
    LookAgain,
    /// Look again then, if at all.
    Later(Again),
}

/// Everything an action works with.
pub(crate) struct Work<'a> {
    pub(crate) name: &'a Subdomain,
    pub(crate) look: &'a Look,
    pub(crate) subscriptions: &'a mut Vec<Subscription>,
    pub(crate) memory: &'a mut NameMemory,
}

impl Work<'_> {
    /// The trial an action is for. An action only ever names one of the look it was decided on.
    pub(crate) fn trial(&self, id: &tamesuke_domain::ids::SubscriptionId) -> Option<Trial> {
        let StripeView::Seen(trials) = &self.look.stripe else {
            return None;
        };
        trials.iter().find(|trial| trial.id() == id).cloned()
    }

    /// The trial that the name belongs to.
    fn owner(&self, now: Timestamp) -> Option<Trial> {
        let StripeView::Seen(trials) = &self.look.stripe else {
            return None;
        };
        ownership::owner(trials, now).cloned()
    }
}

impl Engine {
    /// Does what was decided.
    pub(crate) async fn act(
        &self,
        name: &Subdomain,
        action: &Action,
        look: &Look,
        subscriptions: &mut Vec<Subscription>,
        memory: &mut NameMemory,
    ) -> After {
        let quiet = matches!(action, Action::Wait(..) | Action::Rest { .. } | Action::Backoff(_));
        if quiet {
            tracing::debug!(subdomain = %name, %action, "{name}: {action}");
        } else {
            tracing::info!(subdomain = %name, %action, "{name}: {action}");
        }
        if !matches!(action, Action::Wait(Waiting::Lane, _) | Action::Run(..)) {
            self.leave_lane(name, memory);
        }
        let mut work = Work { name, look, subscriptions, memory };
        let done = self.perform(action, &mut work).await;
        if !quiet {
            // Whatever a listing read before this may lack it.
            work.memory.stripe_fresh_after = self.ports.clock.monotonic();
        }
        if done.is_err() {
            // It may be held now, and must not be waited for.
            self.leave_lane(name, work.memory);
        }
        match done {
            Ok(after) => {
                if let Some(deed) = action.deed() {
                    work.memory.succeeded(&deed);
                }
                after
            }
            Err(fault) => self.failed(action, &fault, &mut work).await,
        }
    }

    async fn perform(&self, action: &Action, work: &mut Work<'_>) -> Result<After, Fault> {
        let (monotonic, _) = self.now();
        match action {
            Action::Backoff(Unread::Stripe | Unread::World) => {
                Ok(After::Later(after(monotonic, Duration::from_secs(5))))
            }
            Action::SetEnd(id, by) => {
                let seen = self.ports.billing.set_end(id, *by).await?;
                replace(work.subscriptions, seen);
                Ok(After::LookAgain)
            }
            Action::Refuse(id, reason) => self.refuse(id, *reason, work).await,
            Action::Refund(id) => self.refund(id, work).await,
            Action::Cancel(id) => {
                let seen = self.ports.billing.cancel(id).await?;
                replace(work.subscriptions, seen);
                Ok(After::LookAgain)
            }
            Action::SetCustomer(id) => self.name_customer(id, work).await,
            Action::MarkMail(id, mark) => self.mark_mail(id, mark, work).await,
            Action::SendMail(id, kind) => self.send_mail(id, *kind, work).await,
            Action::Remove(part) => self.remove(part, work).await,
            Action::Repair(id, repair) => self.repair(id, repair, work).await,
            Action::Record(id, vmid, tunnel, mark) => self.record(id, (*vmid, tunnel), mark, work).await,
            Action::Run(id, attempt) => self.run_script(id, *attempt, work).await,
            Action::Alert(kind, detail) => {
                self.alert(kind, detail, work).await;
                Ok(After::Later(after(monotonic, ALERT_AGAIN)))
            }
            Action::Wait(Waiting::Lane, wait) => {
                let ticket = work.owner(self.now().1).map(|owner| Ticket::of(&owner));
                if ticket.is_some_and(|ticket| self.wait_for_lane(work.name, ticket, work.memory)) {
                    return Ok(After::LookAgain);
                }
                Ok(After::Later(after(monotonic, *wait)))
            }
            Action::Wait(_, wait) => Ok(After::Later(after(monotonic, *wait))),
            Action::Rest { until, .. } => Ok(After::Later(Again { at: None, when: *until })),
        }
    }

    /// Files what went wrong by what may be done about it: an unknown outcome holds the name until
    /// nothing of it can still arrive, a definite one makes the deed wait and lets others go on.
    async fn failed(&self, action: &Action, fault: &Fault, work: &mut Work<'_>) -> After {
        let (monotonic, _) = self.now();
        let name = work.name;
        tracing::warn!(subdomain = %name, %action, error = %fault.chain(), "{name}: could not {action}");
        let hold = Duration::from_secs(self.settings.policy.hold_secs);
        if fault.is_unknown() {
            let until = monotonic.plus(hold);
            self.queue.hold(name, until);
            work.memory.fresh_after = until;
            if matches!(action, Action::Remove(_)) {
                *crate::engine::lock(&self.starts_paused_until) = until;
            }
            return After::Later(Again { at: Some(until), when: None });
        }
        let Some(deed) = action.deed() else {
            return After::Later(after(monotonic, Duration::from_secs(5)));
        };
        let limits = (self.settings.backoff_max, fault.retry_after());
        let failures = work.memory.failed(deed, monotonic, limits, self.ports.entropy.as_ref());
        let told = match action {
            Action::Remove(_) => Some((AlertKind::RemovalFails, format!("cannot {action} of {name}"))),
            Action::SetEnd(..) | Action::Refuse(..) | Action::Refund(_) | Action::Cancel(_) => {
                Some((AlertKind::StripeRefuses, format!("Stripe does not let us {action}; do it in its dashboard")))
            }
            _ => None,
        };
        if let Some((kind, what)) = told.filter(|_| failures >= FAILURES_TOLD) {
            self.alert(&kind, &format!("{what}: {}", fault.chain()), work).await;
        }
        After::LookAgain
    }

    /// Writes a change to where the trial's marks belong and takes the answer into the view.
    pub(crate) async fn write(&self, trial: &Trial, change: &Change, work: &mut Work<'_>) -> Result<(), Fault> {
        let entries = change.entries();
        if trial.marks_on_customer() {
            let seen = self.ports.billing.merge_customer_metadata(&trial.subscription.customer, &entries).await?;
            for subscription in work.subscriptions.iter_mut().filter(|s| s.customer.id == seen.id) {
                subscription.customer = seen.clone();
            }
        } else {
            let seen = self.ports.billing.merge_metadata(trial.id(), &entries).await?;
            replace(work.subscriptions, seen);
        }
        Ok(())
    }

    async fn refuse(
        &self,
        id: &tamesuke_domain::ids::SubscriptionId,
        reason: Reason,
        work: &mut Work<'_>,
    ) -> Result<After, Fault> {
        let Some(trial) = work.trial(id) else {
            return Ok(After::LookAgain);
        };
        let at = self.ports.clock.now();
        self.write(&trial, &Change::Refused(Refusal { reason, at }), work).await?;
        let detail = format!("{id} was refused as {reason}; it is refunded, canceled and cleaned up by itself");
        self.alert(&AlertKind::Refused, &detail, work).await;
        Ok(After::LookAgain)
    }

    async fn refund(&self, id: &tamesuke_domain::ids::SubscriptionId, work: &mut Work<'_>) -> Result<After, Fault> {
        let Some(trial) = work.trial(id) else {
            return Ok(After::LookAgain);
        };
        let mark = match self.ports.billing.refund(&trial.subscription).await? {
            RefundOutcome::Refunded(refund) => RefundMark::Refunded(refund),
            RefundOutcome::Nothing => RefundMark::Nothing,
            RefundOutcome::Disputed => {
                let detail = format!(
                    "the payment of {id} is disputed, it was not refunded; answer the dispute in Stripe's dashboard"
                );
                self.alert(&AlertKind::Disputed, &detail, work).await;
                RefundMark::Disputed
            }
        };
        self.write(&trial, &Change::Refund(mark), work).await?;
        Ok(After::LookAgain)
    }

    async fn name_customer(
        &self,
        id: &tamesuke_domain::ids::SubscriptionId,
        work: &mut Work<'_>,
    ) -> Result<After, Fault> {
        let Some(trial) = work.trial(id) else {
            return Ok(After::LookAgain);
        };
        let seen = self.ports.billing.name_customer(&trial.subscription.customer, &trial.record.company).await?;
        for subscription in work.subscriptions.iter_mut().filter(|s| s.customer.id == seen.id) {
            subscription.customer = seen.clone();
        }
        Ok(After::LookAgain)
    }

    /// Tells the operator, once a day for each kind; best effort, but never in silence.
    pub(crate) async fn alert(&self, kind: &AlertKind, detail: &str, work: &mut Work<'_>) {
        let (monotonic, _) = self.now();
        if !work.memory.may_alert(kind, monotonic) {
            return;
        }
        let name = work.name;
        tracing::error!(subdomain = %name, kind = ?kind, "{name}: {detail}");
        let note = Note { kind: kind.clone(), subdomain: name.clone(), detail: detail.to_owned() };
        match self.ports.mailer.notify(&note).await {
            Ok(_) => {}
            Err(fault) => {
                tracing::warn!(subdomain = %name, error = %fault.chain(), "the operator's note on {name} was not sent");
            }
        }
    }
}
