//! Customers: who comes when, what they do with a payment page, and what they do afterwards that
//! nobody expects.

use std::sync::Arc;

use tamesuke_domain::checkout::CheckoutStatus;
use tamesuke_domain::order::Order;
use tamesuke_domain::trial::Status;
use tamesuke_engine::signup::SignUpError;

use crate::fate::Kind;
use crate::options::{DAY, MINUTE};
use crate::payments;
use crate::world::stripe::{News, session_index};
use crate::world::{Command, World};

/// A customer sends the form that often.
const TRIES_MAX: u32 = 8;
/// In a quiet world customers come one at a time.
const LONE: u64 = 8 * MINUTE;
/// Periods that are sold, in days.
pub const PERIODS: [u64; 3] = [1, 7, 14];

/// A customer.
#[derive(Debug, Clone)]
pub struct Wish {
    /// What is asked for.
    pub order: Arc<Order>,
    /// The browser's key.
    pub reference: String,
    /// Forms sent so far.
    pub tries: u32,
    /// The session whose page was shown.
    pub session: Option<usize>,
}

/// All customers.
#[derive(Debug, Default)]
pub struct Orders {
    /// In the order of their numbers.
    pub wishes: Vec<Wish>,
}

/// Draws who comes when.
pub fn come(world: &mut World) {
    for number in 0..usize::try_from(world.options.orders).unwrap_or(0) {
        let days = *world.chance.pick(&PERIODS).unwrap_or(&7);
        let name = pick_name(world, number);
        let Some(order) = order(number, name, days) else {
            continue;
        };
        let reference = format!("browser{number}");
        world.orders.wishes.push(Wish { order: Arc::new(order), reference, tries: 0, session: None });
        let second_wave = world.options.ends_in_faults && world.chance.permille(300);
        let at = match (world.options.quiet, second_wave) {
            (true, _) => u64::try_from(number).unwrap_or(0) * LONE,
            (false, true) => DAY + world.chance.below(70 * MINUTE),
            (false, false) => world.chance.below(world.options.window),
        };
        world.command_after(at, Command::SignUp(number));
    }
}

/// In a quiet world everybody wants another name.
fn pick_name(world: &mut World, number: usize) -> &'static str {
    let names = &world.options.names;
    if world.options.quiet {
        return names.get(number % names.len().max(1)).copied().unwrap_or("acme");
    }
    world.chance.pick(names).copied().unwrap_or("acme")
}

fn order(number: usize, name: &str, days: u64) -> Option<Order> {
    Some(Order {
        subdomain: name.parse().ok()?,
        application: "nginx".parse().ok()?,
        days: tamesuke_domain::catalog::Days::new(days)?,
        email: format!("c{number}@example.jp").parse().ok()?,
        company: format!("Company {number}").parse().ok()?,
    })
}

/// What came of a form.
pub fn answered(world: &mut World, number: usize, answer: Result<String, SignUpError>) {
    let url = match answer {
        Ok(url) => url,
        Err(error) => return try_again(world, number, &error),
    };
    let shown = url.rsplit('/').next().and_then(|id| id.parse().ok()).as_ref().and_then(session_index);
    let Some(session) = shown else {
        return;
    };
    world
        .trace
        .note(world.now, "page", (number as u64, session as u64), || format!("c{number} is shown session {session}"));
    if let Some(wish) = world.orders.wishes.get_mut(number) {
        wish.session = Some(session);
    }
    let left =
        world.stripe.sessions.get(session).map_or(0, |s| world.millis_of(s.shown.expires)).saturating_sub(world.now);
    match if world.options.quiet { 0 } else { world.chance.below(100) } {
        0..80 => {
            let wait = world.chance.between(5_000, 8 * MINUTE);
            world.after(wait, move |world| pays(world, number, session));
        }
        80..86 => world.after(left.saturating_sub(1_000), move |world| pays(world, number, session)),
        86..90 => {
            world.command_after(200, Command::SignUp(number));
            let wait = world.chance.between(5_000, 2 * MINUTE);
            world.after(wait, move |world| pays(world, number, session));
        }
        90..95 => {
            let wait = world.chance.between(2_000, MINUTE);
            world.command_after(wait, Command::Release(number));
            world.command_after(wait + 20_000, Command::SignUp(number));
        }
        _ => {}
    }
}

fn try_again(world: &mut World, number: usize, error: &SignUpError) {
    let quiet = world.options.quiet;
    let wait = match error {
        SignUpError::Unavailable(_) | SignUpError::AlreadyPaid => {
            let name = if world.chance.permille(700) { Some(pick_name(world, number)) } else { None };
            let days = *world.chance.pick(&PERIODS).unwrap_or(&7);
            if let (Some(order), Some(wish)) =
                (name.and_then(|name| order(number, name, days)), world.orders.wishes.get_mut(number))
            {
                wish.order = Arc::new(order);
            }
            world.chance.between(5_000, 3 * MINUTE)
        }
        SignUpError::Full => world.chance.between(MINUTE, 10 * MINUTE),
        SignUpError::NotReady
        | SignUpError::Busy
        | SignUpError::Offer(_)
        | SignUpError::Email(_)
        | SignUpError::Outside(_) => world.chance.between(2_000, MINUTE),
    };
    let again = world.orders.wishes.get_mut(number).is_some_and(|wish| {
        wish.tries += 1;
        wish.tries < TRIES_MAX
    });
    if again && (world.faulty || quiet) {
        world.command_after(wait, Command::SignUp(number));
    }
}

fn pays(world: &mut World, number: usize, session: usize) {
    if world.session_status(session) != Some(CheckoutStatus::Open) {
        return;
    }
    let Some(sub) = payments::pay(world, session) else {
        return;
    };
    let odd = world.options.customers;
    if world.chance.permille(odd) {
        let wait = world.chance.between(1_000, 90 * MINUTE);
        let what = world.chance.below(6);
        world.after(wait, move |world| does_something_odd(world, number, sub, what));
    }
    crate::operator::notices(world, sub);
}

fn does_something_odd(world: &mut World, number: usize, sub: usize, what: u64) {
    let deeds = ["cancels", "sets the end", "presses renew", "disputes", "is deleted", "is paused"];
    let deed = usize::try_from(what).ok().and_then(|index| deeds.get(index)).copied().unwrap_or_default();
    if !world.disturb(Kind::Customer, || format!("c{number} of sub_{sub} {deed}")) {
        return;
    }
    let ended = world
        .stripe
        .subs
        .get(sub)
        .is_none_or(|sub| matches!(sub.status, Status::Canceled | Status::Incomplete | Status::IncompleteExpired));
    match what {
        0 if !ended => payments::cancel(world, sub),
        1 if !ended => payments::set_guard(world, sub, |sub| sub.at_period_end = true),
        2 if !ended => payments::set_guard(world, sub, |sub| (sub.at_period_end, sub.cancel_at) = (false, None)),
        3 => payments::dispute(world, sub),
        4 => payments::delete_customer(world, sub),
        5 if !ended => {
            if let Some(sub) = world.stripe.subs.get_mut(sub) {
                sub.status = Status::Paused;
            }
            world.tell_sub(sub, News::Changed);
        }
        _ => {}
    }
}
