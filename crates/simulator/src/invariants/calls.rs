//! What a life without any fault asks of Stripe (§8).

use super::Invariant;
use crate::options::MINUTE;
use crate::world::World;
use crate::world::stripe::Session;

/// Stripe calls of a quiet life, and on average over a seed's lives.
const CALLS: u64 = 14;
/// Whoever stands in line for the clone looks once when it is called, and that often meanwhile.
const LOOK_EVERY: u64 = 2 * MINUTE;

/// How many calls a quiet life may take.
const fn allowed(session: &Session) -> u64 {
    if session.stands_in_line { CALLS + 1 + session.waited / LOOK_EVERY } else { CALLS }
}

/// Counts the calls of a quiet seed's lives, each for itself.
pub fn count(world: &mut World) {
    if !world.options.quiet {
        return;
    }
    let lives = || world.stripe.sessions.iter().enumerate();
    let sum: u64 = lives().map(|(_, life)| life.calls).sum();
    let paid = world.tally.paid;
    // What is still under way at the end is not counted for a life yet.
    let nobodys = world.tally.life_calls.abs_diff(sum) > u64::from(world.in_flight);
    let what = if let Some((nth, life)) = lives().find(|(_, life)| life.calls > allowed(life)) {
        let line = if life.stands_in_line { "stood in line" } else { "had nobody before it" };
        let (calls, waited) = (life.calls, life.waited);
        Some(format!("{calls} calls for the quiet life of session {nth}, which {line} and began after {waited} ms"))
    } else if sum > CALLS * paid {
        Some(format!("{sum} calls for {paid} quiet lives"))
    } else if nobodys {
        Some(format!("{} calls were made for lives, and {sum} belong to one", world.tally.life_calls))
    } else {
        None
    };
    let each: Vec<u64> = lives().map(|(_, life)| life.calls).collect();
    for calls in each {
        *world.tally.quiet_lives.entry(calls).or_insert(0) += 1;
    }
    if let Some(what) = what {
        world.violate(Invariant::FewCalls, what);
    }
}
