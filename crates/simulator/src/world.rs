//! The world outside and all that is going to happen in it. Everything that changes it is a happening
//! on one timeline; what an engine sees of it, it sees through the ports.

pub mod cloudflare;
pub mod files;
pub mod post;
pub mod process;
pub mod proxmox;
pub mod stripe;

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tamesuke_domain::ports::{EventHint, System};
use tamesuke_domain::time::Timestamp;
use tokio::sync::Notify;

use crate::chance::Chance;
use crate::customers::Orders;
use crate::fate::{Arranged, Kind, Muted};
use crate::invariants::{Invariant, Violation};
use crate::op::Op;
use crate::options::Options;
use crate::script::Runs;
use crate::tally::Tally;
use crate::timeline::{Sleepers, Timeline};
use crate::trace::{Detail, Trace};

/// A process, by the order of their starts.
pub type Pid = u32;

/// Stripe's clock when a simulation begins.
pub const EPOCH_SECS: i64 = 1_790_000_000;

/// Something that only the one who owns the processes can do.
#[derive(Debug, Clone)]
pub enum Command {
    /// Start a process.
    Start,
    /// A process dies.
    Kill(Pid),
    /// A process is told to stop.
    Stop(Pid),
    /// A customer sends the form.
    SignUp(usize),
    /// A customer gives a reservation back.
    Release(usize),
    /// A webhook comes in.
    Webhook(EventHint),
}

/// The world.
pub struct World {
    /// Milliseconds since the beginning.
    pub now: u64,
    /// How many of them the processes' own clock left out.
    pub leaped: u64,
    /// What this seed is like.
    pub options: Options,
    /// Draws of the world.
    pub chance: Chance,
    /// Draws that the engine asks for.
    pub entropy: Chance,
    /// What is going to happen.
    pub timeline: Timeline,
    /// Who sleeps.
    pub sleepers: Sleepers,
    /// What the owner of the processes is asked to do.
    pub commands: VecDeque<Command>,
    /// Stripe.
    pub stripe: stripe::Stripe,
    /// Proxmox.
    pub proxmox: proxmox::Proxmox,
    /// Cloudflare.
    pub cloudflare: cloudflare::Cloudflare,
    /// The file server.
    pub files: files::Files,
    /// The mail server.
    pub post: post::Post,
    /// Runs of the script.
    pub runs: Runs,
    /// Customers and what they want.
    pub orders: Orders,
    /// Processes, dead ones too.
    pub processes: BTreeMap<Pid, process::Process>,
    /// Who holds the lease.
    pub lease: Option<Pid>,
    /// Rings when the lease may have become free.
    pub lease_bell: Arc<Notify>,
    /// What calls meet that a test has arranged, whatever is drawn for others.
    pub arranged: BTreeMap<Op, Arranged>,
    /// Faults still happen.
    pub faulty: bool,
    /// When faults stopped.
    pub healed_at: Option<u64>,
    /// When something last happened that no process did.
    pub stirred_at: u64,
    /// When Stripe's events and its subscriptions were last listed with success.
    pub listed_at: (u64, u64),
    /// Requests of the dead, and of clients that gave up, that are still to arrive.
    pub still_to_arrive: u32,
    /// Calls under way.
    pub in_flight: u32,
    /// What was counted.
    pub tally: Tally,
    /// What is somebody else's, as it was when it was first seen.
    pub foreign: crate::invariants::foreign::Book,
    /// The first broken promise.
    pub violation: Option<Violation>,
    /// What happened.
    pub trace: Trace,
    /// Disturbances so far, as (millisecond, kind, which of that kind, what).
    pub disturbances: Vec<(u64, Kind, u32, String)>,
    /// Milliseconds in which a worker could have acted on Stripe, and when that was last summed up.
    calm: (u64, u64),
    nth: BTreeMap<Kind, u32>,
    muted: Muted,
}

/// The world as everybody holds it.
#[derive(Clone)]
pub struct Shared(Arc<Mutex<World>>);

impl Shared {
    /// Shares a world.
    pub fn new(world: World) -> Self {
        Self(Arc::new(Mutex::new(world)))
    }

    /// The world. There is one thread, so nobody ever waits.
    pub fn lock(&self) -> MutexGuard<'_, World> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl World {
    /// The world of a seed, before anything happened.
    pub fn new(seed: u64, muted: Muted, detail: Detail) -> Self {
        let mut world = Self::bare(seed, Options::draw(&mut Chance::new(seed, 1)), muted, detail);
        crate::customers::come(&mut world);
        crate::operator::come(&mut world);
        world
    }

    /// A world to which nobody comes and in which nothing goes wrong but what is arranged: for whoever
    /// holds the ports against what they promise.
    pub fn still(seed: u64) -> Self {
        Self::bare(seed, Options::still(), Muted::default(), Detail::Hash)
    }

