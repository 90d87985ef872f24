//! The sweeper: finds what is ours by proof and belongs to no trial any more, even where the index has
//! forgotten the name, and removes a little of it at a time.
//!
//! It works from the machines backwards: whatever stands there under a name that nobody looks after is
//! looked at with every trial that Stripe ever had of that name. A name with a trial that is not over
//! is the reconciler's and is handed to it; of a name that is looked after it only tells. It holds a name as a pass does, so that the two never work
//! on one at once, and it never removes what it has not just looked at.

mod living;
mod standing;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use tamesuke_domain::parts::{Part, Scene};
use tamesuke_domain::ports::{Fault, Removal, Role};
use tamesuke_domain::subdomain::Subdomain;
use tamesuke_domain::sweep::{Finding, Judgement, Verdict, Why, judge};
use tamesuke_domain::time::Monotonic;
use tamesuke_domain::trial::{Subscription, Trial};

use crate::engine::{Engine, lock};
use crate::queue::Again;
use crate::resync::Pace;
use living::Living;
use standing::{Standing, on_machines};

/// Calls that one part may need: a running container is stopped first.
const CALLS_PER_PART: usize = 2;

/// What a sweep may do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hand {
    /// Only look and tell.
    Show,
    /// Remove what is told to be removed.
    Remove,
}

/// What a sweep found, and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Report {
    /// One for each thing, sorted.
    pub findings: Vec<Finding>,
}

impl Report {
    /// How many things are, or were, to be removed.
    pub fn removals(&self) -> usize {
        self.findings.iter().filter(|finding| finding.verdict == Verdict::Remove).count()
    }

    /// Whether something that had to be read or removed could not be.
    pub fn has_failures(&self) -> bool {
        self.findings.iter().any(|finding| matches!(finding.verdict, Verdict::Leave(Why::Failed(_))))
    }
}

/// What the last sweep of this process told, so that a thing that stays is not looked at, or told of,
/// again and again.
#[derive(Debug, Default)]
pub(crate) struct LastSweep {
    settled: BTreeMap<Subdomain, (Standing, Vec<Finding>)>,
    told: BTreeSet<Finding>,
}

impl Engine {
    /// Lists everything, then sweeps, in a process of its own that does nothing else. To remove anything
    /// it must hold the lease.
    pub async fn sweep_alone(&self, hand: Hand) -> Result<Report, Fault> {
        self.list_stripe(Pace::Nobody).await?;
        self.sweep(hand, Living::All).await
    }

    /// The sweep after a listing.
    pub(crate) async fn sweep_forgotten(&self) {
        if self.ports.lease.role() != Role::Worker {
            return;
        }
        match self.sweep(Hand::Remove, Living::Crowded).await {
            Ok(report) => self.tell(&report),
            Err(fault) => tracing::warn!(error = %fault.chain(), "a sweep could not list the machines"),
        }
    }

    /// Logs what the last sweep has not told already.
    fn tell(&self, report: &Report) {
        let told: BTreeSet<Finding> = report.findings.iter().cloned().collect();
        let before = std::mem::replace(&mut lock(&self.last_sweep).told, told.clone());
        for finding in told.difference(&before) {
            tracing::info!("sweep: {finding}");
        }
    }

    async fn sweep(&self, hand: Hand, living: Living) -> Result<Report, Fault> {
        let (began, _) = self.now();
        let listing = self.ports.inventory.list(began).await?;
        let (standing, mut findings) = on_machines(&listing, self.settings.policy.vmids);
        let mut left = self.settings.policy.sweep_deletions_max;
        lock(&self.last_sweep).settled.retain(|name, _| standing.contains_key(name));
        for (name, seen) in standing {
            let known = self.names.known(&name);
            let looked_after = !known.subscriptions.is_empty() || !known.checkouts.is_empty();
            if looked_after {
                if living.includes(&seen) {
                    findings.extend(self.tell_of_living(&name, began, &seen).await);
                }
                continue;
            }
            let settled = lock(&self.last_sweep).settled.get(&name).filter(|(then, _)| *then == seen).cloned();
            if let Some((_, again)) = settled {
                findings.extend(again);
                continue;
            }
            let told = self.sweep_name(&name, (hand, began), &mut left).await;
            let for_good = told.iter().all(|finding| match &finding.verdict {
                Verdict::Remove => false,
                Verdict::Leave(why) => !may_change(why),
            });
            if for_good {
                lock(&self.last_sweep).settled.insert(name, (seen, told.clone()));
            }
            findings.extend(told);
        }
        findings.sort_by(|a, b| (&a.name, a.verdict != Verdict::Remove).cmp(&(&b.name, b.verdict != Verdict::Remove)));
        Ok(Report { findings })
    }

    /// Sweeps one name, unless somebody works on it just now.
    async fn sweep_name(&self, name: &Subdomain, (hand, began): (Hand, Monotonic), left: &mut u32) -> Vec<Finding> {
        if !self.queue.claim(name, self.now()) {
            return vec![whole_name(name, Why::Failed("the service is at work on it just now".to_owned()))];
        }
        let swept = self.sweep_claimed(name, (hand, began), left).await;
        self.queue.done(name, Again::default());
        match swept {
            Ok(Swept::Told(findings)) => findings,
            Ok(Swept::Unfinished(subscriptions)) => {
                // A trial that no list showed: the index had forgotten it, or never knew.
                for subscription in subscriptions {
                    self.names.add_subscription(name, &subscription.id, false);
                }
                self.queue.add(name);
                vec![whole_name(name, Why::Reconciled)]
            }
            Err(fault) => vec![whole_name(name, Why::Failed(fault.chain()))],
        }
    }

