//! One pass over a name: look, decide, do that one thing, look again.

use std::time::Duration;

use tamesuke_domain::action::{Action, Unread};
use tamesuke_domain::look::{Look, RunView, StripeView};
use tamesuke_domain::ownership;
use tamesuke_domain::subdomain::Subdomain;
use tamesuke_domain::time::Monotonic;
use tamesuke_domain::trial::{Subscription, Trial};

use crate::act::{After, Work};
use crate::backoff;
use crate::engine::Engine;
use crate::memory::NameMemory;
use crate::queue::Again;

/// Most actions of one pass; a name that needs more takes its turn again.
const ACTIONS_MAX: usize = 40;
/// How often a name is looked at while nothing about it is pressing, whatever is heard of it meanwhile.
const PATIENT_LOOK_EVERY: Duration = Duration::from_secs(120);

impl Engine {
    /// Works on a name until nothing more is to be done now; gives when to look again.
    pub async fn pass(&self, name: &Subdomain) -> Again {
        let mut memory = self.take_memory(name);
        let again = self.pass_with(name, &mut memory).await;
        self.keep_memory(name, memory);
        self.hub.ring(name);
        again
    }

    async fn pass_with(&self, name: &Subdomain, memory: &mut NameMemory) -> Again {
        if let Some(at) = self.nothing_presses(name, memory) {
            if !self.is_alive(name) {
                self.wait_on(name, memory);
            }
            // What a listing showed before the next look may be older than what was heard just now.
            for id in self.names.known(name).subscriptions {
                self.listed.forget(&id);
            }
            return self.sooner(Again { at: Some(at), when: None }, memory);
        }
        let began = self.ports.clock.monotonic();
        let mut subscriptions = match self.read_stripe(name, memory).await {
            Ok(subscriptions) => subscriptions,
            Err(fault) => {
                let action = self.decide(&self.look_without_world(name, StripeView::Unread, memory));
                tracing::warn!(subdomain = %name, error = %fault.chain(), "stripe was not read for {name}: {action}");
                return self.back_off(memory, fault.retry_after());
            }
        };
        memory.stripe_read = began;
        for _ in 0..ACTIONS_MAX {
            let mut look = self.look_without_world(name, crate::observe::read_keys(&subscriptions), memory);
            let mut action = self.decide(&look);
            if action == Action::Backoff(Unread::World) {
                if let Err(fault) = self.look_at_world(&mut look, memory).await {
                    tracing::warn!(subdomain = %name, error = %fault.chain(), "the machines were not read for {name}");
                    self.show(&look, memory);
                    return self.back_off(memory, fault.retry_after());
                }
                action = self.decide(&look);
            }
            memory.unread = 0;
            memory.alert_stands = matches!(action, Action::Alert(..));
            self.show(&look, memory);
            self.index(&look, &action);
            match self.act(name, &action, &look, &mut subscriptions, memory).await {
                After::LookAgain => {}
                After::Later(again) => return self.sooner(again, memory),
            }
        }
        tracing::warn!(subdomain = %name, "{name} took {ACTIONS_MAX} actions in one pass");
        Again::NOW
    }

    /// When to look again at a name that was looked at a moment ago and whose run goes on, or that waits
    /// for others to be through with the lane. Stripe tells of a purchase several times over, mostly at
    /// that time, and nothing that could be done about such a name is pressing; each look would cost a
    /// read. The run's end asks for a look, and so does the lane's.
    fn nothing_presses(&self, name: &Subdomain, memory: &NameMemory) -> Option<Monotonic> {
        let alive = self.is_alive(name);
        let waits = memory.ticket.is_some() && self.lane_taken() && !memory.has_failed();
        let next = memory.stripe_read.plus(PATIENT_LOOK_EVERY);
        let read_before = memory.stripe_read != Monotonic::default();
        ((alive || waits) && read_before && self.ports.clock.monotonic() < next).then_some(next)
    }

    fn is_alive(&self, name: &Subdomain) -> bool {
        matches!(self.ports.provisioner.look(name), RunView::Alive { .. })
    }

    fn back_off(&self, memory: &mut NameMemory, asked: Option<Duration>) -> Again {
        memory.unread = memory.unread.saturating_add(1);
        let wait = backoff::wait(memory.unread, self.settings.backoff_max, self.ports.entropy.as_ref());
        let wait = wait.max(asked.unwrap_or_default());
        Again { at: Some(self.ports.clock.monotonic().plus(wait)), when: None }
    }

    /// The given moment, or sooner if something of the name's memory can go on before it.
    fn sooner(&self, again: Again, memory: &NameMemory) -> Again {
        let next = memory.next(self.ports.clock.monotonic());
        let at = match (again.at, next) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        Again { at, when: again.when }
    }

    /// Shows watchers what was seen.
    fn show(&self, look: &Look, memory: &NameMemory) {
        let StripeView::Seen(trials) = &look.stripe else {
            return;
        };
        let mut changed = false;
        // Of what is not paid only those are kept that somebody asked for.
        for trial in trials.iter().filter(|trial| trial.is_paid() || self.hub.of(trial.id()).is_some()) {
            changed |= self.hub.publish(trial.id(), self.progress_of(trial, memory.alert_stands));
        }
        if changed {
            self.hub.ring(&look.name);
        }
    }

    /// Shows watchers what a write's answer showed, where no look follows at once.
    pub(crate) fn show_written(&self, work: &Work<'_>) {
        let stripe = crate::observe::read_keys(work.subscriptions);
        self.show(&Look { stripe, ..work.look.clone() }, work.memory);
    }

    /// Keeps the index of names by what was seen.
    fn index(&self, look: &Look, action: &Action) {
        let StripeView::Seen(trials) = &look.stripe else {
            return;
        };
        let now = self.ports.clock.now();
        if ownership::owner(trials, now).is_some() {
            self.names.hold(&look.name, true);
        } else if let Action::Rest { free: true, .. } = action {
            let over: Vec<_> = trials.iter().filter(|trial| trial.is_over()).map(|trial| trial.id().clone()).collect();
            self.names.release(&look.name, &over);
            for id in &over {
                self.hub.forget(id);
            }
        } else if trials.iter().any(Trial::is_paid) {
            self.names.hold(&look.name, false);
        }
    }
}

/// Replaces the subscription in a view by what a write's answer shows.
pub(crate) fn replace(subscriptions: &mut [Subscription], seen: Subscription) {
    if let Some(old) = subscriptions.iter_mut().find(|old| old.id == seen.id) {
        *old = seen;
    }
}

/// The moment after a wait.
pub(crate) fn after(now: Monotonic, wait: Duration) -> Again {
    Again { at: Some(now.plus(wait)), when: None }
}
