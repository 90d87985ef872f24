//! What must be true once faults have stopped and time has passed: nothing lost, nothing leaked, and
//! what is recorded is what is there.

use tamesuke_domain::letter::MailKind;
use tamesuke_domain::metadata::key;
use tamesuke_domain::trial::{Billed, Status};

use super::{Invariant, Violation};
use crate::world::World;
use crate::world::cloudflare::{Maker, tunnel_index};
use crate::world::stripe::Sub;

/// The first thing that is not as it must be.
pub fn unsettled(world: &World) -> Option<Violation> {
    let broken = |(invariant, what)| Violation { invariant, what, at: world.now };
    (0..world.stripe.subs.len()).find_map(|index| of_sub(world, index)).or_else(|| leaked(world)).map(broken)
}

/// A live trial that is not refused though its name already serves another: Stripe alone shows it, so
/// it takes no longer than the next listing, whatever becomes of the machines.
pub fn rival(world: &World) -> Option<String> {
    let now = world.stripe_now();
    let live = |sub: &&Sub| sub.ours && sub.paid() && sub.live(now) && !sub.refused() && sub.broken.is_none();
    let mut late = world.stripe.subs.iter().filter(live).filter(|sub| !sub.recorded());
    late.find_map(|late| {
        let mut others = world.stripe.subs.iter().filter(live);
        let served = others.find(|sub| sub.recorded() && sub.label == late.label)?;
        Some(format!("{} of {} is neither served nor refused beside {}", late.id, late.label, served.id))
    })
}

fn of_sub(world: &World, index: usize) -> Option<(Invariant, String)> {
    let sub = world.stripe.subs.get(index).filter(|sub| sub.ours && sub.paid())?;
    let now = world.stripe_now();
    let broken = |invariant, what: &str| Some((invariant, format!("{} of {}: {what}", sub.id, sub.label)));
    if let Some(renewal) = sub.bills.iter().find(|bill| bill.shown.billed == Billed::Renewal)
        && renewal.refund.is_none()
        && !renewal.disputed
    {
        return broken(Invariant::ChargedOnce, "a renewal was charged and not given back");
    }
    if sub.refused() {
        return refused(world, index, sub);
    }
    if sub.status == Status::Canceled || now >= sub.end {
        if sub.status != Status::Canceled {
            return broken(Invariant::Converged, "past its end and not canceled");
        }
        if !sub.recorded() {
            return broken(Invariant::NothingLost, "ended before it was ready, and not refused");
        }
        return (!told(world, index, sub, MailKind::ThankYou))
            .then(|| (Invariant::Thanked, format!("{} of {}: ended and not thanked", sub.id, sub.label)));
    }
    if !sub.end_set() {
        return broken(Invariant::ChargedOnce, "live, and its end is not set");
    }
    if !sub.recorded() {
        return broken(Invariant::NothingLost, "paid and not ready");
    }
    if !told(world, index, sub, MailKind::Welcome) {
        return broken(Invariant::NothingLost, "ready and not announced");
    }
    whole(world, index, sub)
}

fn refused(world: &World, index: usize, sub: &Sub) -> Option<(Invariant, String)> {
    let broken = |what: &str| Some((Invariant::NothingLost, format!("{} of {}: {what}", sub.id, sub.label)));
    if sub.status != Status::Canceled {
        return broken("refused and not canceled");
    }
    let disputed = sub.bills.iter().any(|bill| bill.disputed);
    let refunded = sub.bills.iter().all(|bill| bill.refund.is_some() || !bill.shown.paid);
    if !refunded && !disputed {
        return broken("refused and not refunded");
    }
    if !disputed && !told(world, index, sub, MailKind::Apology) {
        return broken("refused and not told why");
    }
    None
}

/// Whether a mail has arrived and is marked, or could not be sent for a reason that we accept.
fn told(world: &World, index: usize, sub: &Sub, kind: MailKind) -> bool {
    if sub.customer.deleted {
        // Nobody is left to tell, and the marks on the Customer are gone with it.
        return true;
    }
    let sent = world.post.of(index, kind);
    let mark = sub.mark(key::MAIL).unwrap_or_default();
    let stage = mark.strip_prefix(kind.as_str()).and_then(|rest| rest.strip_prefix(':')?.split('@').next());
    match stage {
        Some("sent") => sent.arrived > 0,
        Some("skipped") => sub.customer.email.is_none(),
        Some("lost") => sent.unanswered + sent.untold >= 5,
        // The mark went with its Customer.
        None if sub.customer.deleted => sent.arrived > 0,
        // A later kind has replaced the mark.
        None => sent.arrived > 0 && kind == MailKind::Welcome && !mark.is_empty(),
        Some(_) => false,
    }
}

/// A live, recorded trial has all of its parts.
fn whole(world: &World, index: usize, sub: &Sub) -> Option<(Invariant, String)> {
    let broken = |what: &str| Some((Invariant::Recorded, format!("{} of {}: {what}", sub.id, sub.label)));
    let number = sub.metadata.get(key::VMID).and_then(|text| text.parse::<u32>().ok())?;
    let mine = Maker::Trial(index);
    match world.proxmox.guests.get(&number) {
        None => return broken("its container is gone"),
        Some(guest) if guest.maker != mine => return broken("its container is another's"),
        Some(guest) if !guest.running => return broken("its container does not run"),
        Some(_) => {}
    }
    let tunnel = sub.metadata.get(key::TUNNEL).and_then(|text| tunnel_index(&text.parse().ok()?));
    let Some(tunnel) = tunnel.filter(|index| world.cloudflare.tunnels.contains_key(index)) else {
        return broken("its tunnel is gone");
    };
    let led = world.cloudflare.records.values().filter(|record| record.label == sub.label);
    let (mut to_it, mut astray) = (0, 0);
    for record in led {
        if record.leads_to == Some(tunnel) { to_it += 1 } else { astray += 1 }
    }
    if to_it != 1 || astray > 0 {
        return broken("its record does not lead to its tunnel");
    }
    let file = world.files.files.get(&sub.label);
    if !file.is_some_and(|file| file.vmid == number && file.tunnel == tunnel) {
        return broken("its file is not its own");
    }
    None
}

/// Parts of ours that no live trial has recorded.
fn leaked(world: &World) -> Option<(Invariant, String)> {
    let now = world.stripe_now();
    let wanted = |maker: Maker, name: &str, value: &str| match maker {
        Maker::Other => true,
        Maker::Trial(index) => world.stripe.subs.get(index).is_some_and(|sub| {
            sub.live(now) && sub.recorded() && sub.metadata.get(name).map(String::as_str) == Some(value)
        }),
    };
    let leak = |what: String| Some((Invariant::NothingLeaked, what));
    for record in world.cloudflare.records.values() {
        let tunnel = record.shown.content.split('.').next().unwrap_or_default();
        if !wanted(record.maker, key::TUNNEL, tunnel) {
            return leak(format!("the record of {} is left", record.label));
        }
    }
    for (label, file) in &world.files.files {
        if !wanted(file.maker, key::VMID, &file.vmid.to_string()) {
            return leak(format!("the file of {label} is left"));
        }
    }
    for (number, guest) in &world.proxmox.guests {
        if !wanted(guest.maker, key::VMID, &number.to_string()) {
            return leak(format!("container {number} ({}) is left", guest.hostname));
        }
    }
    for tunnel in world.cloudflare.tunnels.values() {
        if !wanted(tunnel.maker, key::TUNNEL, tunnel.shown.id.as_str()) {
            return leak(format!("tunnel {} is left", tunnel.shown.name));
        }
    }
    None
}
