//! What is somebody else's stays as it was, down to each of its settings: written down when it is first
//! seen, and compared from then on.

use std::collections::BTreeMap;

use super::Invariant;
use crate::world::World;
use crate::world::cloudflare::Maker;

/// Everything of others, as it was when it was first seen.
pub type Book = BTreeMap<String, String>;

/// Compares everything of others with what is written down, and writes down what is new.
pub fn compare(world: &mut World) {
    for (what, is) in all(world) {
        match world.foreign.get(&what) {
            Some(was) if *was != is => {
                let broken = format!("{what} is somebody else's and was changed from {was} to {is}");
                return world.violate(Invariant::ForeignUntouched, broken);
            }
            Some(_) => {}
            None => {
                world.foreign.insert(what, is);
            }
        }
    }
}

fn all(world: &World) -> Vec<(String, String)> {
    let mut all = Vec::new();
    for (index, tunnel) in world.cloudflare.tunnels.iter().filter(|(_, tunnel)| tunnel.maker == Maker::Other) {
        all.push((format!("tunnel {index}"), format!("{:?}", tunnel.shown)));
    }
    for (index, record) in world.cloudflare.records.iter().filter(|(_, record)| record.maker == Maker::Other) {
        all.push((format!("record {index}"), format!("{} {:?}", record.label, record.shown)));
    }
    for (label, file) in world.files.files.iter().filter(|(_, file)| file.maker == Maker::Other) {
        all.push((format!("the file of {label}"), format!("{} {}", file.vmid, file.tunnel)));
    }
    // Templates are copied and locked meanwhile, by us too.
    let others = world.proxmox.guests.iter().filter(|(_, guest)| guest.maker == Maker::Other && !guest.template);
    for (number, guest) in others {
        let is = format!("{} running={} lock={:?}", guest.hostname, guest.running, guest.lock);
        all.push((format!("container {number} ({})", guest.uid), is));
    }
    // What Stripe does by itself to a subscription, its status and its invoices, is not ours to answer for.
    for sub in world.stripe.subs.iter().filter(|sub| !sub.ours) {
        let refunds: Vec<_> = sub.bills.iter().map(|bill| &bill.refund).collect();
        let is = format!("{:?} {:?} {} {:?} {refunds:?}", sub.metadata, sub.customer, sub.at_period_end, sub.cancel_at);
        all.push((sub.id.to_string(), is));
    }
    all
}

/// A container is about to be started.
pub fn starting(world: &mut World, number: u32) {
    if world.proxmox.guests.get(&number).is_some_and(|guest| guest.maker == Maker::Other) {
        let what = format!("container {number} is somebody else's and was started");
        world.violate(Invariant::ForeignUntouched, what);
    }
}

/// Something is about to be written to a subscription or its Customer.
pub fn writing(world: &mut World, index: usize, what: &str) {
    if world.stripe.subs.get(index).is_some_and(|sub| !sub.ours) {
        let broken = format!("sub_{index} of another installation: {what}");
        world.violate(Invariant::ForeignUntouched, broken);
    }
}
