//! Removes and puts back one part. Each is read again just before, and looked at again afterwards.

use secrecy::ExposeSecret;
use serde_json::json;
use tamesuke_domain::action::Repair;
use tamesuke_domain::ids::{TunnelId, Vmid};
use tamesuke_domain::parts::Part;
use tamesuke_domain::ports::{Fault, Removal};
use tamesuke_domain::subdomain::Subdomain;
use tamesuke_domain::trial::Trial;

use super::Machines;

impl Machines {
    pub(super) async fn remove_part(&self, name: &Subdomain, part: &Part) -> Result<Removal, Fault> {
        match part {
            Part::Record(id, tunnel) => {
                let full_name = name.under(&self.network.service_domain);
                match self.cloudflare.record(id).await? {
                    None => Ok(Removal::Asked),
                    // It keeps its id when somebody points it at a host or a tunnel of his own.
                    Some(named) if named.name != full_name || !named.record.points_at(tunnel) => Ok(Removal::NotOurs),
                    Some(_) => self.cloudflare.delete_record(id).await.map(|()| Removal::Asked),
                }
            }
            Part::File => self.files.delete(name).await.map(|()| Removal::Asked),
            Part::Container(vmid) => self.remove_container(name, *vmid).await,
            Part::Tunnel(id) => self.remove_tunnel(id).await,
        }
    }

    /// A VMID is no identity: the configuration, read again just now, must still have the name. What
    /// tunnels say of the number is no reason to stop: an old one of somebody else's may name it, too,
    /// and would keep our container for ever. A running one is stopped; the next look deletes it.
    async fn remove_container(&self, name: &Subdomain, vmid: Vmid) -> Result<Removal, Fault> {
        let guests = self.listed_guests(self.clock.monotonic()).await?;
        let node = self.node_of(&guests, vmid);
        let Some(container) = self.proxmox.container(node, vmid).await? else {
            return Ok(Removal::Asked);
        };
        if container.template || container.hostname != name.as_str() || !self.network.vmids.contains(vmid) {
            return Ok(Removal::NotOurs);
        }
        if container.lock.is_some() {
            return Ok(Removal::NotYet);
        }
        let asked =
            if container.running { self.proxmox.stop(node, vmid).await } else { self.proxmox.delete(node, vmid).await };
        asked.map(|()| Removal::Asked)
    }

    async fn remove_tunnel(&self, id: &TunnelId) -> Result<Removal, Fault> {
        if self.cloudflare.tunnel(id).await?.is_none() {
            return Ok(Removal::Asked);
        }
        let gone = self.cloudflare.delete_tunnel(id).await?;
        Ok(if gone { Removal::Asked } else { Removal::NotYet })
    }

    pub(super) async fn put_back(&self, trial: &Trial, repair: &Repair) -> Result<(), Fault> {
        let name = &trial.record.subdomain;
        match repair {
            Repair::Record(tunnel) => {
                self.cloudflare.create_record(&name.under(&self.network.service_domain), tunnel).await
            }
            Repair::File(vmid, tunnel) => {
                let token = self.cloudflare.token(tunnel).await?;
                let content = json!({
                    "vmid": vmid.get(),
                    "hostname": name.as_str(),
                    "subdomain": name.as_str(),
                    "customer_email": trial.subscription.customer.email.as_ref().map_or("", |email| email.expose()),
                    "oss_type": trial.record.application.as_str(),
                    "url": format!("https://{}", name.under(&self.network.service_domain)),
                    "tunnel_token": token.expose_secret(),
                    "created_at": created_at(trial),
                });
                self.files.write(name, &content).await
            }
            Repair::Start(vmid) => {
                let guests = self.listed_guests(self.clock.monotonic()).await?;
                self.proxmox.start(self.node_of(&guests, *vmid), *vmid).await
            }
        }
    }
}

/// When the trial's last run began, as the script writes such a time.
fn created_at(trial: &Trial) -> String {
    let secs = trial.record.attempt.map_or(trial.subscription.created, |attempt| attempt.last).as_unix();
    jiff::Timestamp::from_second(secs).map_or_else(|_| String::new(), |at| format!("{at:.6}"))
}
