//! A process's line to the world: every outside call goes through here, gets its fate, takes its time,
//! and may outlive whoever made it.

use std::time::Duration;

use tamesuke_domain::ports::{Fault, System};
use tokio::sync::oneshot;

use crate::fate::{Arranged, Fate, Kind};
use crate::op::{Nature, Op};
use crate::world::{Command, Pid, Shared, World};

/// A client gives up after at most that long, and what it asked for may still happen within 30 s more:
/// together less than the hold that an unknown outcome causes.
const CLIENT_TIMEOUT: (u64, u64) = (1_000, 20_000);

/// A process's line to the world.
#[derive(Clone)]
pub struct Link {
    world: Shared,
    pid: Pid,
}

/// A call under way, however it ends.
struct UnderWay(Shared);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let mut world = self.0.lock();
        world.in_flight = world.in_flight.saturating_sub(1);
    }
}

/// What was drawn for a call.
struct Plan {
    fate: Fate,
    /// What a test has arranged for it.
    arranged: Option<Arranged>,
    /// Milliseconds until it takes effect, if it does.
    effect: Option<u64>,
    /// Milliseconds until the caller hears something.
    answer: u64,
}

impl Link {
    /// A process's line.
    pub fn new(world: Shared, pid: Pid) -> Self {
        Self { world, pid }
    }

    /// The world.
    pub fn world(&self) -> &Shared {
        &self.world
    }

    /// The process.
    pub fn pid(&self) -> Pid {
        self.pid
    }

    /// Calls the outside. `on` is what the call does there; a hollow call is told so.
    pub async fn call<T: Send + 'static>(
        &self,
        op: Op,
        on: impl FnOnce(&mut World, Fate) -> Result<T, Fault> + Send + 'static,
    ) -> Result<T, Fault> {
        let (tell, told) = oneshot::channel();
        {
            let mut world = self.world.lock();
            let plan = plan(&mut world, op);
            world.in_flight += 1;
            let strike = strike(&mut world);
            begin(&mut world, self.pid, (op, &plan), on, tell);
            if let Some(before) = strike {
                kill_at(&mut world, self.pid, &plan, before);
            }
        }
        let _under_way = UnderWay(self.world.clone());
        let answer = told.await;
        // A line that was cut tells as much as none.
        answer.unwrap_or_else(|_| Err(op.unanswered("the connection was reset")))
    }
}

/// Whether the process dies in this call, and if so whether before it takes effect.
fn strike(world: &mut World) -> Option<bool> {
    let often = world.options.crash_at_call;
    let may = world.faulty && world.tally.crashes < u64::from(world.options.crashes);
    (may && world.chance.permille(often) && world.disturb(Kind::Crash, || "in a call".to_owned()))
        .then(|| world.chance.permille(500))
}

fn kill_at(world: &mut World, pid: Pid, plan: &Plan, before: bool) {
    let effect = plan.effect.unwrap_or(plan.answer);
    let wait = if before { effect.saturating_sub(1) } else { effect };
    world.command_after(wait, Command::Kill(pid));
}

fn begin<T: Send + 'static>(
    world: &mut World,
    pid: Pid,
    (op, plan): (Op, &Plan),
    on: impl FnOnce(&mut World, Fate) -> Result<T, Fault> + Send + 'static,
    tell: oneshot::Sender<Result<T, Fault>>,
) {
    let fate = plan.fate;
    let answers = matches!(fate, Fate::Fine | Fate::Slow | Fate::Hollow);
    let (effect, answer, arranged) = (plan.effect, plan.answer, plan.arranged);
    match effect {
        Some(effect) if answers => world.after_of(pid, effect, move |world| {
            let result = on(world, fate);
            note(world, pid, op, fate);
            world.after_of(pid, answer.saturating_sub(effect), move |world| {
                heard(world, pid, op);
                // Nobody listens where the process has died.
                let _gone = tell.send(result).is_err();
            });
        }),
        effect => {
            if let Some(effect) = effect {
                world.after_of(pid, effect, move |world| {
                    let _nobody_hears = on(world, fate);
                    note(world, pid, op, fate);
                });
            } else {
                note(world, pid, op, fate);
            }
            world.after_of(pid, answer, move |world| {
                let _gone = tell.send(Err(fault_of(world, pid, op, (fate, arranged)))).is_err();
            });
        }
    }
}