    async fn sweep_claimed(
        &self,
        name: &Subdomain,
        (hand, began): (Hand, Monotonic),
        left: &mut u32,
    ) -> Result<Swept, Fault> {
        let bare = self.ports.inventory.look(name, &[], began).await?;
        let subscriptions = if name.is_reserved() || !may_be_a_trials(&bare) {
            Vec::new()
        } else {
            self.all_subscriptions(name).await?
        };
        let mut trials = Vec::new();
        for subscription in &subscriptions {
            match Trial::read(subscription.clone()) {
                Ok(trial) if trial.is_over() => trials.push(trial),
                Ok(_) | Err(_) => return Ok(Swept::Unfinished(subscriptions)),
            }
        }
        let scene = if trials.is_empty() { bare } else { self.ports.inventory.look(name, &trials, began).await? };
        let Judgement { mut findings, strays } = self.judged(name, &trials, &scene);
        let allowed = usize::try_from(*left).unwrap_or(usize::MAX).min(strays.len());
        if hand == Hand::Remove && allowed > 0 {
            let outcome = self.remove_strays(name, &trials, &strays[..allowed]).await;
            *left = left.saturating_sub(u32::try_from(allowed).unwrap_or(u32::MAX));
            if let Err(why) = outcome {
                hold_back(&mut findings, 0, &Why::Failed(why));
                return Ok(Swept::Told(findings));
            }
        } else {
            *left = left.saturating_sub(u32::try_from(allowed).unwrap_or(u32::MAX));
        }
        hold_back(&mut findings, allowed, &Why::Limit(self.settings.policy.sweep_deletions_max));
        Ok(Swept::Told(findings))
    }

    fn judged(&self, name: &Subdomain, trials: &[Trial], scene: &Scene) -> Judgement {
        judge(name, trials, scene, &self.settings.policy, self.ports.clock.now())
    }

    /// Every subscription of a name: those the index knows to be over, and those that it has forgotten.
    async fn all_subscriptions(&self, name: &Subdomain) -> Result<Vec<Subscription>, Fault> {
        let mut all = self.ports.billing.subscriptions_of(name).await?;
        for id in self.names.over(name) {
            if !all.iter().any(|known| known.id == id)
                && let Some(subscription) = self.ports.billing.subscription(&id).await?
            {
                all.push(subscription);
            }
        }
        Ok(all)
    }

    /// Removes those strays in their order, looking again before each; stops at the first that does not
    /// go, for what comes after it proves it.
    async fn remove_strays(&self, name: &Subdomain, trials: &[Trial], allowed: &[Part]) -> Result<(), String> {
        for _ in 0..=allowed.len() * CALLS_PER_PART {
            let (fresh_after, _) = self.now();
            let scene = self.ports.inventory.look(name, trials, fresh_after).await.map_err(|fault| fault.chain())?;
            let Some(part) = self.judged(name, trials, &scene).strays.into_iter().find(|part| allowed.contains(part))
            else {
                return Ok(());
            };
            tracing::info!(subdomain = %name, %part, "sweep: remove {part} of {name}");
            match self.ports.inventory.remove(name, &part).await {
                Ok(Removal::Asked) => {}
                Ok(Removal::NotOurs) => return Err(format!("{part} is not what it was taken for")),
                Ok(Removal::NotYet) => return Err(format!("{part} is still in use")),
                Err(fault) => {
                    if fault.is_unknown() {
                        let until = self.now().0.plus(Duration::from_secs(self.settings.policy.hold_secs));
                        self.queue.hold(name, until);
                        *lock(&self.starts_paused_until) = until;
                    }
                    return Err(fault.chain());
                }
            }
        }
        Err("what was removed is still there".to_owned())
    }
}

/// What came of sweeping a name.
enum Swept {
    /// All of it was judged.
    Told(Vec<Finding>),
    /// A trial of it is not over.
    Unfinished(Vec<Subscription>),
}

/// Whether any trial can have had to do with it, so that Stripe is to be asked: ordinary records of a
/// zone are not.
fn may_be_a_trials(scene: &Scene) -> bool {
    let to_a_tunnel = scene.records.iter().any(|record| record.tunnel().is_some());
    to_a_tunnel || scene.file.is_some() || !scene.tunnels.is_empty() || !scene.containers.is_empty()
}

/// Whether a later sweep may judge otherwise though the same things are listed.
fn may_change(why: &Why) -> bool {
    match why {
        Why::NoTrial
        | Why::OutsideWindows
        | Why::NoTunnel(_)
        | Why::TunnelNotOurs(_)
        | Why::OtherHostname
        | Why::Template
        | Why::LeadsElsewhere
        | Why::Unexplained
        | Why::Nameless => false,
        Why::Locked | Why::Young { .. } | Why::Reconciled | Why::Limit(_) | Why::Failed(_) => true,
    }
}

/// Turns all but the first few removals into things that stay.
fn hold_back(findings: &mut [Finding], allowed: usize, why: &Why) {
    for finding in findings.iter_mut().filter(|finding| finding.verdict == Verdict::Remove).skip(allowed) {
        finding.verdict = Verdict::Leave(why.clone());
    }
}

fn whole_name(name: &Subdomain, why: Why) -> Finding {
    Finding { what: "everything".to_owned(), name: Some(name.clone()), verdict: Verdict::Leave(why) }
}
