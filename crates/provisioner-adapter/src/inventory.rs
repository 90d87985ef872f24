//! The port `Inventory`: the machines as they are, and the removal of one part by what it truly is.

mod remove;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tamesuke_domain::action::Repair;
use tamesuke_domain::ids::{TunnelId, Vmid};
use tamesuke_domain::parts::{Container, Part, Room, Scene, Tunnel, TunnelName, VmidRange};
use tamesuke_domain::ports::{Clock, Fault, Inventory, Listing, Removal, System};
use tamesuke_domain::subdomain::Subdomain;
use tamesuke_domain::time::Monotonic;
use tamesuke_domain::trial::Trial;

use crate::cloudflare::{Cloudflare, NamedRecord};
use crate::file_server::FileServer;
use crate::http::Errand;
use crate::proxmox::{ListedGuest, Proxmox};
use crate::snapshot::Snapshot;

/// What of the network is the trials'.
#[derive(Debug, Clone)]
pub struct Network {
    /// The domain that trials stand under.
    pub service_domain: String,
    /// A trial's address as our probe asks for it; holds the literal `{subdomain}`.
    pub trial_url: String,
    /// The container numbers of trials.
    pub vmids: VmidRange,
    /// The templates of what is sold: a list without them is a failed read.
    pub templates: BTreeMap<String, Vmid>,
    /// Most tunnels of the account.
    pub tunnels_max: u32,
    /// How long the probe waits.
    pub probe_timeout: Duration,
}

/// The port `Inventory` over Proxmox, Cloudflare and the file server.
pub struct Machines {
    pub(crate) proxmox: Proxmox,
    pub(crate) cloudflare: Cloudflare,
    pub(crate) files: FileServer,
    pub(crate) network: Network,
    pub(crate) clock: Arc<dyn Clock>,
    probe: reqwest::Client,
    guests: Snapshot<Vec<ListedGuest>>,
    tunnels: Snapshot<Vec<Tunnel>>,
    records: Snapshot<Vec<NamedRecord>>,
}

impl Machines {
    /// The machines behind those clients; `probe` follows no redirects and resolves `*.localhost`.
    pub fn new(
        (proxmox, cloudflare, files): (Proxmox, Cloudflare, FileServer),
        network: Network,
        probe: reqwest::Client,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self {
            proxmox,
            cloudflare,
            files,
            network,
            clock,
            probe,
            guests: Snapshot::new(),
            tunnels: Snapshot::new(),
            records: Snapshot::new(),
        }
    }

    /// Proxmox, for a check of the set-up.
    pub fn proxmox(&self) -> &Proxmox {
        &self.proxmox
    }

    /// Cloudflare, for a check of the set-up.
    pub fn cloudflare(&self) -> &Cloudflare {
        &self.cloudflare
    }

    /// The file server, for a check of the set-up.
    pub fn files(&self) -> &FileServer {
        &self.files
    }

    pub(crate) async fn listed_guests(&self, fresh_after: Monotonic) -> Result<Arc<Vec<ListedGuest>>, Fault> {
        let read = async {
            let guests = self.proxmox.guests().await?;
            let lacking = self.network.templates.values().find(|vmid| !guests.iter().any(|g| g.vmid == **vmid));
            match lacking {
                None => Ok(guests),
                Some(vmid) => {
                    let errand = Errand { system: System::Proxmox, operation: "list guests", writes: false };
                    Err(errand.retryable(None, format!("the list lacks template {vmid}; may the user see it?")))
                }
            }
        };
        self.guests.get(self.clock.as_ref(), fresh_after, read).await
    }

    pub(crate) async fn listed_tunnels(&self, fresh_after: Monotonic) -> Result<Arc<Vec<Tunnel>>, Fault> {
        self.tunnels.get(self.clock.as_ref(), fresh_after, self.cloudflare.tunnels()).await
    }

    async fn listed_records(&self, fresh_after: Monotonic) -> Result<Arc<Vec<NamedRecord>>, Fault> {
        self.records.get(self.clock.as_ref(), fresh_after, self.cloudflare.records()).await
    }

    pub(crate) fn node_of<'a>(&'a self, guests: &'a [ListedGuest], vmid: Vmid) -> &'a str {
        let listed = guests.iter().find(|guest| guest.vmid == vmid).map(|guest| guest.node.as_str());
        listed.filter(|node| !node.is_empty()).unwrap_or_else(|| self.proxmox.node())
    }

    /// The containers that may be the name's, each read by its own configuration.
    async fn containers(
        &self,
        name: &Subdomain,
        trials: &[Trial],
        guests: &[ListedGuest],
        tunnels: &[Tunnel],
    ) -> Result<Vec<Container>, Fault> {
        let mut numbers: BTreeSet<Vmid> = tunnels
            .iter()
            .filter_map(|tunnel| TunnelName::parse(&tunnel.name))
            .filter(|parsed| parsed.subdomain == *name)
            .map(|parsed| parsed.vmid)
            .collect();
        numbers.extend(trials.iter().filter_map(|trial| trial.record.recorded.as_ref()).map(|recorded| recorded.vmid));
        numbers
            .extend(guests.iter().filter(|guest| guest.name.as_deref() == Some(name.as_str())).map(|guest| guest.vmid));
        let mut containers = Vec::new();
        for vmid in numbers.into_iter().filter(|vmid| self.network.vmids.contains(*vmid)) {
            if let Some(container) = self.proxmox.container(self.node_of(guests, vmid), vmid).await? {
                containers.push(container);
            }
        }
        Ok(containers)
    }

