//! Everything there is, and the settings of its behaviour.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::clock::WorldClock;
use crate::cloudflare::Cloudflare;
use crate::faults::Faults;
use crate::files::Files;
use crate::lies::Lie;
use crate::log::RequestLog;
use crate::mailbox::Mailbox;
use crate::options::Credentials;
use crate::proxmox::Proxmox;
use crate::stripe::Stripe;

/// How the world behaves. Milliseconds are before scaling where `time_scale` is named.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Multiplies every duration of Proxmox, containers and connectors.
    pub(crate) time_scale: f64,
    pub(crate) clone_ms: u64,
    pub(crate) start_ms: u64,
    pub(crate) stop_ms: u64,
    pub(crate) destroy_ms: u64,
    /// From a container's start until its tunnel is connected.
    pub(crate) boot_ms: u64,
    /// How long a dead connector's connections stay listed.
    pub(crate) linger_ms: u64,
    /// How long a list shows a new guest without its name.
    pub(crate) list_lag_ms: u64,
    /// How long a refused log-in takes (Proxmox: 3 s in total), unscaled.
    pub(crate) unauthorized_ms: u64,
    /// Every answer waits that long, unscaled.
    pub(crate) latency_ms: u64,
    pub(crate) tunnels_max: usize,
    pub(crate) records_max: usize,
    /// How long Stripe's search does not find what was just made, unscaled.
    pub(crate) search_lag_ms: u64,
    /// Whether somebody has saved the customer portal's settings, without which it can't be opened.
    pub(crate) portal_configured: bool,
    /// How long Stripe's list of events lacks the newest, unscaled.
    pub(crate) events_lag_ms: u64,
    /// How long a Proxmox ticket lives, by the world's clock.
    pub(crate) ticket_secs: i64,
    /// Cloudflare blocks everything for five minutes past so many calls in five; 0 is never.
    pub(crate) cloudflare_calls_max: usize,
    /// Whether deleted tunnels are listed where nobody asks, as before December 2025.
    pub(crate) lists_deleted_tunnels: bool,
    /// The way in which the sandbox differs from what it imitates; none unless somebody checks the checks.
    pub(crate) lie: Option<Lie>,
    /// Whether answers are kept in the request log.
    pub(crate) keep_answers: bool,
    /// Waits between deliveries of a webhook, unscaled.
    pub(crate) webhook_retry_ms: Vec<u64>,
}

impl Settings {
    pub(crate) fn new(time_scale: f64) -> Self {
        Self {
            time_scale,
            clone_ms: 20_000,
            start_ms: 3_000,
            stop_ms: 3_000,
            destroy_ms: 3_000,
            boot_ms: 4_000,
            linger_ms: 60_000,
            list_lag_ms: 10_000,
            unauthorized_ms: 3_000,
            latency_ms: 0,
            tunnels_max: 1_000,
            records_max: 1_000,
            search_lag_ms: 1_000,
            portal_configured: true,
            events_lag_ms: 0,
            ticket_secs: 7_200,
            cloudflare_calls_max: 0,
            lists_deleted_tunnels: false,
            lie: None,
            keep_answers: false,
            webhook_retry_ms: vec![1_000, 5_000, 30_000],
        }
    }

    pub(crate) fn scaled(&self, ms: u64) -> i64 {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            reason = "durations of minutes are exact enough"
        )]
        let scaled = (ms as f64 * self.time_scale) as i64;
        scaled.max(1)
    }
}

/// Everything there is.
pub(crate) struct World {
    pub(crate) clock: WorldClock,
    pub(crate) faults: Faults,
    pub(crate) log: RequestLog,
    pub(crate) settings: RwLock<Settings>,
    pub(crate) credentials: Credentials,
    pub(crate) service_domain: String,
    pub(crate) stripe: Mutex<Stripe>,
    pub(crate) proxmox: Mutex<Proxmox>,
    pub(crate) cloudflare: Mutex<Cloudflare>,
    pub(crate) files: Mutex<Files>,
    pub(crate) mailbox: Mutex<Mailbox>,
    /// When it was last looked what has fallen due, and how long that took.
    pub(crate) advanced: Mutex<Option<(Instant, Duration)>>,
    /// Poked when something new may be due or deliverable.
    pub(crate) wake: Notify,
}

/// A lock that a panic elsewhere does not break.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl World {
    pub(crate) fn settings(&self) -> Settings {
        self.settings.read().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes everything happen that has fallen due. Looking for it takes at most a fifth of the time,
    /// or a world of ten thousand trials would do nothing else.
    pub(crate) fn advance(self: &Arc<Self>) {
        let rested = {
            let last = lock(&self.advanced);
            last.is_none_or(|(ended, took)| ended.elapsed() >= took * 4)
        };
        if rested {
            self.advance_at_once();
        }
    }

    /// The same whenever it was done last: the clock was moved.
    pub(crate) fn advance_at_once(self: &Arc<Self>) {
        let began = Instant::now();
        crate::proxmox::advance(self);
        crate::container::advance(self);
        crate::stripe::advance(self);
        *lock(&self.advanced) = Some((Instant::now(), began.elapsed()));
    }
}
