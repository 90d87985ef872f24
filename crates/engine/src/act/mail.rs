//! Mails: the mark before, the hand-over, the mark after.

use std::time::Duration;

use tamesuke_domain::action::AlertKind;
use tamesuke_domain::ids::SubscriptionId;
use tamesuke_domain::letter::{MailKind, MailMark, Stage};
use tamesuke_domain::metadata::{Change, RefundMark};
use tamesuke_domain::planted::{self, Planted};
use tamesuke_domain::ports::{Delivery, Fault, Letter};
use tamesuke_domain::trial::Trial;

use super::{After, Work};
use crate::engine::Engine;

/// A mail that has been refused for so long is told to the operator.
const ALERT_AFTER: Duration = Duration::from_secs(3_600);

impl Engine {
    pub(super) async fn mark_mail(
        &self,
        id: &SubscriptionId,
        mark: &MailMark,
        work: &mut Work<'_>,
    ) -> Result<After, Fault> {
        let Some(trial) = work.trial(id) else {
            return Ok(After::LookAgain);
        };
        self.write(&trial, &Change::Mail(*mark), work).await?;
        self.note_mark(id, mark, work).await;
        if planted::has(Planted::MarkedBeforeSent) && mark.stage == Stage::Sent {
            return self.send_mail(id, mark.kind, work).await;
        }
        Ok(After::LookAgain)
    }

    /// Remembers what a written mark means for this process.
    pub(super) async fn note_mark(&self, id: &SubscriptionId, mark: &MailMark, work: &mut Work<'_>) {
        match mark.stage {
            Stage::Try(_) => work.memory.mail_pending(id, mark.kind),
            Stage::Sent => work.memory.mail_forgotten(id, mark.kind),
            Stage::Skipped => {
                work.memory.mail_forgotten(id, mark.kind);
                tracing::info!(subscription = %id, kind = %mark.kind, "the {} mail of {id} is skipped", mark.kind);
            }
            Stage::Lost => {
                work.memory.mail_forgotten(id, mark.kind);
                let detail =
                    format!("the {} mail of {id} could not be delivered; write to the customer yourself", mark.kind);
                self.alert(&AlertKind::MailLost, &detail, work).await;
            }
        }
    }

    pub(super) async fn send_mail(
        &self,
        id: &SubscriptionId,
        kind: MailKind,
        work: &mut Work<'_>,
    ) -> Result<After, Fault> {
        let Some(trial) = work.trial(id) else {
            return Ok(After::LookAgain);
        };
        let Some(letter) = self.letter(&trial, kind) else {
            // The address went away after the mark was written: the next look skips the mail.
            work.memory.mail_forgotten(id, kind);
            return Ok(After::LookAgain);
        };
        let (monotonic, _) = self.now();
        let for_good = match self.ports.mailer.send(&letter).await {
            Ok(Delivery::Accepted) => {
                work.memory.mail_accepted(id, kind);
                return Ok(After::LookAgain);
            }
            Ok(Delivery::TryLater | Delivery::Refused) if planted::has(Planted::RefusalsAreTries) => {
                work.memory.mail_forgotten(id, kind);
                return Ok(After::LookAgain);
            }
            Ok(Delivery::TryLater) => false,
            Ok(Delivery::Refused) => true,
            Err(fault) if fault.is_unknown() => {
                tracing::warn!(subscription = %id, %kind, error = %fault.chain(), "it is not known whether the {kind} mail of {id} went out");
                work.memory.mail_forgotten(id, kind);
                return Ok(After::LookAgain);
            }
            Err(fault) => {
                tracing::warn!(subscription = %id, %kind, error = %fault.chain(), "the {kind} mail of {id} was not sent");
                // Nothing that another try would change: an address that no mail server can be told, say.
                matches!(fault, Fault::Refused { .. })
            }
        };
        let refused_for = work.memory.mail_refused((id, kind), for_good, monotonic, self.ports.entropy.as_ref());
        if refused_for >= ALERT_AFTER {
            let detail = format!("the {kind} mail of {id} has been refused for over an hour; look at the mail server");
            self.alert(&AlertKind::MailRefused, &detail, work).await;
        }
        Ok(After::LookAgain)
    }

    fn letter(&self, trial: &Trial, kind: MailKind) -> Option<Letter> {
        let record = &trial.record;
        let named = self.settings.catalog.find(&record.application).map(|application| application.name.clone());
        let name = named.unwrap_or_else(|| tamesuke_domain::catalog::Bilingual {
            ja: record.application.to_string(),
            en: record.application.to_string(),
        });
        Some(Letter {
            kind,
            subscription: trial.id().clone(),
            to: trial.subscription.customer.email.clone()?,
            company: record.company.clone(),
            subdomain: record.subdomain.clone(),
            application: name,
            days: record.days.get(),
            ends_at: trial.end(),
            reason: record.refused.map(|refusal| refusal.reason),
            refunded: matches!(record.refund, Some(RefundMark::Refunded(_))),
        })
    }
}
