//! The operator and everybody else: things that were there before, things that appear later with names
//! close to a trial's, and hands that delete, stop, copy and edit.

use tamesuke_domain::letter::MailKind;
use tamesuke_domain::metadata::key;
use tamesuke_domain::trial::Status;

use crate::customers::PERIODS;
use crate::fate::Kind;
use crate::options::MINUTE;
use crate::payments;
use crate::world::World;
use crate::world::cloudflare::Maker;
use crate::world::files::File;
use crate::world::proxmox::TEMPLATE;
use crate::world::stripe::{News, Sub, instance};

/// What the operator does by hand; what is mended by itself comes more often.
const HANDS: [u64; 16] = [0, 1, 2, 3, 3, 3, 4, 4, 4, 5, 6, 7, 7, 7, 8, 9];
/// Hands that a trial in the making recovers from as well.
const MENDED: [u64; 4] = [3, 4, 6, 7];

/// What others make; a second order for a name, which only they can place, comes more often.
const THINGS: [u64; 13] = [0, 1, 2, 3, 4, 5, 6, 7, 7, 7, 8, 9, 10];

/// What is there from the beginning, and when more comes.
pub fn come(world: &mut World) {
    for _ in 0..world.options.foreign {
        let at = if world.chance.permille(500) { 0 } else { world.chance.below(world.options.heal_at) };
        let what = world.chance.pick(&THINGS).copied().unwrap_or(0);
        let label = world.chance.pick(&world.options.names).copied().unwrap_or("acme");
        if at == 0 {
            foreign(world, what, label);
        } else {
            world.after(at, move |world| foreign(world, what, label));
        }
    }
}

/// Something of somebody else's appears.
fn foreign(world: &mut World, what: u64, label: &'static str) {
    let at_first = world.now == 0;
    if !world.disturb(Kind::Foreign, || format!("foreign thing {what} about {label}")) {
        return;
    }
    let now = world.now;
    match what {
        0 => world.cloudflare.make_record("www", None, Maker::Other, now),
        1 if world.cloudflare.records_of(label).is_empty() => {
            world.cloudflare.make_record(label, None, Maker::Other, now);
        }
        2 => {
            let old = world.stripe_now().plus_secs(-100_000);
            world.cloudflare.make_tunnel(format!("service-9005-x-{label}"), old, Maker::Other, now);
        }
        3 if at_first => {
            let old = world.stripe_now().plus_secs(-100_000);
            world.cloudflare.make_tunnel(format!("service-9003-{label}"), old, Maker::Other, now);
        }
        4 => foreign_guest(world, label),
        5 => hand_run(world),
        6 if at_first => {
            let file = File { vmid: 9_007, tunnel: 0, maker: Maker::Other };
            world.files.files.insert(label.to_owned(), file);
        }
        7 => sold_elsewhere(world, label, true),
        9 => {
            if let Some(number) = free_for_hands(world) {
                world.proxmox.make(number, label, Maker::Other, now);
                if let Some(guest) = world.proxmox.guests.get_mut(&number) {
                    guest.template = true;
                }
            }
        }
        10 if world.cloudflare.records_of(label).is_empty() => {
            let old = world.stripe_now().plus_secs(-100_000);
            let tunnel = world.cloudflare.make_tunnel(format!("office-{label}"), old, Maker::Other, now);
            world.cloudflare.make_record(label, Some(tunnel), Maker::Other, now);
        }
        _ => sold_elsewhere(world, label, false),
    }
}

/// The highest number that is free, that no tunnel speaks of and that no trial has recorded which is not
/// closed: a copy under such a number looks like ours.
fn free_for_hands(world: &World) -> Option<u32> {
    let spoken_of = |number: u32| {
        let start = format!("service-{number}-");
        world.cloudflare.tunnels.values().any(|tunnel| tunnel.shown.name.starts_with(&start))
    };
    let recorded = |number: u32| {
        let open = |sub: &&Sub| sub.mark(key::MAIL).is_none_or(|mark| mark.starts_with(MailKind::Welcome.as_str()));
        let of_number = |sub: &Sub| sub.metadata.get(key::VMID).is_some_and(|text| *text == number.to_string());
        world.stripe.subs.iter().filter(open).any(of_number)
    };
    (world.proxmox.first..=world.proxmox.last)
        .rev()
        .find(|number| !world.proxmox.guests.contains_key(number) && !spoken_of(*number) && !recorded(*number))
}

fn foreign_guest(world: &mut World, label: &str) {
    if let Some(number) = free_for_hands(world) {
        let now = world.now;
        world.proxmox.make(number, label, Maker::Other, now);
        let runs = world.chance.permille(500);
        if let Some(guest) = world.proxmox.guests.get_mut(&number) {
            guest.running = runs;
        }
    }
}

/// The script run by hand: its own name, which no customer gets.
fn hand_run(world: &mut World) {
    let Some(number) = free_for_hands(world) else {
        return;
    };
    if world.files.files.contains_key("demo") {
        return;
    }
    let (now, created) = (world.now, world.stripe_now());
    let tunnel = world.cloudflare.make_tunnel(format!("service-{number}-demo"), created, Maker::Other, now);
    world.cloudflare.make_record("demo", Some(tunnel), Maker::Other, now);
    world.files.files.insert("demo".to_owned(), File { vmid: number, tunnel, maker: Maker::Other });
    world.proxmox.make(number, "demo", Maker::Other, now);
}

