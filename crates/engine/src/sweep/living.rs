//! Tells of what stands under a name that is looked after. The reconciler removes what is astray there;
//! a sweep only says what is left alone and why: another's tunnel, record or guest as well.

use tamesuke_domain::ports::Fault;
use tamesuke_domain::subdomain::Subdomain;
use tamesuke_domain::sweep::{Finding, Why};
use tamesuke_domain::time::Monotonic;
use tamesuke_domain::trial::Trial;

use super::standing::Standing;
use super::{hold_back, whole_name};
use crate::engine::Engine;
use crate::queue::Again;

/// Which names that are looked after a sweep tells of. Each costs a call to Stripe for each of its
/// subscriptions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Living {
    /// Those under which the list shows more than one trial is made of.
    Crowded,
    /// All of them.
    All,
}

impl Living {
    pub(super) fn includes(self, seen: &Standing) -> bool {
        match self {
            Self::Crowded => seen.is_crowded(),
            Self::All => true,
        }
    }
}

impl Engine {
    /// Tells of one name, and touches nothing of it. Held as in a pass, so that no attempt begins
    /// between the look at Stripe and the one at the machines.
    pub(super) async fn tell_of_living(&self, name: &Subdomain, began: Monotonic, seen: &Standing) -> Vec<Finding> {
        if !self.queue.claim(name, self.now()) {
            return seen.uncertified(name);
        }
        let told = self.judge_living(name, began).await;
        self.queue.done(name, Again::default());
        told.unwrap_or_else(|fault| vec![whole_name(name, Why::Failed(fault.chain()))])
    }

    async fn judge_living(&self, name: &Subdomain, began: Monotonic) -> Result<Vec<Finding>, Fault> {
        let mut trials = Vec::new();
        for id in self.names.known(name).subscriptions.into_iter().chain(self.names.over(name)) {
            let Some(subscription) = self.ports.billing.subscription(&id).await? else { continue };
            match Trial::read(subscription) {
                Ok(trial) => trials.push(trial),
                // Nothing is judged by half of the trials.
                Err(error) => return Ok(vec![whole_name(name, Why::Failed(error.to_string()))]),
            }
        }
        let scene = self.ports.inventory.look(name, &trials, began).await?;
        let mut findings = self.judged(name, &trials, &scene).findings;
        // Its last trial ended since the listing: the reconciler's all the same.
        hold_back(&mut findings, 0, &Why::Reconciled);
        Ok(findings)
    }
}
