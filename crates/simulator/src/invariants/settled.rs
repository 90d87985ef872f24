//! What must be true once faults have stopped and time has passed: nothing lost, nothing leaked, and
//! what is recorded is what is there.

use tamesuke_domain::letter::MailKind;
use tamesuke_domain::metadata::key;
use tamesuke_domain::trial::{Billed, Status};

use super::Invariant;
use crate::world::World;
use crate::world::cloudflare::{Maker, tunnel_index};
use crate::world::stripe::{Bill, Sub};

/// What is not as it must be yet.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Matter {
    /// A subscription, by its place, and what is wrong with it.
    Trial(usize, &'static str),
    /// Something that is left, in words.
    Leak(String),
}

/// One thing that is not as it must be.
#[derive(Debug)]
pub struct Unsettled {
    /// What.
    pub matter: Matter,
    /// The promise that breaks if it lasts.
    pub invariant: Invariant,
    /// How.
    pub what: String,
    /// It waits for a mail of which nobody knows whether it arrived.
    pub unheard: bool,
}

/// All that is not as it must be.
pub fn unsettled(world: &World) -> Vec<Unsettled> {
    let mut all: Vec<Unsettled> = (0..world.stripe.subs.len()).filter_map(|index| of_sub(world, index)).collect();
    all.extend(leaked(world).into_iter().map(|what| Unsettled {
        matter: Matter::Leak(what.clone()),
        invariant: Invariant::NothingLeaked,
        what,
        unheard: false,
    }));
    all
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

fn of_sub(world: &World, index: usize) -> Option<Unsettled> {
    let sub = world.stripe.subs.get(index).filter(|sub| sub.ours && sub.paid())?;
    let (invariant, what, mail) = broken(world, index, sub)?;
    let sent = mail.map(|kind| world.post.of(index, kind));
    Some(Unsettled {
        matter: Matter::Trial(index, what),
        invariant,
        what: format!("{} of {}: {what}", sub.id, sub.label),
        unheard: sent.is_some_and(|sent| sent.unanswered + sent.untold > 0),
    })
}

/// What is broken of a subscription, and the mail that it waits for if that is all.
type Broken = (Invariant, &'static str, Option<MailKind>);

fn broken(world: &World, index: usize, sub: &Sub) -> Option<Broken> {
    let now = world.stripe_now();
    let broken = |invariant, what| Some((invariant, what, None));
    let owes = |invariant, what, kind| (!told(world, index, sub, kind)).then_some((invariant, what, Some(kind)));
    let kept = |bill: &Bill| bill.shown.billed == Billed::Renewal && bill.refund.is_none() && !bill.disputed;
    if sub.bills.iter().any(kept) {
        return broken(Invariant::ChargedOnce, "a renewal was charged and not given back");
    }
    if sub.refused() {
        let disputed = sub.bills.iter().any(|bill| bill.disputed);
        let refunded = sub.bills.iter().all(|bill| bill.refund.is_some() || !bill.shown.paid);
        return match (sub.status == Status::Canceled, refunded || disputed) {
            (false, _) => broken(Invariant::NothingLost, "refused and not canceled"),
            (true, false) => broken(Invariant::NothingLost, "refused and not refunded"),
            (true, true) if disputed => None,
            (true, true) => owes(Invariant::NothingLost, "refused and not told why", MailKind::Apology),
        };
    }
    if sub.status == Status::Canceled || now >= sub.end {
        if sub.status != Status::Canceled {
            return broken(Invariant::Converged, "past its end and not canceled");
        }
        if !sub.recorded() {
            return broken(Invariant::NothingLost, "ended before it was ready, and not refused");
        }
        return owes(Invariant::Thanked, "ended and not thanked", MailKind::ThankYou);
    }
    if !sub.end_set() {
        return broken(Invariant::ChargedOnce, "live, and its end is not set");
    }
    if !sub.recorded() {
        return broken(Invariant::NothingLost, "paid and not ready");
    }
    owes(Invariant::NothingLost, "ready and not announced", MailKind::Welcome)
        .or_else(|| whole(world, index, sub).map(|what| (Invariant::Recorded, what, None)))
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

/// What a live, recorded trial lacks.
fn whole(world: &World, index: usize, sub: &Sub) -> Option<&'static str> {
    let number = sub.metadata.get(key::VMID).and_then(|text| text.parse::<u32>().ok())?;
    let mine = Maker::Trial(index);
    match world.proxmox.guests.get(&number) {
        None => return Some("its container is gone"),
        Some(guest) if guest.maker != mine => return Some("its container is another's"),
        Some(guest) if !guest.running => return Some("its container does not run"),
        Some(_) => {}
    }
    let tunnel = sub.metadata.get(key::TUNNEL).and_then(|text| tunnel_index(&text.parse().ok()?));
    let Some(tunnel) = tunnel.filter(|index| world.cloudflare.tunnels.contains_key(index)) else {
        return Some("its tunnel is gone");
    };
    let led = world.cloudflare.records.values().filter(|record| record.label == sub.label);
    let (mut to_it, mut astray) = (0, 0);
    for record in led {
        if record.leads_to == Some(tunnel) { to_it += 1 } else { astray += 1 }
    }
    if to_it != 1 || astray > 0 {
        return Some("its record does not lead to its tunnel");
    }
    let file = world.files.files.get(&sub.label);
    (!file.is_some_and(|file| file.vmid == number && file.tunnel == tunnel)).then_some("its file is not its own")
}

/// Parts of ours that no live trial has recorded.
fn leaked(world: &World) -> Vec<String> {
    let now = world.stripe_now();
    let astray = |maker: Maker, name: &str, value: &str| match maker {
        Maker::Other => false,
        Maker::Trial(index) => !world.stripe.subs.get(index).is_some_and(|sub| {
            sub.live(now) && sub.recorded() && sub.metadata.get(name).map(String::as_str) == Some(value)
        }),
    };
    let mut leaks = Vec::new();
    for record in world.cloudflare.records.values() {
        let tunnel = record.shown.content.split('.').next().unwrap_or_default();
        if astray(record.maker, key::TUNNEL, tunnel) {
            leaks.push(format!("the record of {} is left", record.label));
        }
    }
    for (label, file) in &world.files.files {
        if astray(file.maker, key::VMID, &file.vmid.to_string()) {
            leaks.push(format!("the file of {label} is left"));
        }
    }
    for (number, guest) in &world.proxmox.guests {
        if astray(guest.maker, key::VMID, &number.to_string()) {
            leaks.push(format!("container {number} ({}) is left", guest.hostname));
        }
    }
    for tunnel in world.cloudflare.tunnels.values() {
        if astray(tunnel.maker, key::TUNNEL, tunnel.shown.id.as_str()) {
            leaks.push(format!("tunnel {} is left", tunnel.shown.name));
        }
    }
    leaks
}