    fn bare(seed: u64, options: Options, muted: Muted, detail: Detail) -> Self {
        Self {
            now: 0,
            leaped: 0,
            chance: Chance::new(seed, 2),
            entropy: Chance::new(seed, 3),
            timeline: Timeline::default(),
            sleepers: Sleepers::default(),
            commands: VecDeque::new(),
            stripe: stripe::Stripe::default(),
            proxmox: proxmox::Proxmox::new(options.vmids),
            cloudflare: cloudflare::Cloudflare::default(),
            files: files::Files::default(),
            post: post::Post::default(),
            runs: Runs::default(),
            orders: Orders::default(),
            processes: BTreeMap::new(),
            lease: None,
            lease_bell: Arc::default(),
            arranged: BTreeMap::new(),
            faulty: !options.quiet,
            healed_at: None,
            stirred_at: 0,
            listed_at: (0, 0),
            still_to_arrive: 0,
            in_flight: 0,
            tally: Tally::default(),
            foreign: BTreeMap::new(),
            violation: None,
            trace: Trace::new(detail),
            disturbances: Vec::new(),
            calm: (0, 0),
            nth: BTreeMap::new(),
            muted,
            options,
        }
    }

    /// Stripe's now.
    pub fn stripe_now(&self) -> Timestamp {
        Timestamp::from_unix(EPOCH_SECS + secs(self.now))
    }

    /// The millisecond at which Stripe's clock shows a moment.
    pub fn millis_of(&self, moment: Timestamp) -> u64 {
        u64::try_from(moment.as_unix() - EPOCH_SECS).unwrap_or(0) * 1_000
    }

    /// The processes' own clock, which a leap leaves out.
    pub fn own_now(&self) -> u64 {
        self.now - self.leaped
    }

    /// Lets something happen after that many milliseconds.
    pub fn after(&mut self, wait: u64, act: impl FnOnce(&mut Self) + Send + 'static) {
        self.timeline.add(self.now + wait, None, Box::new(act));
    }

    /// Lets something happen that belongs to a process's call.
    pub fn after_of(&mut self, pid: Pid, wait: u64, act: impl FnOnce(&mut Self) + Send + 'static) {
        self.timeline.add(self.now + wait, Some(pid), Box::new(act));
    }

    /// Asks for a command after that many milliseconds.
    pub fn command_after(&mut self, wait: u64, command: Command) {
        self.after(wait, |world| world.commands.push_back(command));
    }

    /// Asks whether a disturbance that was drawn may happen, and writes it down.
    pub fn disturb(&mut self, kind: Kind, what: impl FnOnce() -> String) -> bool {
        if !self.faulty {
            return false;
        }
        let nth = self.nth.entry(kind).or_insert(0);
        let this = *nth;
        *nth += 1;
        if self.muted.leaves_out(kind, this) {
            return false;
        }
        let what = if self.trace_has_lines() { what() } else { String::new() };
        self.trace.note(self.now, "FAULT", (kind as u64, u64::from(this)), || format!("{kind:?} {this}: {what}"));
        self.disturbances.push((self.now, kind, this, what));
        true
    }

    /// Whether lines are kept.
    pub fn trace_has_lines(&self) -> bool {
        self.trace.has_lines()
    }

    /// Whether a system is down just now, and if so whether it gives no answer at all.
    pub fn is_down(&self, system: System) -> Option<bool> {
        if !self.faulty || self.muted.kinds.contains(&Kind::Outage) {
            return None;
        }
        let mut down = None;
        for (nth, outage) in (0_u32..).zip(&self.options.outages) {
            let now = (outage.from..outage.to).contains(&self.now) && outage.system == system;
            if now && !self.muted.leaves_out(Kind::Outage, nth) {
                down = Some(outage.silent);
            }
        }
        down
    }

    /// Takes down the first broken promise.
    pub fn violate(&mut self, invariant: Invariant, what: String) {
        self.trace.note(self.now, "BROKEN", (invariant as u64, 0), || format!("{invariant}: {what}"));
        if self.violation.is_none() {
            self.violation = Some(Violation { invariant, what, at: self.now });
        }
    }

    /// Counts an outside call.
    pub fn count_call(&mut self, op: Op, fate: crate::fate::Fate) {
        self.tally.call(op, fate);
    }

    /// Milliseconds so far in which a worker was alive and Stripe was up.
    pub fn calm_so_far(&mut self) -> u64 {
        let (sum, from) = self.calm;
        let worker = self.lease.is_some_and(|pid| self.processes.get(&pid).is_some_and(|p| p.alive));
        let calm = worker && self.is_down(System::Stripe).is_none();
        let sum = sum + if calm { self.now - from } else { 0 };
        self.calm = (sum, self.now);
        sum
    }

    /// Lets something arrive late that nobody waits for any more.
    pub fn arrive_late(&mut self, wait: u64, act: impl FnOnce(&mut Self) + Send + 'static) {
        self.still_to_arrive += 1;
        self.after(wait, |world| {
            world.still_to_arrive -= 1;
            act(world);
        });
    }

    /// Whether nothing is under way anywhere: no call, no run, and nothing that is still to arrive.
    pub fn is_idle(&self) -> bool {
        self.in_flight == 0 && !self.timeline.has_calls() && self.still_to_arrive == 0 && !self.runs.any_alive()
    }

    /// Moves the world to that millisecond without anything happening in between.
    pub fn move_to(&mut self, at: u64) {
        self.now = self.now.max(at);
    }
}

/// Whole seconds.
pub fn secs(millis: u64) -> i64 {
    i64::try_from(millis / 1_000).unwrap_or(i64::MAX)
}
