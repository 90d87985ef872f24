//! The promises, checked at every write. Whose a thing truly is, is known here and nowhere else: no
//! port shows it.

pub mod calls;
pub mod foreign;
pub mod settled;
mod verdict;

use std::fmt;

use tamesuke_domain::letter::MailKind;
use tamesuke_domain::metadata::{Metadata, Reason, key};
use tamesuke_domain::trial::Billed;

use crate::world::World;
use crate::world::cloudflare::Maker;
use crate::world::stripe::Sub;

/// A decision may be that much older than the write it led to, in seconds.
const DECIDED_BEFORE_SECS: i64 = 60;
/// Most mails of one kind.
const MAILS_MAX: u32 = 5;

/// A promise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Invariant {
    /// I1: nothing foreign is removed or overwritten.
    ForeignUntouched,
    /// I2: no part of a live trial is removed or redirected.
    LiveUntouched,
    /// I3: never two live announced trials for a name.
    OneOwner,
    /// I4: bounded mails of a kind.
    MailsBounded,
    /// I5: at most one refund, and of an announced trial only when it was lost.
    RefundedOnce,
    /// I6: nobody is charged after the period they bought.
    ChargedOnce,
    /// I7: no container serves two subscriptions.
    OneTenant,
    /// I8: at most one run of a name.
    OneRun,
    /// L1: every paid trial is running and announced, or refunded and told.
    NothingLost,
    /// L2: what ended after it was announced is thanked.
    Thanked,
    /// L3: nothing of ours is left without a live subscription.
    NothingLeaked,
    /// L4: the metadata is what is seen.
    Recorded,
    /// L5: all of it within a bound.
    Converged,
    /// §8: a quiet life takes few calls.
    FewCalls,
}

impl fmt::Display for Invariant {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ForeignUntouched => "I1 foreign things untouched",
            Self::LiveUntouched => "I2 live trials untouched",
            Self::OneOwner => "I3 one owner of a name",
            Self::MailsBounded => "I4 mails bounded",
            Self::RefundedOnce => "I5 refunded once and rightly",
            Self::ChargedOnce => "I6 charged once",
            Self::OneTenant => "I7 one tenant of a container",
            Self::OneRun => "I8 one run of a name",
            Self::NothingLost => "L1 nothing paid is lost",
            Self::Thanked => "L2 ended and thanked",
            Self::NothingLeaked => "L3 nothing leaked",
            Self::Recorded => "L4 metadata is what is seen",
            Self::Converged => "L5 converged in time",
            Self::FewCalls => "§8 few calls",
        })
    }
}

/// A broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which.
    pub invariant: Invariant,
    /// How.
    pub what: String,
    /// When.
    pub at: u64,
}

/// Whether a thing of that maker is in use by a live trial that recorded it.
fn in_use(world: &World, maker: Maker, name: &str, value: &str) -> bool {
    let Maker::Trial(index) = maker else {
        return false;
    };
    // What was live a moment ago may be removed by what was decided in time.
    let now = world.stripe_now();
    let recorded = |sub: &Sub| sub.recorded() && sub.metadata.get(name).map(String::as_str) == Some(value);
    world.stripe.subs.get(index).is_some_and(|sub| sub.live(now.plus_secs(3)) && recorded(sub))
}

/// A container is about to be removed.
pub fn removing_container(world: &mut World, number: u32) {
    let Some(maker) = world.proxmox.guests.get(&number).map(|guest| guest.maker) else {
        return;
    };
    if maker == Maker::Other {
        world.violate(Invariant::ForeignUntouched, format!("container {number} is somebody else's and was removed"));
    } else if in_use(world, maker, key::VMID, &number.to_string()) {
        world.violate(Invariant::LiveUntouched, format!("container {number} of a live trial was removed"));
    } else if let Maker::Trial(sub) = maker
        && world.runs.runs.iter().any(|run| run.alive && run.sub == sub)
    {
        world.violate(Invariant::LiveUntouched, format!("container {number} of a running run was removed"));
    }
}

/// A container is about to be stopped.
pub fn stopping(world: &mut World, number: u32) {
    removing_container(world, number);
}

/// A tunnel is about to be removed.
pub fn removing_tunnel(world: &mut World, index: usize, by: &str) {
    let Some((maker, id)) =
        world.cloudflare.tunnels.get(&index).map(|tunnel| (tunnel.maker, tunnel.shown.id.to_string()))
    else {
        return;
    };
    if maker == Maker::Other {
        world.violate(Invariant::ForeignUntouched, format!("tunnel {id} is somebody else's and was removed by {by}"));
    } else if in_use(world, maker, key::TUNNEL, &id) {
        world.violate(Invariant::LiveUntouched, format!("tunnel {id} of a live trial was removed by {by}"));
    }
}

/// A record is about to be removed.
pub fn removing_record(world: &mut World, index: usize, by: &str) {
    let Some(record) = world.cloudflare.records.get(&index).cloned() else {
        return;
    };
    let tunnel = record.leads_to.and_then(|tunnel| world.cloudflare.tunnels.get(&tunnel));
    let id = tunnel.map(|tunnel| tunnel.shown.id.to_string()).unwrap_or_default();
    if record.maker == Maker::Other {
        let what = format!("the record of {} is somebody else's and was removed by {by}", record.label);
        world.violate(Invariant::ForeignUntouched, what);
    } else if in_use(world, record.maker, key::TUNNEL, &id) {
        world.violate(Invariant::LiveUntouched, format!("the record of {} was removed by {by}", record.label));
    }
}

