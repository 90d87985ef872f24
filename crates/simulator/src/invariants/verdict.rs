//! Verdicts, held against the world: a trial may be refused only for what is so. Without this an engine
//! that gives every order up and every payment back would keep all other promises.

use tamesuke_domain::metadata::{Attempt, Reason, key};
use tamesuke_domain::parts::TunnelName;
use tamesuke_domain::time::Timestamp;
use tamesuke_domain::trial::Status;

use super::Invariant;
use crate::world::World;
use crate::world::cloudflare::{Maker, tunnel_index};
use crate::world::stripe::Sub;

/// What was seen a moment ago may have changed while a verdict was on its way, in milliseconds.
const LATELY: u64 = 120_000;

/// A verdict on a trial is being written.
pub(super) fn given(world: &mut World, index: usize, text: &str) {
    let Some(sub) = world.stripe.subs.get(index).cloned() else {
        return;
    };
    let reason = text.split('@').next().unwrap_or_default();
    let holds = match Reason::ALL.into_iter().find(|known| known.as_str() == reason) {
        Some(Reason::Taken) => is_taken(world, index, &sub),
        Some(Reason::Foreign) => is_foreign(world, &sub.label),
        Some(Reason::NeverReady) => sub.status == Status::Canceled && !sub.recorded(),
        Some(Reason::GaveUp) => is_overdue(world, &sub),
        Some(Reason::Lost) => is_lost(world, index, &sub),
        None => false,
    };
    if !holds {
        let what = format!("{} of {} was refused as {reason}, which is not so", sub.id, sub.label);
        world.violate(Invariant::NothingLost, what);
    }
}

/// Another paid trial of the name lives, or did until a moment ago.
fn is_taken(world: &World, index: usize, sub: &Sub) -> bool {
    let lately = world.stripe_now().plus_secs(-i64::try_from(LATELY / 1_000).unwrap_or(0));
    let since = world.now.saturating_sub(LATELY);
    world.stripe.subs.iter().enumerate().any(|(other, rival)| {
        let refused_at = rival.mark(key::REFUSED).and_then(|text| text.rsplit('@').next()?.parse::<i64>().ok());
        other != index
            && rival.ours
            && rival.label == sub.label
            && rival.paid()
            && lately < rival.end
            && rival.canceled_at.is_none_or(|at| at >= since)
            && refused_at.is_none_or(|at| at >= lately.as_unix())
    })
}

/// Something of somebody else's stands under the name.
fn is_foreign(world: &World, label: &str) -> bool {
    let named = |full: &str| TunnelName::parse(full).is_some_and(|parsed| parsed.subdomain.as_str() == label);
    let other = |maker: Maker| maker == Maker::Other;
    world.cloudflare.records.values().any(|record| record.label == label && other(record.maker))
        || world.cloudflare.tunnels.values().any(|tunnel| other(tunnel.maker) && named(&tunnel.shown.name))
        || world.files.files.get(label).is_some_and(|file| other(file.maker))
}

/// The attempts that a trial has had, whatever else of its keys a hand has broken since.
fn attempt_of(sub: &Sub) -> Option<Attempt> {
    let mut parts = sub.mark(key::ATTEMPT)?.split(':');
    let count = parts.next()?.parse().ok()?;
    let mut moment = || Some(Timestamp::from_unix(parts.next()?.parse().ok()?));
    Some(Attempt { count, first: moment()?, last: moment()? })
}

/// It waits for longer than is promised, or all of its attempts failed for long enough.
fn is_overdue(world: &World, sub: &Sub) -> bool {
    let now = world.stripe_now();
    let spent = |attempt: Attempt| {
        let give_up = crate::settings::give_up_secs(world.options.attempts_max);
        attempt.count >= world.options.attempts_max && now.secs_since(attempt.first) >= give_up
    };
    now.secs_since(sub.created) >= world.options.overdue_secs || attempt_of(sub).is_some_and(spent)
}

/// A part that is not simply put back is gone, or its address leads elsewhere.
fn is_lost(world: &World, index: usize, sub: &Sub) -> bool {
    let number = sub.metadata.get(key::VMID).and_then(|text| text.parse::<u32>().ok());
    let tunnel = sub.metadata.get(key::TUNNEL).and_then(|text| tunnel_index(&text.parse().ok()?));
    let guest = number.and_then(|number| world.proxmox.guests.get(&number));
    let astray =
        |record: &crate::world::cloudflare::CfRecord| record.label == sub.label && record.maker == Maker::Other;
    guest.is_none_or(|guest| guest.maker != Maker::Trial(index))
        || tunnel.is_none_or(|tunnel| !world.cloudflare.tunnels.contains_key(&tunnel))
        || world.cloudflare.records.values().any(astray)
}
