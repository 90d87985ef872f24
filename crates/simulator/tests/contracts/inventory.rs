//! `Inventory` over the simulated machines.

use async_trait::async_trait;
use tamesuke_domain::contract::inventory::{InventoryWorld, Outage, Planted, check};
use tamesuke_domain::ids::{RecordId, TunnelId, Vmid};
use tamesuke_domain::subdomain::Subdomain;
use tamesuke_domain::time::Monotonic;
use tamesuke_simulator::fate::Arranged;
use tamesuke_simulator::op::Op;
use tamesuke_simulator::options::MINUTE;
use tamesuke_simulator::ports::{FakeInventory, Link};
use tamesuke_simulator::world::World;
use tamesuke_simulator::world::cloudflare::Maker;
use tamesuke_simulator::world::files::File;
use tamesuke_simulator::world::proxmox::TEMPLATE;

struct Machines(Link);

fn plant_tunnel(world: &mut World, full_name: &str) -> usize {
    let now = world.stripe_now();
    world.cloudflare.make_tunnel(full_name.to_owned(), now, Maker::Other, 0)
}

fn plant_record(world: &mut World, name: &Subdomain, leads_to: Option<usize>) -> usize {
    let now = world.now;
    world.cloudflare.make_record(name.as_str(), leads_to, Maker::Other, now);
    *world.cloudflare.records.last_key_value().unwrap().0
}

#[async_trait]
impl InventoryWorld for Machines {
    fn monotonic(&self) -> Monotonic {
        self.0.world().lock().monotonic_of(self.0.pid())
    }

    async fn plant(&self, name: &Subdomain, vmid: Vmid) -> Planted {
        let mut world = self.0.world().lock();
        let (now, number) = (world.now, vmid.get());
        let tunnel = plant_tunnel(&mut world, &format!("service-{number}-{name}"));
        let record = plant_record(&mut world, name, Some(tunnel));
        world.files.files.insert(name.to_string(), File { vmid: number, tunnel, maker: Maker::Other });
        world.proxmox.make(number, name.as_str(), Maker::Other, now);
        let guest = world.proxmox.guests.get_mut(&number).unwrap();
        (guest.running, guest.connected) = (true, Some(tunnel));
        Planted {
            vmid,
            tunnel: world.cloudflare.tunnels[&tunnel].shown.id.clone(),
            record: world.cloudflare.records[&record].shown.id.clone(),
        }
    }

    async fn plant_record(&self, name: &Subdomain, kind: &str, content: &str) -> RecordId {
        let mut world = self.0.world().lock();
        let record = plant_record(&mut world, name, None);
        let shown = &mut world.cloudflare.records.get_mut(&record).unwrap().shown;
        (shown.kind, shown.content) = (kind.to_owned(), content.to_owned());
        shown.id.clone()
    }

    async fn plant_tunnel(&self, full_name: &str) -> TunnelId {
        let mut world = self.0.world().lock();
        let tunnel = plant_tunnel(&mut world, full_name);
        world.cloudflare.tunnels[&tunnel].shown.id.clone()
    }

    async fn lock(&self, vmid: Vmid, lock: Option<&str>) {
        let mut world = self.0.world().lock();
        let lock = lock.map(|lock| ["backup"].into_iter().find(|known| *known == lock).unwrap());
        world.proxmox.guests.get_mut(&vmid.get()).unwrap().lock = lock;
    }

    async fn outage(&self, outage: Option<Outage>) {
        let mut world = self.0.world().lock();
        if !world.proxmox.guests.contains_key(&TEMPLATE) {
            world.proxmox.make(TEMPLATE, "template", Maker::Other, 0);
            world.proxmox.guests.get_mut(&TEMPLATE).unwrap().template = true;
        }
        let op = match outage {
            Some(Outage::Guests) => Some(Op::ListGuests),
            Some(Outage::Tunnels) => Some(Op::ListTunnels),
            Some(Outage::Records) => Some(Op::ListRecords),
            Some(Outage::Files) => Some(Op::ReadFile),
            Some(Outage::Template) => {
                world.proxmox.guests.remove(&TEMPLATE);
                None
            }
            None => None,
        };
        world.arranged = op.map(|op| (op, Arranged::NotNow)).into_iter().collect();
    }

    async fn forget_connections(&self) {
        let mut world = self.0.world().lock();
        world.options.linger = 0;
        for tunnel in world.cloudflare.tunnels.values_mut() {
            tunnel.lingers_until = 0;
        }
    }
}

#[test]
fn the_simulated_machines_keep_the_contract_of_inventory() {
    let link = super::line();
    {
        let mut world = link.world().lock();
        (world.proxmox.first, world.proxmox.last) = (9_100, 9_199);
        world.options.linger = MINUTE;
    }
    let (inventory, world) = (FakeInventory(link.clone()), Machines(link.clone()));
    super::keeps(&link, async move { check(&inventory, &world).await });
}
