//! What a life without any fault asks of Stripe (§8).

use super::Invariant;
use crate::world::World;

/// Stripe calls of a quiet life, and on average over a seed's lives.
const CALLS: u64 = 14;

/// Counts the calls of a quiet seed's lives, each for itself. One that others are served before may take a look
/// more for each of them: what it has heard of itself meanwhile, when it is called to the clone.
pub fn count(world: &mut World) {
    if !world.options.quiet {
        return;
    }
    let lives = || world.stripe.sessions.iter().map(|session| (session.calls, session.waits)).enumerate();
    let sum: u64 = lives().map(|(_, (calls, _))| calls).sum();
    let paid = world.tally.paid;
    // What is still under way at the end is not counted for a life yet.
    let nobodys = world.tally.life_calls.abs_diff(sum) > u64::from(world.in_flight);
    let what = if let Some((nth, (calls, waits))) = lives().find(|(_, (calls, waits))| *calls > CALLS + waits) {
        Some(format!("{calls} calls for the quiet life of session {nth}, which waited for {waits} others"))
    } else if sum > CALLS * paid {
        Some(format!("{sum} calls for {paid} quiet lives"))
    } else if nobodys {
        Some(format!("{} calls were made for lives, and {sum} belong to one", world.tally.life_calls))
    } else {
        None
    };
    let each: Vec<u64> = lives().map(|(_, (calls, _))| calls).collect();
    for calls in each {
        *world.tally.quiet_lives.entry(calls).or_insert(0) += 1;
    }
    if let Some(what) = what {
        world.violate(Invariant::FewCalls, what);
    }
}