/// A subscription that no form of this service sold: of another installation, or a second one for a
/// name of ours.
fn sold_elsewhere(world: &mut World, label: &str, ours: bool) {
    let days = world.chance.pick(&PERIODS).copied().unwrap_or(7);
    let instance = if ours { instance().as_str() } else { "00000000" };
    let metadata = [
        (key::SUBDOMAIN, label.to_owned()),
        (key::APPLICATION, "nginx".to_owned()),
        (key::DAYS, days.to_string()),
        (key::COMPANY, "Elsewhere".to_owned()),
        (key::INSTANCE, instance.to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value));
    let period = u32::try_from(days).unwrap_or(7);
    let Some(sub) = payments::subscribe(world, metadata.into(), period, true) else {
        return;
    };
    if let Some(sub) = world.stripe.subs.get_mut(sub) {
        sub.customer.email = "elsewhere@example.jp".parse().ok();
        // It is the other installation's to end.
        sub.at_period_end = !ours;
    }
    if ours {
        world.tally.paid += 1;
        world.tell_sub(sub, News::Changed);
    }
}

/// The operator has something to do with a trial that was just paid.
pub fn notices(world: &mut World, sub: usize) {
    let often = world.options.operator;
    if !world.chance.permille(often) {
        return;
    }
    let what = world.chance.pick(&HANDS).copied().unwrap_or(0);
    let wait = world.chance.between(2 * MINUTE, 40 * MINUTE);
    world.after(wait, move |world| acts(world, sub, what));
}

fn acts(world: &mut World, index: usize, what: u64) {
    let now = world.stripe_now();
    let Some(sub) = world.stripe.subs.get(index) else {
        return;
    };
    let label = sub.label.clone();
    match what {
        0 => lock_template(world),
        1 => break_key(world, index),
        2 => remove_company(world, index),
        _ if sub.live(now) && (sub.recorded() || (MENDED.contains(&what) && sub.mark(key::ATTEMPT).is_some())) => {
            touch(world, index, &label, what);
        }
        _ => {}
    }
}

fn lock_template(world: &mut World) {
    let free = world.proxmox.guests.get(&TEMPLATE).is_some_and(|template| template.lock.is_none());
    if !free || !world.disturb(Kind::Operator, || "the template is locked by a backup".to_owned()) {
        return;
    }
    if let Some(template) = world.proxmox.guests.get_mut(&TEMPLATE) {
        template.lock = Some("backup");
    }
    let wait = world.chance.between(10_000, 15 * MINUTE);
    world.after(wait, |world| {
        if let Some(template) = world.proxmox.guests.get_mut(&TEMPLATE) {
            template.lock = None;
        }
    });
}

fn break_key(world: &mut World, index: usize) {
    if !world.disturb(Kind::Operator, || format!("a key of sub_{index} is broken in the dashboard")) {
        return;
    }
    let Some(sub) = world.stripe.subs.get_mut(index).filter(|sub| sub.status != Status::Canceled) else {
        return;
    };
    if let Some(was) = sub.metadata.insert(key::DAYS.to_owned(), "a week".to_owned()) {
        sub.broken = Some((key::DAYS.to_owned(), was));
    }
    let wait = world.chance.between(MINUTE, 30 * MINUTE);
    world.after(wait, move |world| mend(world, index));
}

/// A broken key is mended.
pub fn mend(world: &mut World, index: usize) {
    let Some(sub) = world.stripe.subs.get_mut(index) else {
        return;
    };
    if let Some((name, was)) = sub.broken.take() {
        sub.metadata.insert(name, was);
        world.tell_sub(index, News::Changed);
    }
}

fn remove_company(world: &mut World, index: usize) {
    if world.disturb(Kind::Operator, || format!("the company of sub_{index} is removed"))
        && let Some(sub) = world.stripe.subs.get_mut(index)
    {
        sub.customer.has_company = false;
        sub.customer.metadata.remove(key::COMPANY);
        world.tell_sub(index, News::Changed);
    }
}

/// A hand on the things of a trial that is ready or in the making.
fn touch(world: &mut World, index: usize, label: &str, what: u64) {
    let deeds = ["record", "file", "tunnel", "container", "stop", "foreign record", "rescue copy"];
    let deed = usize::try_from(what - 3).ok().and_then(|at| deeds.get(at)).copied().unwrap_or_default();
    if !world.disturb(Kind::Operator, || format!("by hand, of sub_{index}: {deed}")) {
        return;
    }
    let mut mine = world.proxmox.guests.iter().filter(|(_, guest)| guest.maker == Maker::Trial(index));
    let number = mine.next_back().map(|(number, _)| *number);
    match what {
        3 => drop_records(world, label),
        4 => {
            world.files.files.remove(label);
        }
        5 => {
            let now = world.now;
            let mine = world.cloudflare.tunnels.iter().filter(|(_, tunnel)| tunnel.maker == Maker::Trial(index));
            for tunnel in mine.map(|(tunnel, _)| *tunnel).collect::<Vec<_>>() {
                world.cloudflare.delete_tunnel(tunnel, now);
            }
        }
        6 => {
            if let Some(number) = number {
                world.proxmox.guests.remove(&number);
            }
        }
        7 => {
            if let Some(number) = number {
                world.stop_guest(number);
            }
        }
        8 => {
            drop_records(world, label);
            let now = world.now;
            world.cloudflare.make_record(label, None, Maker::Other, now);
        }
        _ => foreign_guest(world, label),
    }
}

fn drop_records(world: &mut World, label: &str) {
    let now = world.now;
    for index in world.cloudflare.records_of(label) {
        if world.cloudflare.records.get(&index).is_some_and(|record| record.maker != Maker::Other) {
            world.cloudflare.delete_record(index, now);
        }
    }
}

/// Everything that somebody will mend is mended.
pub fn heal(world: &mut World) {
    for index in 0..world.stripe.subs.len() {
        mend(world, index);
    }
    if let Some(template) = world.proxmox.guests.get_mut(&TEMPLATE)
        && template.lock == Some("backup")
    {
        template.lock = None;
    }
}
