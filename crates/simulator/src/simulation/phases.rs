//! What happens to a seed as a whole: rolling restarts, a suspended host, healing, and the end of it.

use tamesuke_domain::trial::Status;

use crate::fate::Kind;
use crate::operator;
use crate::options::{HOUR, MINUTE};
use crate::world::{Command, World, secs};

/// Whether every subscription of ours has come to its last state.
pub(super) fn all_over(world: &World) -> bool {
    world.stripe.subs.iter().filter(|sub| sub.ours).all(|sub| match sub.status {
        Status::Canceled | Status::IncompleteExpired => true,
        Status::Incomplete => world.healed_at.is_some(),
        Status::Trialing | Status::Active | Status::PastDue | Status::Unpaid | Status::Paused | Status::Other(_) => {
            false
        }
    })
}

/// A rolling restart: a second process, and a while later the first one is told to stop.
pub(super) fn hand_over(world: &mut World) {
    let first = world.live_processes().next();
    world.commands.push_back(Command::Start);
    if let Some(first) = first {
        let wait = world.chance.between(1_000, MINUTE);
        world.command_after(wait, Command::Stop(first));
    }
}

/// Stripe's clock moves on while the processes' own stands still, as in a host that was suspended; not
/// while a run is under way, whose window it would tear.
pub(super) fn leap(world: &mut World) {
    let by = world.chance.between(5_000, 2 * HOUR);
    if !world.is_idle() {
        world.after(5_000, leap);
    } else if world.disturb(Kind::Clock, || format!("the host is suspended for {} s", secs(by))) {
        world.now += by;
        world.leaped += by;
    }
}

/// Faults stop, once, and where it is drawn so, only after the first trial's end.
pub(super) fn heal(world: &mut World) {
    let now = world.stripe_now();
    let first_end = world.stripe.subs.iter().filter(|sub| sub.live(now)).map(|sub| sub.end).min();
    if let (true, Some(end)) = (world.options.ends_in_faults && world.faulty, first_end) {
        world.options.ends_in_faults = false;
        let more = world.chance.between(5 * MINUTE, 70 * MINUTE);
        let wait = world.millis_of(end).saturating_sub(world.now) + more;
        return world.after(wait, heal);
    }
    world.trace.note(world.now, "healed", (0, 0), String::new);
    world.faulty = false;
    world.healed_at = Some(world.now);
    // A first process that died in a rolling restart, and came back, is there beside the second; somebody
    // notices, and stops the one that does not act.
    let standby: Vec<_> = world.live_processes().filter(|pid| world.lease.is_some_and(|acts| acts != *pid)).collect();
    world.commands.extend(standby.into_iter().map(Command::Stop));
    operator::heal(world);
}