    /// Whether a run could start: a free number, a tunnel to spare, the template there and not locked.
    async fn room(&self, trials: &[Trial], guests: &[ListedGuest], tunnels: &[Tunnel]) -> Result<Room, Fault> {
        let Some(waiting) = trials.iter().find(|trial| !trial.is_ready() && !trial.is_canceled()) else {
            return Ok(Room::No("nothing waits for it".to_owned()));
        };
        if self.free_numbers(guests) == 0 {
            return Ok(Room::No("no container number is free".to_owned()));
        }
        if u32::try_from(tunnels.len()).unwrap_or(u32::MAX) >= self.network.tunnels_max {
            return Ok(Room::No("the account has as many tunnels as it may".to_owned()));
        }
        let Some(template) = self.network.templates.get(waiting.record.application.as_str()) else {
            return Ok(Room::No(format!("{} has no template", waiting.record.application)));
        };
        let seen = self.proxmox.container(self.node_of(guests, *template), *template).await?;
        Ok(match seen {
            None => Room::No(format!("template {template} does not exist")),
            Some(container) => match container.lock {
                Some(lock) => Room::No(format!("template {template} is locked ({lock})")),
                None => Room::Yes,
            },
        })
    }

    fn free_numbers(&self, guests: &[ListedGuest]) -> u32 {
        let used = guests.iter().filter(|guest| self.network.vmids.contains(guest.vmid)).count();
        self.network.vmids.size().saturating_sub(u32::try_from(used).unwrap_or(u32::MAX))
    }
}

#[async_trait]
impl Inventory for Machines {
    async fn look(&self, name: &Subdomain, trials: &[Trial], fresh_after: Monotonic) -> Result<Scene, Fault> {
        // The tunnels first: what is read after them can only be newer than its birth certificate.
        let tunnels = self.listed_tunnels(fresh_after).await?;
        let guests = self.listed_guests(fresh_after).await?;
        let records = self.listed_records(fresh_after).await?;
        let full_name = name.under(&self.network.service_domain);
        let recorded = |id: &TunnelId| {
            trials.iter().filter_map(|trial| trial.record.recorded.as_ref()).any(|recorded| recorded.tunnel == *id)
        };
        let of_name = |tunnel: &&Tunnel| {
            TunnelName::parse(&tunnel.name).is_some_and(|parsed| parsed.subdomain == *name) || recorded(&tunnel.id)
        };
        Ok(Scene {
            containers: self.containers(name, trials, &guests, &tunnels).await?,
            tunnels: tunnels.iter().filter(of_name).cloned().collect(),
            records: records.iter().filter(|named| named.name == full_name).map(|named| named.record.clone()).collect(),
            file: self.files.read(name).await?,
            room: self.room(trials, &guests, &tunnels).await?,
        })
    }

    async fn list(&self, fresh_after: Monotonic) -> Result<Listing, Fault> {
        let tunnels = self.listed_tunnels(fresh_after).await?;
        let guests = self.listed_guests(fresh_after).await?;
        let records = self.listed_records(fresh_after).await?;
        let suffix = format!(".{}", self.network.service_domain);
        let labels = records.iter().filter_map(|named| named.name.strip_suffix(&suffix)?.parse().ok()).collect();
        let spare_tunnels = self.network.tunnels_max.saturating_sub(u32::try_from(tunnels.len()).unwrap_or(u32::MAX));
        Ok(Listing {
            guests: guests
                .iter()
                .filter(|guest| self.network.vmids.contains(guest.vmid))
                .map(|guest| (guest.vmid, guest.name.clone()))
                .collect(),
            tunnels: tunnels.as_ref().clone(),
            labels,
            free: self.free_numbers(&guests).min(spare_tunnels),
        })
    }

    async fn answers(&self, name: &Subdomain) -> bool {
        let url = self.network.trial_url.replace("{subdomain}", name.as_str());
        match self.probe.get(url).timeout(self.network.probe_timeout).send().await {
            Ok(answer) => answer.status().is_success() || answer.status().is_redirection(),
            Err(error) => {
                tracing::debug!(subdomain = %name, error = %error.without_url(), "{name} does not answer yet");
                false
            }
        }
    }

    async fn remove(&self, name: &Subdomain, part: &Part) -> Result<Removal, Fault> {
        self.remove_part(name, part).await
    }

    async fn repair(&self, trial: &Trial, repair: &Repair) -> Result<(), Fault> {
        self.put_back(trial, repair).await
    }

    fn url(&self, name: &Subdomain, _tunnel: &TunnelId) -> String {
        format!("https://{}", name.under(&self.network.service_domain))
    }
}
