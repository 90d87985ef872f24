//! The engine's one future: the first listing, then the loops, until it is told to stop.
//!
//! Nothing here is spawned and nothing sleeps but through the port `Clock`, so whoever polls this
//! future owns all that happens.

use std::future::Future;
use std::sync::atomic::Ordering;

use futures_util::stream::FuturesUnordered;
use futures_util::{FutureExt, StreamExt, pin_mut, select_biased};
use tamesuke_domain::look::RunView;
use tamesuke_domain::subdomain::Subdomain;

use crate::engine::{Engine, lock};

impl Engine {
    /// Works until `shutdown` resolves; then takes no new name, finishes what is in hand within a
    /// bound, and stops every run. A name in hand that did not finish is found again at the next start.
    pub async fn run(&self, shutdown: impl Future<Output = ()>) {
        let shutdown = shutdown.shared();
        self.running.store(true, Ordering::Release);
        let began = self.ports.clock.monotonic();
        let again_at_once = {
            let first = self.first_resync().fuse();
            let mut stop = shutdown.clone().fuse();
            pin_mut!(first);
            // Cancel-safe: a listing that is dropped half-way has only read.
            let listed = select_biased! { () = stop => None, all_asked = first => Some(!all_asked) };
            let Some(again_at_once) = listed else {
                self.running.store(false, Ordering::Release);
                return;
            };
            again_at_once
        };
        {
            // The moment of the start by Stripe's clock, which is known only now: the local one may be off
            // by anything, and events before or after the right moment would be missed or dug up.
            let (monotonic, now) = self.now();
            let listing_secs = i64::try_from(monotonic.since(began).as_secs()).unwrap_or(i64::MAX);
            let from = now.plus_secs(-listing_secs);
            let resyncs = self.resync_for_ever(again_at_once);
            let beside = futures_util::future::join3(self.poll_for_ever(from), resyncs, self.follow_runs()).fuse();
            let work = self.work(shutdown).fuse();
            pin_mut!(beside, work);
            // Cancel-safe: when the worker has drained, the loops beside it have only reads in hand.
            select_biased! { () = work => {}, _ = beside => {} }
        }
        self.ports.provisioner.stop_all().await;
        self.running.store(false, Ordering::Release);
    }

    async fn work(&self, shutdown: impl Future<Output = ()> + Clone) {
        {
            let lease = self.ports.lease.acquire().fuse();
            let stop = shutdown.clone().fuse();
            pin_mut!(lease, stop);
            let stopped = select_biased! { () = stop => true, () = lease => false };
            if stopped {
                return;
            }
        }
        let acting_since = self.ports.clock.monotonic();
        *lock(&self.acting_since) = acting_since;
        if self.removals_seen.load(Ordering::Acquire) {
            // A removal that the process before this one asked for may still arrive, and would hit
            // whoever is given the container's number meanwhile.
            let hold = std::time::Duration::from_secs(self.settings.policy.hold_secs);
            *lock(&self.starts_paused_until) = acting_since.plus(hold);
        }
        let stop = shutdown.fuse();
        pin_mut!(stop);
        let mut in_hand = FuturesUnordered::new();
        loop {
            let woken = self.queue.woken().fuse();
            while in_hand.len() < self.settings.workers
                && let Some(name) = self.queue.take(self.now())
            {
                in_hand.push(self.turn(name));
            }
            let jumped = self.ports.clock.jumped().fuse();
            let nap = self.until_next(in_hand.len()).fuse();
            pin_mut!(woken, jumped, nap);
            // Cancel-safe: passes live in `in_hand`, all else only waits.
            select_biased! {
                () = stop => break,
                () = in_hand.select_next_some() => {}
                () = woken => {}
                () = jumped => {}
                () = nap => {}
            }
        }
        let drained = async { while in_hand.next().await.is_some() {} }.fuse();
        let limit = self.nap(self.settings.drain_max).fuse();
        pin_mut!(drained, limit);
        select_biased! {
            () = drained => {}
            () = limit => tracing::warn!("work in hand was not finished in time, the next start takes it up"),
        }
    }

    async fn turn(&self, name: Subdomain) {
        let again = self.pass(&name).await;
        self.queue.done(&name, again);
        self.had_turn(&name);
    }

    /// Waits until a name is due; for ever while all hands are full.
    async fn until_next(&self, in_hand: usize) {
        match self.queue.next_in(self.now()) {
            Some(wait) if in_hand < self.settings.workers => self.nap(wait).await,
            Some(_) | None => futures_util::future::pending().await,
        }
    }

    /// Rings for each step of a run, and asks for a look when one has ended.
    async fn follow_runs(&self) {
        loop {
            let name = self.ports.provisioner.changed().await;
            self.call_to_lane();
            match self.ports.provisioner.look(&name) {
                RunView::Alive { .. } => self.hub.ring(&name),
                RunView::None | RunView::Succeeded { .. } | RunView::Failed { .. } => {
                    self.queue.add(&name);
                }
            }
        }
    }
}
