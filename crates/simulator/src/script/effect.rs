//! What each step of the script does to the world.

use super::Run;
use crate::fate::Kind;
use crate::invariants;
use crate::world::World;
use crate::world::cloudflare::Maker;
use crate::world::files::File;
use crate::world::proxmox::TEMPLATE;

/// What a step does; gives how long the script then waits for it.
pub(super) fn effect(world: &mut World, run: usize, step: u8) -> Result<u64, &'static str> {
    let this = world.runs.runs.get(run).ok_or("no such run")?.clone();
    let label = this.name.to_string();
    match step {
        1 => {
            let free = world.proxmox.free().ok_or("no free VMID")?;
            if let Some(run) = world.runs.runs.get_mut(run) {
                run.vmid = Some(free);
            }
        }
        2 => make_tunnel(world, run, &this)?,
        5 => make_record(world, &this)?,
        7 => {
            let (vmid, tunnel) = (this.vmid.ok_or("no VMID")?, this.tunnel.ok_or("no tunnel")?);
            invariants::overwriting_file(world, &label, Maker::Trial(this.sub));
            world.files.files.insert(label, File { vmid, tunnel, maker: Maker::Trial(this.sub) });
        }
        8 => return clone(world, &this),
        9 => world.start_guest(this.vmid.ok_or("no VMID")?)?,
        _ => {}
    }
    Ok(0)
}

fn make_tunnel(world: &mut World, run: usize, this: &Run) -> Result<(), &'static str> {
    let name = format!("service-{}-{}", this.vmid.ok_or("no VMID")?, this.name);
    let same: Vec<usize> =
        world.cloudflare.tunnels.iter().filter(|(_, t)| t.shown.name == name).map(|(index, _)| *index).collect();
    for index in same {
        if world.is_connected(index) {
            return Err("the tunnel has active connections");
        }
        let born = world.cloudflare.tunnels.get(&index).map_or(0, |tunnel| tunnel.born);
        if was_to_be_seen(born, this) {
            invariants::removing_tunnel(world, index, "the script");
        }
        world.cloudflare.delete_tunnel(index, world.now);
    }
    let made = world.cloudflare.make_tunnel(name, world.stripe_now(), Maker::Trial(this.sub), world.now);
    if let Some(run) = world.runs.runs.get_mut(run) {
        run.tunnel = Some(made);
    }
    Ok(())
}

/// Whether the look before a run could show what was made at that millisecond: nobody can see what is made
/// between that look and the script's step, which replaces whatever it finds.
const fn was_to_be_seen(born: u64, run: &Run) -> bool {
    born < run.seen_until
}

/// The real script deletes whatever record it finds, also somebody else's.
fn make_record(world: &mut World, this: &Run) -> Result<(), &'static str> {
    let label = this.name.as_str();
    for index in world.cloudflare.records_of(label) {
        let born = world.cloudflare.records.get(&index).map_or(0, |record| record.born);
        if was_to_be_seen(born, this) {
            invariants::removing_record(world, index, "the script");
        }
        world.cloudflare.delete_record(index, world.now);
    }
    let tunnel = this.tunnel.ok_or("no tunnel")?;
    if !world.cloudflare.tunnels.contains_key(&tunnel) {
        return Ok(());
    }
    world.cloudflare.make_record(label, Some(tunnel), Maker::Trial(this.sub), world.now);
    invariants::leading(world, label, tunnel, Maker::Trial(this.sub));
    Ok(())
}

fn clone(world: &mut World, this: &Run) -> Result<u64, &'static str> {
    let number = this.vmid.ok_or("no VMID")?;
    let template = world.proxmox.guests.get_mut(&TEMPLATE).ok_or("no template")?;
    if template.lock.is_some() {
        return Err("CT is locked (disk)");
    }
    if world.proxmox.guests.contains_key(&number) {
        return Err("CT already exists");
    }
    if let Some(template) = world.proxmox.guests.get_mut(&TEMPLATE) {
        template.lock = Some("disk");
    }
    let uid = world.proxmox.make(number, this.name.as_str(), Maker::Trial(this.sub), world.now);
    if let Some(guest) = world.proxmox.same(number, uid) {
        guest.lock = Some("create");
    }
    let takes = world.chance.between(4_000, 60_000);
    let odd = world.options.script;
    let fails = world.chance.permille(odd) && world.disturb(Kind::Script, || format!("the clone into {number} fails"));
    world.after(takes, move |world| {
        if let Some(template) = world.proxmox.guests.get_mut(&TEMPLATE) {
            template.lock = None;
        }
        if fails {
            if world.proxmox.same(number, uid).is_some() {
                world.proxmox.guests.remove(&number);
            }
        } else if let Some(guest) = world.proxmox.same(number, uid) {
            guest.lock = None;
        }
    });
    Ok(takes + 500)
}
