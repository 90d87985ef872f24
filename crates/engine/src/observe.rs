//! Looks at a name: first Stripe and the runs, then, only where a decision needs it, the machines.

use std::sync::atomic::Ordering;

use tamesuke_domain::decide::{Decision, decide_by_row};
use tamesuke_domain::look::{Look, RunView, StripeView, World};
use tamesuke_domain::ownership::{self, Estate};
#[cfg(feature = "planted")]
use tamesuke_domain::planted::{self, Planted};
use tamesuke_domain::ports::Fault;
use tamesuke_domain::subdomain::Subdomain;
use tamesuke_domain::time::Monotonic;
use tamesuke_domain::trial::{Subscription, Trial};

use crate::engine::{Engine, lock};
use crate::memory::NameMemory;

impl Engine {
    /// Reads from Stripe every subscription of a name that the index knows of.
    pub(crate) async fn read_stripe(&self, name: &Subdomain, memory: &NameMemory) -> Result<Vec<Subscription>, Fault> {
        let mut shown = Vec::new();
        for id in self.names.known(name).checkouts {
            match self.ports.billing.checkout(&id).await? {
                Some(seen) => {
                    self.see_session(name, &seen.checkout);
                    shown.extend(seen.subscription);
                }
                None => self.names.forget_session(name, &id),
            }
        }
        let acting_since = *lock(&self.acting_since);
        let fresh_after = memory.fresh_after.max(memory.stripe_fresh_after).max(acting_since);
        let mut subscriptions = Vec::new();
        for id in self.names.known(name).subscriptions {
            if let Some(place) = shown.iter().position(|subscription| subscription.id == id) {
                subscriptions.push(shown.swap_remove(place));
                continue;
            }
            if let Some(listed) = self.listed.take(&id, fresh_after, self.ports.clock.monotonic()) {
                subscriptions.push(listed);
                continue;
            }
            let Some(subscription) = self.ports.billing.subscription(&id).await? else {
                self.names.forget_subscription(name, &id);
                self.hub.forget(&id);
                continue;
            };
            subscriptions.push(subscription);
        }
        Ok(subscriptions)
    }

    /// A look without the machines.
    pub(crate) fn look_without_world(&self, name: &Subdomain, stripe: StripeView, memory: &mut NameMemory) -> Look {
        let now = self.ports.clock.monotonic();
        let run = memory.note_run(self.ports.provisioner.look(name), now);
        let mut view = memory.view(now, *lock(&self.acting_since));
        view.lane_busy = self.ports.provisioner.lane_busy();
        view.starts_paused = *lock(&self.starts_paused_until) > now;
        let mut policy = self.settings.policy.clone();
        policy.mails = self.ports.mailer.is_enabled();
        Look { name: name.clone(), stripe, run, world: World::NotRead, answers: None, memory: view, policy }
    }

    /// Adds what Proxmox, Cloudflare and the file server show, and whether the address answers where
    /// that matters.
    pub(crate) async fn look_at_world(&self, look: &mut Look, memory: &mut NameMemory) -> Result<(), Fault> {
        let StripeView::Seen(trials) = &look.stripe else {
            return Ok(());
        };
        let settled = trials.iter().all(|trial| trial.is_ready() || trial.record.attempt.is_none());
        let known = memory.fresh_after.max(*lock(&self.acting_since));
        let fresh_after = if settled { known } else { self.ports.clock.monotonic() };
        let scene = match self.ports.inventory.look(&look.name, trials, fresh_after).await {
            Ok(scene) => scene,
            #[cfg(feature = "planted")]
            Err(_) if planted::has(Planted::FailedReadIsAbsence) => nothing(),
            Err(fault) => {
                look.world = World::Unread;
                return Err(fault);
            }
        };
        #[cfg(feature = "planted")]
        let scene = believed(scene, memory);
        let now = self.ports.clock.now();
        let assess = |answers| ownership::assess(&look.name, trials, &scene, &look.policy, answers, now);
        let run_alive = matches!(look.run, RunView::Alive { .. });
        let answers = if !run_alive && assess(Some(true)).complete.is_some() {
            Some(self.ports.inventory.answers(&look.name).await)
        } else {
            None
        };
        let estate: Estate = assess(answers);
        let monotonic = self.ports.clock.monotonic();
        memory.note_estate(&estate, monotonic);
        look.answers = answers;
        look.world = World::Seen(scene);
        self.refresh_memory(look, memory, monotonic);
        Ok(())
    }

    fn refresh_memory(&self, look: &mut Look, memory: &NameMemory, now: Monotonic) {
        let (lane_busy, starts_paused) = (look.memory.lane_busy, look.memory.starts_paused);
        look.memory = memory.view(now, *lock(&self.acting_since));
        look.memory.lane_busy = lane_busy || self.ports.provisioner.lane_busy();
        look.memory.starts_paused = starts_paused;
    }

    /// What a look calls for.
    pub(crate) fn decide(&self, look: &Look) -> tamesuke_domain::action::Action {
        let Decision { row, action } = decide_by_row(look, self.ports.clock.now());
        if let Some(count) = self.rows.get(usize::from(row)) {
            count.fetch_add(1, Ordering::Relaxed);
        }
        action
    }
}

/// What a planted fault takes for a failed read.
#[cfg(feature = "planted")]
fn nothing() -> tamesuke_domain::parts::Scene {
    use tamesuke_domain::parts::{Room, Scene};
    Scene { containers: Vec::new(), tunnels: Vec::new(), records: Vec::new(), file: None, room: Room::Yes }
}

/// A scene without what a planted fault takes for gone.
#[cfg(feature = "planted")]
fn believed(mut scene: tamesuke_domain::parts::Scene, memory: &NameMemory) -> tamesuke_domain::parts::Scene {
    use tamesuke_domain::parts::Part;
    if planted::has(Planted::RemovalBelieved) {
        let gone = |part: Part| memory.believed_gone.contains(&part);
        scene.containers.retain(|container| !gone(Part::Container(container.vmid)));
        scene.tunnels.retain(|tunnel| !gone(Part::Tunnel(tunnel.id.clone())));
        scene.records.retain(|record| !record.part().is_some_and(gone));
        scene.file = scene.file.filter(|_| !gone(Part::File));
    }
    scene
}

/// Reads the keys of every subscription; the first that does not read stops all work on the name.
pub(crate) fn read_keys(subscriptions: &[Subscription]) -> StripeView {
    let mut trials = Vec::new();
    for subscription in subscriptions {
        match Trial::read(subscription.clone()) {
            Ok(trial) => trials.push(trial),
            Err(error) => return StripeView::Malformed(subscription.id.clone(), error),
        }
    }
    StripeView::Seen(trials)
}
