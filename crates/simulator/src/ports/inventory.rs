//! The machines as the port `Inventory` promises them: lists shared for five seconds, containers by
//! their own configuration, and everything read again just before it is removed.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tamesuke_domain::action::Repair;
use tamesuke_domain::ids::{RecordId, TunnelId, Vmid};
use tamesuke_domain::parts::{Container, DnsRecord, MetadataFile, Part, Room, Scene, Tunnel, TunnelName};
use tamesuke_domain::planted::{self, Planted};
use tamesuke_domain::ports::{Fault, Inventory, Listing, Removal};
use tamesuke_domain::subdomain::Subdomain;
use tamesuke_domain::time::Monotonic;
use tamesuke_domain::trial::Trial;

use super::Link;
use crate::fate::Fate;
use crate::invariants;
use crate::op::Op;
use crate::world::World;
use crate::world::cloudflare::{Maker, record_index, tunnel_index};
use crate::world::files::File;
use crate::world::process::{Lately, Process};
use crate::world::proxmox::{TEMPLATE, vmid};
use crate::world::stripe::sub_index;

/// How old a shared reading may be.
const AGE_MAX: Duration = Duration::from_secs(5);
/// Most tunnels of the account.
const TUNNELS_MAX: usize = 1_000;

/// The port `Inventory`.
pub struct FakeInventory(pub Link);

/// What of a process keeps one of its lists.
type Place<T> = fn(&mut Process) -> &mut Lately<T>;

impl FakeInventory {
    async fn list_of<T: Clone + Send + Sync + 'static>(
        &self,
        op: Op,
        fresh_after: Monotonic,
        place: Place<T>,
        read: fn(&World) -> Result<Vec<T>, Fault>,
    ) -> Result<(Monotonic, Arc<Vec<T>>), Fault> {
        let pid = self.0.pid();
        let now = {
            let mut world = self.0.world().lock();
            let now = world.monotonic_of(pid);
            let last = world.processes.get_mut(&pid).and_then(|process| place(process).clone());
            if let Some((began, value)) = last
                && began >= fresh_after
                && now.since(began) < AGE_MAX
            {
                return Ok((began, value));
            }
            now
        };
        let value = Arc::new(self.0.call(op, move |world, _| read(world)).await?);
        let mut world = self.0.world().lock();
        if let Some(process) = world.processes.get_mut(&pid) {
            *place(process) = Some((now, Arc::clone(&value)));
        }
        Ok((now, value))
    }

    async fn tunnels(&self, fresh_after: Monotonic) -> Result<(Monotonic, Arc<Vec<Tunnel>>), Fault> {
        let read = |world: &World| Ok(world.listed_tunnels());
        self.list_of(Op::ListTunnels, fresh_after, |process| &mut process.tunnels, read).await
    }

    async fn guests(&self, fresh_after: Monotonic) -> Result<(Monotonic, Arc<Vec<(Vmid, Option<String>)>>), Fault> {
        let read = |world: &World| {
            let guests = world.listed_guests();
            // As after a lost permission: what a list does not show may be there all the same.
            let whole = guests.iter().any(|(id, _)| id.get() == TEMPLATE);
            if whole { Ok(guests) } else { Err(Op::ListGuests.retryable("the list lacks the template")) }
        };
        self.list_of(Op::ListGuests, fresh_after, |process| &mut process.guests, read).await
    }

    async fn records(&self, fresh_after: Monotonic) -> Result<(Monotonic, Arc<Vec<(String, DnsRecord)>>), Fault> {
        let read = |world: &World| Ok(world.listed_records());
        self.list_of(Op::ListRecords, fresh_after, |process| &mut process.records, read).await
    }

    async fn container(&self, id: Vmid) -> Result<Option<Container>, Fault> {
        self.0.call(Op::ReadContainer, move |world, _| Ok(world.proxmox.container(id))).await
    }

    /// Notes how old what a look at a name shows is.
    fn looked(&self, name: &Subdomain, began: Monotonic) {
        if let Some(process) = self.0.world().lock().processes.get_mut(&self.0.pid()) {
            let began = process.born + u64::try_from(began.since_start().as_millis()).unwrap_or(u64::MAX);
            process.looked.insert(name.clone(), began);
        }
    }

    fn in_range(&self, id: Vmid) -> bool {
        self.0.world().lock().proxmox.range().is_some_and(|range| range.contains(id))
    }

    fn free_numbers(&self, guests: &[(Vmid, Option<String>)]) -> u32 {
        let size = self.0.world().lock().proxmox.range().map_or(0, |range| range.size());
        let used = guests.iter().filter(|(id, _)| self.in_range(*id)).count();
        size.saturating_sub(u32::try_from(used).unwrap_or(u32::MAX))
    }

    async fn room(&self, trials: &[Trial], guests: &[(Vmid, Option<String>)]) -> Result<Room, Fault> {
        if !trials.iter().any(|trial| !trial.is_ready() && !trial.is_canceled()) {
            return Ok(Room::No("nothing waits for it".to_owned()));
        }
        if self.free_numbers(guests) == 0 {
            return Ok(Room::No("no container number is free".to_owned()));
        }
        let Some(template) = vmid(TEMPLATE) else {
            return Ok(Room::No("no template".to_owned()));
        };
        Ok(match self.container(template).await?.and_then(|container| container.lock) {
            Some(lock) => Room::No(format!("the template is locked ({lock})")),
            None => Room::Yes,
        })
    }

    async fn remove_container(&self, name: &Subdomain, id: Vmid) -> Result<Removal, Fault> {
        let Some(container) = self.container(id).await? else {
            return Ok(Removal::Asked);
        };
        // A fault in the real adapter's place: a recorded number is taken for an identity.
        let named = container.hostname == name.as_str() || planted::has(Planted::OwnedByNumber);
        if container.template || !named || !self.in_range(id) {
            return Ok(Removal::NotOurs);
        }
        if container.lock.is_some() {
            return Ok(Removal::NotYet);
        }
        let op = if container.running { Op::StopContainer } else { Op::DeleteContainer };
        let asked = self.0.call(op, move |world, fate| {
            if fate == Fate::Hollow {
                return Ok(Removal::Asked);
            }
            if op == Op::StopContainer { stop(world, id) } else { delete_container(world, id) }
        });
        asked.await
    }

    async fn remove_record(&self, name: &Subdomain, (id, tunnel): (&RecordId, &TunnelId)) -> Result<Removal, Fault> {
        let (index, label, tunnel) = (record_index(id), name.to_string(), tunnel.clone());
        let read = self.0.call(Op::ReadRecord, move |world, _| {
            let record = index.and_then(|index| world.cloudflare.records.get(&index));
            Ok(record.map(|record| record.label == label && record.shown.points_at(&tunnel)))
        });
        match read.await? {
            None => return Ok(Removal::Asked),
            Some(false) => return Ok(Removal::NotOurs),
            Some(true) => {}
        }
        let deleted = self.0.call(Op::DeleteRecord, move |world, fate| {
            if let (Some(index), true) = (index, fate != Fate::Hollow) {
                invariants::removing_record(world, index, "the engine");
                world.cloudflare.delete_record(index, world.now);
            }
            Ok(Removal::Asked)
        });
        deleted.await
    }

    async fn remove_tunnel(&self, id: &TunnelId) -> Result<Removal, Fault> {
        let index = tunnel_index(id);
        let read = self.0.call(Op::ReadTunnel, move |world, _| {
            Ok(index.is_some_and(|index| world.cloudflare.tunnels.contains_key(&index)))
        });
        if !read.await? {
            return Ok(Removal::Asked);
        }
        let deleted = self.0.call(Op::DeleteTunnel, move |world, fate| {
            let Some(index) = index.filter(|_| fate != Fate::Hollow) else {
                return Ok(Removal::Asked);
            };
            if world.is_connected(index) {
                return Ok(Removal::NotYet);
            }
            invariants::removing_tunnel(world, index, "the engine");
            world.cloudflare.delete_tunnel(index, world.now);
            Ok(Removal::Asked)
        });
        deleted.await
    }
}

