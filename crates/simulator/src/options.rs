//! What one seed is like: drawn once, so that seeds differ in kind and not only in order (swarm
//! testing). A world with every fault at once hides what a world with one of them shows.

use tamesuke_domain::ports::System;

use crate::chance::Chance;
use crate::fate::Fate;

/// One minute in milliseconds.
pub const MINUTE: u64 = 60_000;
/// One day in milliseconds.
pub const DAY: u64 = 24 * HOUR;
/// One hour in milliseconds.
pub const HOUR: u64 = 60 * MINUTE;

/// Cloudflare's lists are at most that many milliseconds late.
pub const LIST_LAG_MAX: u32 = 20_000;

/// Names that customers want; several are close to each other on purpose.
const POOL: [&str; 16] = [
    "b", "a-b", "acme", "acme2", "x-acme", "9001", "9005-a", "a", "zeta", "zeta-1", "kilo", "m", "m-1", "lima", "b-b",
    "nine",
];

/// A system that is down for a while.
#[derive(Debug, Clone, Copy)]
pub struct Outage {
    /// Which.
    pub system: System,
    /// From that millisecond …
    pub from: u64,
    /// … until before this one.
    pub to: u64,
    /// Nothing answers at all, rather than a definite no.
    pub silent: bool,
}

/// What one seed is like.
#[derive(Debug, Clone)]
pub struct Options {
    /// No fault of any kind: a quiet life, whose calls are counted.
    pub quiet: bool,
    /// How many customers come.
    pub orders: u64,
    /// The names they want.
    pub names: Vec<&'static str>,
    /// How many container numbers there are.
    pub vmids: u32,
    /// Customers come within that many milliseconds.
    pub window: u64,
    /// The Prices' period is longer than the trials.
    pub long_price: bool,
    /// Faults in a thousand calls …
    pub calls: u32,
    /// … of these kinds.
    pub fates: Vec<Fate>,
    /// Most deaths of the process …
    pub crashes: u32,
    /// … in a thousand calls.
    pub crash_at_call: u32,
    /// Runs in a thousand that outlive their process.
    pub orphans: u32,
    /// Rolling restarts.
    pub handovers: u64,
    /// Systems that are down for a while.
    pub outages: Vec<Outage>,
    /// Webhooks in a thousand that are lost; as many are doubled or late.
    pub webhooks: u32,
    /// Events in a thousand that show late in the list.
    pub gaps: u32,
    /// Script steps in a thousand that go wrong.
    pub script: u32,
    /// Orders in a thousand whose customer does something odd.
    pub customers: u32,
    /// Orders in a thousand to whose things the operator does something.
    pub operator: u32,
    /// How many things of others appear.
    pub foreign: u64,
    /// How far a process's local clock may be off, in seconds.
    pub skew_secs: u64,
    /// How often Stripe's clock jumps.
    pub leaps: u64,
    /// The ends of trials come while faults go on.
    pub ends_in_faults: bool,
    /// How often Stripe's events are asked for, in seconds.
    pub poll_secs: u64,
    /// How many names are worked on at once.
    pub workers: usize,
    /// Faults stop at that millisecond.
    pub heal_at: u64,
    /// Tunnels can't be removed for that many milliseconds after their container stopped.
    pub linger: u64,
    /// Cloudflare's list of tunnels shows how it was that many milliseconds ago …
    pub tunnels_lag: u64,
    /// … and its list of records.
    pub records_lag: u64,
    /// Runs before a trial is given up.
    pub attempts_max: u32,
    /// A trial that is not ready after that long is given up, in seconds.
    pub overdue_secs: i64,
}

