//! A process of the service, as the world knows it: its clock, its runs, and what it listed lately.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use tamesuke_domain::ids::Vmid;
use tamesuke_domain::parts::{DnsRecord, Tunnel};
use tamesuke_domain::subdomain::Subdomain;
use tamesuke_domain::time::{Monotonic, Timestamp};
use tokio::sync::Notify;

use super::{EPOCH_SECS, Pid, World, secs};

/// `Date` has whole seconds and answers take time: below that a difference says nothing.
const JITTER_SECS: i64 = 2;

/// A list read lately, and when its reading began by the process's own clock.
pub type Lately<T> = Option<(Monotonic, Arc<Vec<T>>)>;

/// A process of the service.
#[derive(Default)]
pub struct Process {
    /// When it started, by the processes' own clock.
    pub born: u64,
    /// Whether it runs.
    pub alive: bool,
    /// When it ended.
    pub ended_at: Option<u64>,
    /// Whether it was told to stop.
    pub stopping: bool,
    /// How far its local clock is off, in seconds.
    pub skew_secs: i64,
    /// Stripe's last date that it heard, and when.
    pub anchor: Option<(i64, u64)>,
    /// Rings when Stripe's clock was seen to have moved.
    pub jumped: Arc<Notify>,
    /// The newest run of each name that this process started.
    pub runs: BTreeMap<Subdomain, usize>,
    /// Names whose run reached another step.
    pub changed: VecDeque<Subdomain>,
    /// Rings when there are some.
    pub changed_bell: Arc<Notify>,
    /// Rings when the process is to stop.
    pub stop_bell: Arc<Notify>,
    /// How old the oldest list was that the last look at a name rested on: when its reading began, by the
    /// processes' own clock.
    pub looked: BTreeMap<Subdomain, u64>,
    /// Guests as listed lately: number, name, whether a template.
    pub guests: Lately<(Vmid, Option<String>)>,
    /// Tunnels as listed lately.
    pub tunnels: Lately<Tunnel>,
    /// Records as listed lately, with their label.
    pub records: Lately<(String, DnsRecord)>,
}

impl World {
    /// A process that has just started.
    pub fn birth(&mut self) -> Pid {
        let pid = Pid::try_from(self.processes.len()).unwrap_or(Pid::MAX);
        let range = self.options.skew_secs;
        let drawn = i64::try_from(self.chance.below(2 * range + 1)).unwrap_or(0) - i64::try_from(range).unwrap_or(0);
        let skewed = drawn != 0 && self.disturb(crate::fate::Kind::Clock, || format!("local clock off by {drawn} s"));
        let process = Process {
            born: self.own_now(),
            alive: true,
            skew_secs: if skewed { drawn } else { 0 },
            ..Process::default()
        };
        self.processes.insert(pid, process);
        self.trace.note(self.now, "start", (u64::from(pid), 0), || format!("process {pid}"));
        pid
    }

    /// A process's own clock.
    pub fn monotonic_of(&self, pid: Pid) -> Monotonic {
        let born = self.processes.get(&pid).map_or(0, |process| process.born);
        Monotonic::from_start(std::time::Duration::from_millis(self.own_now().saturating_sub(born)))
    }

    /// What a process takes for Stripe's now.
    pub fn stripe_now_of(&self, pid: Pid) -> Timestamp {
        let Some(process) = self.processes.get(&pid) else {
            return self.stripe_now();
        };
        match process.anchor {
            Some((date, at)) => Timestamp::from_unix(date + secs(self.own_now() - at)),
            None => Timestamp::from_unix(EPOCH_SECS + secs(self.now) + process.skew_secs),
        }
    }

    /// A process hears Stripe's date in an answer.
    pub fn hear_stripe(&mut self, pid: Pid) {
        self.hear_date(pid, self.stripe_now());
    }

    /// A process hears a date in an answer of Stripe's.
    pub fn hear_date(&mut self, pid: Pid, date: Timestamp) {
        let (date, known, own) = (date.as_unix(), self.stripe_now_of(pid).as_unix(), self.own_now());
        let Some(process) = self.processes.get_mut(&pid) else {
            return;
        };
        let heard_before = process.anchor.is_some();
        if heard_before && (date - known).abs() <= JITTER_SECS {
            return;
        }
        process.anchor = Some((date, own));
        if heard_before {
            process.jumped.notify_waiters();
        }
    }

    /// Live processes, oldest first.
    pub fn live_processes(&self) -> impl Iterator<Item = Pid> {
        self.processes.iter().filter(|(_, process)| process.alive).map(|(pid, _)| *pid)
    }

    /// How many processes have ended.
    pub fn ended_processes(&self) -> u32 {
        self.ended_before(self.now)
    }

    /// How many processes had ended by a moment.
    pub fn ended_before(&self, moment: u64) -> u32 {
        let ended = self.processes.values().filter(|process| process.ended_at.is_some_and(|at| at <= moment));
        u32::try_from(ended.count()).unwrap_or(u32::MAX)
    }

    /// A process is gone: its calls in flight arrive or do not, its runs die or outlive it.
    pub fn death(&mut self, pid: Pid) {
        let _so_far = self.calm_so_far();
        let now = self.now;
        if let Some(process) = self.processes.get_mut(&pid) {
            process.alive = false;
            process.ended_at = Some(now);
        }
        let mut draws = self.chance.clone();
        let _next = self.chance.bits();
        self.timeline.cut(pid, || draws.permille(500));
        if self.lease == Some(pid) {
            self.lease = None;
            self.lease_bell.notify_waiters();
        }
        crate::script::parent_died(self, pid);
        self.post.process_died(pid);
        self.trace.note(self.now, "death", (u64::from(pid), 0), || format!("process {pid}"));
    }
}