fn stop(world: &mut World, id: Vmid) -> Result<Removal, Fault> {
    let op = Op::StopContainer;
    match world.proxmox.guests.get(&id.get()) {
        None => Err(op.refused("it does not exist")),
        Some(guest) if guest.lock.is_some() => Err(op.refused("CT is locked")),
        Some(guest) if !guest.running => Err(op.refused("CT not running")),
        Some(_) => {
            invariants::stopping(world, id.get());
            world.stop_guest(id.get());
            Ok(Removal::Asked)
        }
    }
}

/// Without `force` and `purge`: a running or locked one is not destroyed.
fn delete_container(world: &mut World, id: Vmid) -> Result<Removal, Fault> {
    let op = Op::DeleteContainer;
    match world.proxmox.guests.get(&id.get()) {
        None => Err(op.refused("it does not exist")),
        Some(guest) if guest.lock.is_some() => Err(op.refused("CT is locked")),
        Some(guest) if guest.running => Err(op.refused("container is running")),
        Some(_) => {
            invariants::removing_container(world, id.get());
            world.proxmox.guests.remove(&id.get());
            Ok(Removal::Asked)
        }
    }
}

#[async_trait]
impl Inventory for FakeInventory {
    async fn look(&self, name: &Subdomain, trials: &[Trial], fresh_after: Monotonic) -> Result<Scene, Fault> {
        // The tunnels first, as the real adapter does.
        let (tunnels_at, tunnels) = self.tunnels(fresh_after).await?;
        let (_, guests) = self.guests(fresh_after).await?;
        let (records_at, records) = self.records(fresh_after).await?;
        self.looked(name, tunnels_at.min(records_at));
        let recorded = |id: &TunnelId| {
            trials.iter().filter_map(|trial| trial.record.recorded.as_ref()).any(|recorded| recorded.tunnel == *id)
        };
        let named = |tunnel: &Tunnel| TunnelName::parse(&tunnel.name).filter(|parsed| parsed.subdomain == *name);
        let mut numbers: BTreeSet<Vmid> = tunnels.iter().filter_map(named).map(|parsed| parsed.vmid).collect();
        numbers.extend(trials.iter().filter_map(|trial| trial.record.recorded.as_ref()).map(|recorded| recorded.vmid));
        numbers.extend(guests.iter().filter(|(_, shown)| shown.as_deref() == Some(name.as_str())).map(|(id, _)| *id));
        let mut containers = Vec::new();
        for id in numbers.into_iter().filter(|id| self.in_range(*id)) {
            containers.extend(self.container(id).await?);
        }
        let label = name.to_string();
        let file = self.0.call(Op::ReadFile, move |world, _| {
            Ok(world.files.files.get(&label).map(|file| MetadataFile { vmid: vmid(file.vmid) }))
        });
        Ok(Scene {
            containers,
            tunnels: tunnels.iter().filter(|t| named(t).is_some() || recorded(&t.id)).cloned().collect(),
            records: records
                .iter()
                .filter(|(label, _)| label == name.as_str())
                .map(|(_, shown)| shown.clone())
                .collect(),
            file: file.await?,
            room: self.room(trials, &guests).await?,
        })
    }