impl Options {
    /// Draws what a seed is like.
    pub fn draw(chance: &mut Chance) -> Self {
        let quiet = chance.below(40) == 0;
        let window = chance.between(5, 30) * MINUTE;
        let calm = window + chance.between(10, 45) * MINUTE;
        let vmids = choose(chance, &[8, 8, 12, 40, 40]);
        let names_count = usize::try_from(chance.between(8, 16)).unwrap_or(2);
        let first = usize::try_from(chance.below(16)).unwrap_or(0);
        let mut options = Self {
            quiet,
            orders: chance.between(10, 20),
            names: POOL.iter().cycle().skip(first).take(names_count).copied().collect(),
            vmids,
            window,
            long_price: chance.permille(300),
            calls: choose(chance, &[0, 5, 20, 60, 150]),
            fates: Fate::ALL.into_iter().skip(1).filter(|_| chance.permille(600)).collect(),
            crashes: choose(chance, &[0, 1, 2, 4, 8]),
            crash_at_call: choose(chance, &[2, 5, 20]),
            orphans: choose(chance, &[0, 200, 700]),
            handovers: u64::from(chance.permille(300)),
            outages: Vec::new(),
            webhooks: choose(chance, &[0, 100, 500, 1_000]),
            gaps: choose(chance, &[0, 50, 300]),
            script: choose(chance, &[0, 10, 40, 150]),
            customers: choose(chance, &[0, 200, 600]),
            operator: choose(chance, &[0, 200, 500, 800]),
            foreign: chance.below(6),
            skew_secs: u64::from(choose(chance, &[0, 0, 90, 7_200])),
            leaps: chance.below(3),
            ends_in_faults: chance.permille(500),
            poll_secs: u64::from(choose(chance, &[15, 30, 60])),
            workers: usize::try_from(chance.between(1, 4)).unwrap_or(1),
            heal_at: calm,
            linger: chance.between(0, 4) * MINUTE,
            tunnels_lag: u64::from(choose(chance, &[0, 0, 2_000, 10_000, LIST_LAG_MAX])),
            records_lag: u64::from(choose(chance, &[0, 0, 2_000, 10_000, LIST_LAG_MAX])),
            attempts_max: if vmids == 12 { 3 } else { 8 },
            overdue_secs: if vmids == 8 { 2_700 } else { 7_200 },
        };
        options.outages = outages(chance, calm);
        if quiet { options.silence() } else { options }
    }

    /// Nobody comes and nothing goes wrong.
    pub fn still() -> Self {
        Self { orders: 0, ..Self::draw(&mut Chance::new(0, 1)).silence() }
    }

    /// No disturbance at all, and a name for every customer.
    fn silence(mut self) -> Self {
        self.quiet = true;
        self.names = POOL.to_vec();
        self.orders = 12;
        self.vmids = 40;
        (self.calls, self.crashes, self.handovers, self.webhooks, self.gaps) = (0, 0, 0, 0, 0);
        (self.script, self.customers, self.operator, self.foreign) = (0, 0, 0, 0);
        (self.skew_secs, self.leaps, self.linger, self.tunnels_lag, self.records_lag) = (0, 0, 0, 0, 0);
        // As the service does by itself.
        (self.poll_secs, self.workers, self.ends_in_faults, self.window) = (5, 4, false, 100 * MINUTE);
        self.heal_at = self.window;
        self.outages.clear();
        self
    }
}

fn choose(chance: &mut Chance, of: &[u32]) -> u32 {
    chance.pick(of).copied().unwrap_or(0)
}

/// None to three systems that are down, mostly for minutes, at times for hours, and once in a while
/// for longer than a short trial lasts.
fn outages(chance: &mut Chance, calm: u64) -> Vec<Outage> {
    let many = chance.below(4);
    (0..many)
        .filter_map(|_| {
            let system = *chance.pick(&System::ALL)?;
            let from = chance.below(calm);
            let days = chance.between(20, 34) * HOUR;
            let long = match chance.below(20) {
                // A trial's whole period without Stripe is more than is promised.
                0 if system == System::Stripe => days / 3,
                0 => days,
                1..5 => chance.between(30, 180) * MINUTE,
                _ => chance.between(10, 900) * 1_000,
            };
            Some(Outage { system, from, to: from + long, silent: chance.permille(400) })
        })
        .collect()
}
