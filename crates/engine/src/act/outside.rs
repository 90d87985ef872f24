//! What changes machines: runs, removals, repairs; and the writing that a trial is ready.

use std::sync::atomic::Ordering;
use std::time::Duration;

use tamesuke_domain::action::{Action, Repair};
use tamesuke_domain::ids::{SubscriptionId, TunnelId, Vmid};
use tamesuke_domain::letter::MailMark;
use tamesuke_domain::metadata::{Attempt, Change, Recorded};
use tamesuke_domain::parts::Part;
use tamesuke_domain::ports::{Fault, Removal, RunOrder, System};

use super::{After, Work};
use crate::engine::Engine;
use crate::lane::Ticket;
use crate::reconcile::after;

/// A run that is alive is looked at that often even if nothing is heard of it.
const RUN_LOOK: Duration = Duration::from_secs(60);
/// How soon it is tried again where another run was just being started.
const OTHERS_START: Duration = Duration::from_secs(1);
/// How often the removal of a part is asked for at once: a container is stopped and then removed …
const ASKED_MAX: u32 = 2;
/// … and how soon it is looked again whether a part is gone after that.
const STILL_LISTED_LOOK: Duration = Duration::from_secs(5);
/// How soon a part that turned out not to be ours is looked at again.
const NOT_OURS_LOOK: Duration = Duration::from_secs(10);

impl Engine {
    pub(super) async fn remove(&self, part: &Part, work: &mut Work<'_>) -> Result<After, Fault> {
        let removed = self.ports.inventory.remove(work.name, part).await;
        let (monotonic, _) = self.now();
        work.memory.fresh_after = monotonic;
        match removed? {
            Removal::Asked => {
                #[cfg(feature = "planted")]
                work.memory.believed_gone.push(part.clone());
                // It may be done already, and a list not show it yet.
                if work.memory.asked_again(part) > ASKED_MAX {
                    return Ok(After::Later(after(monotonic, STILL_LISTED_LOOK)));
                }
                Ok(After::LookAgain)
            }
            Removal::NotOurs => {
                tracing::warn!(subdomain = %work.name, %part, "{part} is not what it was taken for, it is left alone");
                Ok(After::Later(after(monotonic, NOT_OURS_LOOK)))
            }
            // Cloudflare forgets a lost connection, and Proxmox a lock, only after a while.
            Removal::NotYet => Err(Fault::Retryable {
                system: System::Cloudflare,
                operation: "remove a part",
                retry_after: None,
                cause: format!("{part} is still in use").into(),
            }),
        }
    }

    pub(super) async fn repair(
        &self,
        id: &SubscriptionId,
        repair: &Repair,
        work: &mut Work<'_>,
    ) -> Result<After, Fault> {
        let Some(trial) = work.trial(id) else {
            return Ok(After::LookAgain);
        };
        let repaired = self.ports.inventory.repair(&trial, repair).await;
        work.memory.fresh_after = self.ports.clock.monotonic();
        repaired?;
        Ok(After::LookAgain)
    }

    pub(super) async fn record(
        &self,
        id: &SubscriptionId,
        (vmid, tunnel): (Vmid, &TunnelId),
        mark: &MailMark,
        work: &mut Work<'_>,
    ) -> Result<After, Fault> {
        let Some(trial) = work.trial(id) else {
            return Ok(After::LookAgain);
        };
        let recorded = Recorded { vmid, url: self.ports.inventory.url(work.name, tunnel), tunnel: tunnel.clone() };
        self.write(&trial, &Change::Ready(recorded, *mark), work).await?;
        self.note_mark(id, mark, work).await;
        Ok(After::LookAgain)
    }

    /// Notes the attempt, then starts the run. The note is the claim on the name and the window in
    /// which things count as ours, so it must stand before the first outside write.
    pub(super) async fn run_script(
        &self,
        id: &SubscriptionId,
        attempt: Attempt,
        work: &mut Work<'_>,
    ) -> Result<After, Fault> {
        let Some(trial) = work.trial(id) else {
            return Ok(After::LookAgain);
        };
        let (monotonic, _) = self.now();
        let Some(_turn) = Turn::take(self) else {
            if self.ports.provisioner.lane_busy() {
                return Ok(After::LookAgain);
            }
            self.wait_for_lane(work.name, Ticket::of(&trial), work.memory);
            return Ok(After::Later(after(monotonic, OTHERS_START)));
        };
        if attempt.count == 1 && !self.still_calls_for_a_run(work).await? {
            return Ok(After::LookAgain);
        }
        self.write(&trial, &Change::Attempt(attempt), work).await?;
        let order = RunOrder {
            subdomain: work.name.clone(),
            application: trial.record.application.clone(),
            days: trial.record.days,
            email: trial.subscription.customer.email.clone(),
        };
        self.ports.provisioner.start(order).await?;
        self.leave_lane(work.name, work.memory);
        work.memory.fresh_after = self.ports.clock.monotonic();
        // The next look may be as late as the run's end, and somebody watches the steps now.
        self.show_written(work);
        Ok(After::Later(after(self.ports.clock.monotonic(), RUN_LOOK)))
    }
}

impl Engine {
    /// Looks once more, at nothing that was read before: a shared list does not show what somebody made in
    /// the last seconds, and the script would replace it.
    async fn still_calls_for_a_run(&self, work: &mut Work<'_>) -> Result<bool, Fault> {
        work.memory.fresh_after = self.ports.clock.monotonic();
        let mut look = work.look.clone();
        self.look_at_world(&mut look, work.memory).await?;
        Ok(matches!(self.decide(&look), Action::Run(..)))
    }
}

/// The right to start a run: between the look that found the lane free and the run that takes it,
/// nobody else may start one.
struct Turn<'a>(&'a Engine);

impl<'a> Turn<'a> {
    fn take(engine: &'a Engine) -> Option<Self> {
        if engine.starting.swap(true, Ordering::AcqRel) {
            return None;
        }
        let turn = Self(engine);
        (!engine.ports.provisioner.lane_busy()).then_some(turn)
    }
}

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.starting.store(false, Ordering::Release);
    }
}