/// A file is about to be removed.
pub fn removing_file(world: &mut World, label: &str) {
    let Some((maker, number)) = world.files.files.get(label).map(|file| (file.maker, file.vmid.to_string())) else {
        return;
    };
    if maker == Maker::Other {
        world.violate(Invariant::ForeignUntouched, format!("the file of {label} is somebody else's and was removed"));
    } else if in_use(world, maker, key::VMID, &number) {
        world.violate(Invariant::LiveUntouched, format!("the file of {label} was removed under a live trial"));
    }
}

/// A file is about to be written for a trial.
pub fn overwriting_file(world: &mut World, label: &str, by: Maker) {
    let Some((maker, number)) = world.files.files.get(label).map(|file| (file.maker, file.vmid.to_string())) else {
        return;
    };
    if maker == Maker::Other {
        world.violate(
            Invariant::ForeignUntouched,
            format!("the file of {label} is somebody else's and was overwritten"),
        );
    } else if maker != by && in_use(world, maker, key::VMID, &number) {
        world.violate(Invariant::LiveUntouched, format!("the file of {label} was overwritten under a live trial"));
    }
}

/// A record that was made for somebody leads to a tunnel now.
pub fn leading(world: &mut World, label: &str, tunnel: usize, of: Maker) {
    let maker = world.cloudflare.tunnels.get(&tunnel).map(|tunnel| tunnel.maker);
    if maker.is_some_and(|maker| maker != of) {
        world.violate(Invariant::LiveUntouched, format!("the record of {label} leads to another's tunnel"));
    }
}

/// A mail has arrived.
pub fn mail_arrived(world: &mut World, sub: usize, kind: MailKind) {
    let sent = world.post.of(sub, kind);
    // A process that is told to stop may have a mark in hand as well as one that is killed.
    let crashes = world.ended_processes().saturating_sub(sent.ended_before);
    if sent.arrived > MAILS_MAX.min(1 + crashes + sent.unanswered) {
        let what = format!("{} {kind} mails of sub_{sub} after {crashes} ends of a process", sent.arrived);
        world.violate(Invariant::MailsBounded, what);
    }
    if kind == MailKind::Welcome {
        announced(world, sub);
    }
}

/// A welcome has gone out: nobody else may have been promised the same name.
fn announced(world: &mut World, index: usize) {
    let now = world.stripe_now();
    let Some(label) = world.stripe.subs.get(index).map(|sub| sub.label.clone()) else {
        return;
    };
    let live = |sub: &Sub| sub.label == label && sub.live(now) && sub.recorded();
    let many = world.stripe.subs.iter().filter(|sub| live(sub)).count();
    if many > 1 {
        world.violate(Invariant::OneOwner, format!("{many} live announced trials of {label}"));
    }
}

/// Metadata of a subscription, or for it of its Customer, was written.
pub fn wrote(world: &mut World, index: usize, entries: &Metadata) {
    foreign::writing(world, index, "its metadata was written");
    if let Some(text) = entries.get(key::REFUSED) {
        verdict::given(world, index, text);
    }
    if !entries.contains_key(key::VMID) {
        return;
    }
    let now = world.stripe_now();
    let Some(this) = world.stripe.subs.get(index).cloned() else {
        return;
    };
    // Two may record one number where a hand has deleted the first one's container; never one tunnel.
    let same = |sub: &&Sub| sub.id != this.id && sub.live(now) && sub.recorded();
    let mut others = world.stripe.subs.iter().filter(same);
    if let Some(another) = others.find(|sub| sub.metadata.get(key::TUNNEL) == this.metadata.get(key::TUNNEL)) {
        let what = format!("{} and {} are both recorded with one tunnel", this.id, another.id);
        return world.violate(Invariant::OneTenant, what);
    }
    announced(world, index);
    let number = this.metadata.get(key::VMID).and_then(|text| text.parse::<u32>().ok());
    let maker = number.and_then(|number| world.proxmox.guests.get(&number)).map(|guest| guest.maker);
    match maker {
        Some(Maker::Other) => {
            world.violate(Invariant::ForeignUntouched, format!("{} was given somebody else's container", this.id));
        }
        Some(Maker::Trial(sub)) if sub != index => {
            world.violate(Invariant::OneTenant, format!("{} was given the container made for sub_{sub}", this.id));
        }
        Some(Maker::Trial(_)) | None => {}
    }
}

/// A subscription is about to be canceled by us.
pub fn canceling(world: &mut World, index: usize) {
    let now = world.stripe_now();
    let Some(sub) = world.stripe.subs.get(index).cloned() else {
        return;
    };
    let running =
        matches!(sub.status, tamesuke_domain::trial::Status::Active | tamesuke_domain::trial::Status::Trialing);
    if running && sub.live(now.plus_secs(DECIDED_BEFORE_SECS)) {
        let what = format!("{} is live and was canceled", sub.id);
        world.violate(Invariant::LiveUntouched, what);
    }
    foreign::writing(world, index, "it was canceled");
}

/// A payment is about to be given back.
pub fn refunding(world: &mut World, index: usize, nth: usize) {
    let Some(sub) = world.stripe.subs.get(index).cloned() else {
        return;
    };
    let Some(bill) = sub.bills.get(nth) else {
        return;
    };
    foreign::writing(world, index, "its payment was given back");
    if bill.shown.billed == Billed::Renewal {
        return;
    }
    let announced = world.post.of(index, MailKind::Welcome).arrived > 0;
    let reason = sub.mark(key::REFUSED).and_then(|text| text.split('@').next()).map(str::to_owned);
    match reason {
        None => world.violate(Invariant::RefundedOnce, format!("{} was refunded without a verdict", sub.id)),
        Some(reason) if announced && reason != Reason::Lost.as_str() => {
            world.violate(Invariant::RefundedOnce, format!("{} was announced and refunded as {reason}", sub.id));
        }
        Some(_) => {}
    }
}