fn note(world: &mut World, pid: Pid, op: Op, fate: Fate) {
    let now = world.now;
    match (op, fate) {
        (Op::ListEvents, Fate::Fine) => world.listed_at.0 = now,
        (Op::ListSubscriptions, Fate::Fine) => world.listed_at.1 = now,
        _ => {}
    }
    world.trace.note(now, "call", (op as u64 | u64::from(pid) << 8, fate as u64), || {
        let odd = if fate == Fate::Fine { String::new() } else { format!(" [{fate:?}]") };
        format!("p{pid} {}{odd}", op.text())
    });
}

fn heard(world: &mut World, pid: Pid, op: Op) {
    if op.system() == System::Stripe {
        world.hear_stripe(pid);
    }
}

fn fault_of(world: &mut World, pid: Pid, op: Op, (fate, arranged): (Fate, Option<Arranged>)) -> Fault {
    match fate {
        Fate::Limited => {
            heard(world, pid, op);
            let secs = if arranged.is_some() { 60 } else { world.chance.between(1, 20) };
            Fault::Retryable {
                system: op.system(),
                operation: op.text(),
                retry_after: Some(Duration::from_secs(secs)),
                cause: "too many requests".into(),
            }
        }
        Fate::Refused if is_for_good(world, arranged) => op.refused("a definite no"),
        Fate::Refused => op.retryable("a definite no for now"),
        Fate::Fine | Fate::Lost | Fate::Late | Fate::Slow | Fate::Hollow => op.unanswered("no answer"),
    }
}

fn is_for_good(world: &mut World, arranged: Option<Arranged>) -> bool {
    match arranged {
        Some(arranged) => arranged == Arranged::Refused,
        None => world.chance.permille(300),
    }
}

fn plan(world: &mut World, op: Op) -> Plan {
    let quick = world.chance.between(20, 350);
    let timeout = world.chance.between(CLIENT_TIMEOUT.0, CLIENT_TIMEOUT.1);
    if let Some(silent) = world.is_down(op.system()) {
        let fate = if silent { Fate::Lost } else { Fate::Refused };
        world.tally.call_down(op);
        return Plan { fate, arranged: None, effect: None, answer: if silent { timeout } else { quick } };
    }
    let arranged = world.arranged.get(&op).copied();
    let fate = arranged.map_or_else(|| draw(world, op), Arranged::fate);
    world.count_call(op, fate);
    let (effect, answer) = match fate {
        Fate::Fine | Fate::Hollow => (Some(quick), quick + 5),
        Fate::Refused | Fate::Limited => (None, quick),
        Fate::Lost => ((op.nature() != Nature::Read).then_some(quick), timeout),
        Fate::Late => (Some(timeout + world.chance.between(1_000, 30_000)), timeout),
        Fate::Slow => (Some(world.chance.between(200, timeout)), timeout),
    };
    Plan { fate, arranged, effect, answer }
}

fn draw(world: &mut World, op: Op) -> Fate {
    let often = world.options.calls;
    if !world.faulty || !world.chance.permille(often) {
        return Fate::Fine;
    }
    let fitting: Vec<Fate> = Fate::of(op).iter().copied().filter(|fate| world.options.fates.contains(fate)).collect();
    match world.chance.pick(&fitting).copied() {
        Some(fate) if world.disturb(Kind::Call, || format!("{} {fate:?}", op.text())) => fate,
        Some(_) | None => Fate::Fine,
    }
}
