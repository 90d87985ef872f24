//! Proxmox, Cloudflare and the file server, seen and cleaned directly.

use std::collections::BTreeSet;

use async_trait::async_trait;

use super::Fault;
use crate::action::Repair;
use crate::ids::{TunnelId, Vmid};
use crate::parts::{Part, Scene, Tunnel};
use crate::subdomain::Subdomain;
use crate::time::Monotonic;
use crate::trial::Trial;

/// Everything outside Stripe that may have to do with trials, for the index of names and the sweeper.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// Guests within the range, with the name a list shows for them, which may lag.
    pub guests: Vec<(Vmid, Option<String>)>,
    /// All tunnels that are not deleted.
    pub tunnels: Vec<Tunnel>,
    /// The first labels of all DNS records of the zone that stand one label below the service domain.
    pub labels: BTreeSet<Subdomain>,
    /// How many more trials fit: free container numbers, and tunnels up to the account's limit.
    pub free: u32,
}

/// What came of removing a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Removal {
    /// Done, or it was absent. Looked at again all the same.
    Asked,
    /// What was read just before shows that it is not what it was taken for: nothing was done.
    NotOurs,
    /// It can't be removed just yet, such as a tunnel whose connections linger.
    NotYet,
}

/// Shows and removes what trials are made of.
///
/// Implementers MUST treat a list without the templates as a failed read, MUST read a container's
/// configuration again just before deleting it and leave it alone where that has another name, MUST
/// delete without `force` and `purge`, and MUST NOT take a failed read for an absence.
#[async_trait]
pub trait Inventory: Send + Sync {
    /// Everything of one name. The reads began at or after `fresh_after`, or are under 5 s old and
    /// began after it; `trials` say which recorded parts to look for.
    async fn look(&self, name: &Subdomain, trials: &[Trial], fresh_after: Monotonic) -> Result<Scene, Fault>;

    /// Everything at all, no older than `fresh_after`.
    async fn list(&self, fresh_after: Monotonic) -> Result<Listing, Fault>;

    /// Whether the trial's address gives a 2xx or 3xx, redirects not followed. No answer is `false`.
    async fn answers(&self, name: &Subdomain) -> bool;

    /// Removes one part by its identity; a running container is stopped first.
    async fn remove(&self, name: &Subdomain, part: &Part) -> Result<Removal, Fault>;

    /// Puts a part of a ready trial back.
    async fn repair(&self, trial: &Trial, repair: &Repair) -> Result<(), Fault>;

    /// The address that is recorded and shown for a trial in that tunnel (the script's
    /// `https://{name}.{domain}`).
    fn url(&self, name: &Subdomain, tunnel: &TunnelId) -> String;
}
