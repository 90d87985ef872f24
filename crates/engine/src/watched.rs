//! What people may see of a trial, by the page that they paid on.

use tamesuke_domain::checkout::{CheckoutStatus, SeenCheckout};
use tamesuke_domain::ids::{CheckoutId, SubscriptionId};
use tamesuke_domain::look::RunView;
use tamesuke_domain::metadata;
use tamesuke_domain::ports::{Fault, Role};
use tamesuke_domain::state::{Progress, STEPS, State};
use tamesuke_domain::subdomain::Subdomain;
use tamesuke_domain::trial::Trial;

use crate::engine::{Engine, TrialError, TrialView};
use crate::names::Session;
use crate::strangers::Nowhere;

impl Engine {
    /// What people may see of the trial that a session became; none if there is no such session of
    /// ours. Asks Stripe only for a session that is not in the index, and only for a few of them at once.
    pub async fn trial(&self, id: &CheckoutId) -> Result<Option<TrialView>, TrialError> {
        let known = self.names.of_session(id).filter(|session| session.open || session.subscription.is_some());
        let session = match known {
            Some(session) => session,
            None => match self.session_of_stranger(id).await? {
                Ok(session) => session,
                Err(Nowhere::Lapsed(name)) => return Ok(Some(self.view(name, bare(State::Expired)))),
                Err(Nowhere::Unknown) => return Ok(None),
            },
        };
        let Some(subscription) = session.subscription else {
            let state = if session.open { State::Reserved } else { State::Paid };
            return Ok(Some(self.view(session.subdomain, bare(state))));
        };
        let mut progress = self.shown_progress(&subscription).await?;
        if progress.state == State::Provisioning
            && let RunView::Alive { step } = self.ports.provisioner.look(&session.subdomain)
        {
            progress.step = step;
        }
        Ok(Some(self.view(session.subdomain, progress)))
    }

    /// A session that may be of anybody's making; inside, `Err` is one that leads nowhere.
    async fn session_of_stranger(&self, id: &CheckoutId) -> Result<Result<Session, Nowhere>, TrialError> {
        if let Some(said) = self.strangers.kept(id, self.ports.clock.monotonic()) {
            return Ok(Err(said));
        }
        let _turn = self.strangers.turn().ok_or(TrialError::Busy)?;
        let asked = self.ask_for_session(id).await?;
        if let Err(said) = &asked {
            self.strangers.keep(id, said.clone(), self.ports.clock.monotonic());
        }
        Ok(asked)
    }

    async fn ask_for_session(&self, id: &CheckoutId) -> Result<Result<Session, Nowhere>, Fault> {
        let Some(SeenCheckout { checkout, .. }) = self.ports.billing.checkout(id).await? else {
            return Ok(Err(Nowhere::Unknown));
        };
        let Some(name) = metadata::subdomain_of(&checkout.metadata, &self.settings.instance) else {
            return Ok(Err(Nowhere::Unknown));
        };
        if checkout.status == CheckoutStatus::Expired {
            return Ok(Err(Nowhere::Lapsed(name)));
        }
        self.see_session(&name, &checkout);
        self.queue.add(&name);
        Ok(Ok(Session {
            subdomain: name,
            subscription: checkout.subscription,
            open: checkout.status == CheckoutStatus::Open,
        }))
    }

    /// How a trial fares by the last look at it. While another process acts no pass of ours renews that,
    /// so it is read anew every few seconds that somebody asks.
    async fn shown_progress(&self, id: &SubscriptionId) -> Result<Progress, Fault> {
        let Some(known) = self.hub.of(id) else {
            return self.ask_for_progress(id).await;
        };
        let now = self.ports.clock.monotonic();
        if self.ports.lease.role() == Role::Worker || self.hub.was_just_asked(id, now) {
            return Ok(known);
        }
        Ok(self.ask_for_progress(id).await.unwrap_or_else(|fault| {
            tracing::warn!(subscription = %id, error = %fault.chain(), "{id} is shown as it was known before");
            self.hub.note_asked(id, now);
            known
        }))
    }

    async fn ask_for_progress(&self, id: &SubscriptionId) -> Result<Progress, Fault> {
        let read = self.ports.billing.subscription(id).await?;
        let trial = read.and_then(|subscription| Trial::read(subscription).ok());
        // What does not read is kept, too: the next look at it says so anew, or shows that it was mended.
        let progress = trial.map_or_else(|| bare(State::Stuck), |trial| self.progress_of(&trial, false));
        self.hub.publish(id, progress.clone());
        self.hub.note_asked(id, self.ports.clock.monotonic());
        Ok(progress)
    }

    pub(crate) fn progress_of(&self, trial: &Trial, alerted: bool) -> Progress {
        let state = State::of(trial, alerted, self.ports.clock.now());
        Progress {
            state,
            step: if trial.is_ready() { STEPS } else { 0 },
            attempt: trial.record.attempt.map_or(0, |attempt| attempt.count),
            ends_at: Some(trial.end()),
            refused: trial.record.refused.map(|refusal| refusal.reason),
        }
    }

    fn view(&self, subdomain: Subdomain, progress: Progress) -> TrialView {
        TrialView { url: self.settings.shown_url(&subdomain), subdomain, progress }
    }
}

fn bare(state: State) -> Progress {
    Progress { state, step: 0, attempt: 0, ends_at: None, refused: None }
}