    async fn list(&self, fresh_after: Monotonic) -> Result<Listing, Fault> {
        let (_, tunnels) = self.tunnels(fresh_after).await?;
        let (_, guests) = self.guests(fresh_after).await?;
        let (_, records) = self.records(fresh_after).await?;
        let spare = u32::try_from(TUNNELS_MAX.saturating_sub(tunnels.len())).unwrap_or(0);
        Ok(Listing {
            free: self.free_numbers(&guests).min(spare),
            guests: guests.iter().filter(|(id, _)| self.in_range(*id)).cloned().collect(),
            tunnels: tunnels.as_ref().clone(),
            labels: records.iter().filter_map(|(label, _)| label.parse().ok()).collect(),
        })
    }

    async fn answers(&self, name: &Subdomain) -> bool {
        let label = name.to_string();
        // No answer is no.
        self.0.call(Op::Probe, move |world, _| Ok(world.answers(&label))).await.unwrap_or(false)
    }

    async fn remove(&self, name: &Subdomain, part: &Part) -> Result<Removal, Fault> {
        match part {
            Part::Record(id, tunnel) => self.remove_record(name, (id, tunnel)).await,
            Part::File => {
                let label = name.to_string();
                let deleted = self.0.call(Op::DeleteFile, move |world, fate| {
                    if fate != Fate::Hollow {
                        invariants::removing_file(world, &label);
                        world.files.files.remove(&label);
                    }
                    Ok(Removal::Asked)
                });
                deleted.await
            }
            Part::Container(id) => self.remove_container(name, *id).await,
            Part::Tunnel(id) => self.remove_tunnel(id).await,
        }
    }

    async fn repair(&self, trial: &Trial, repair: &Repair) -> Result<(), Fault> {
        let label = trial.record.subdomain.to_string();
        let maker = sub_index(trial.id()).map_or(Maker::Other, Maker::Trial);
        match repair {
            Repair::Record(tunnel) => {
                let index = tunnel_index(tunnel);
                let created = self.0.call(Op::CreateRecord, move |world, _| {
                    if !world.cloudflare.records_of(&label).is_empty() {
                        return Err(Op::CreateRecord.refused("a record with that host already exists"));
                    }
                    world.cloudflare.make_record(&label, index, maker, world.now);
                    if let Some(index) = index {
                        invariants::leading(world, &label, index, maker);
                    }
                    Ok(())
                });
                created.await
            }
            Repair::File(id, tunnel) => {
                let (number, index) = (id.get(), tunnel_index(tunnel));
                let written = self.0.call(Op::WriteFile, move |world, _| {
                    let tunnel = index.ok_or_else(|| Op::WriteFile.refused("no such tunnel"))?;
                    invariants::overwriting_file(world, &label, maker);
                    world.files.files.insert(label, File { vmid: number, tunnel, maker });
                    Ok(())
                });
                written.await
            }
            Repair::Start(id) => {
                let number = id.get();
                let started = self.0.call(Op::StartContainer, move |world, _| {
                    invariants::foreign::starting(world, number);
                    world.start_guest(number).map_err(|why| Op::StartContainer.refused(why))
                });
                started.await
            }
        }
    }

    fn url(&self, name: &Subdomain, _tunnel: &TunnelId) -> String {
        format!("https://{}", name.under("persys.jp"))
    }
}
