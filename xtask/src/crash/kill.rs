//! One kill: when it falls, whom it hits, and that nothing of a run outlives it.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context as _;
use rustix::fs::{FlockOperation, flock};
use rustix::process::{Pid, Signal, kill_process};

use super::phase::Phase;
use super::round::Round;
use crate::demo::{Hold, Server};
use crate::draw::Draw;

/// A script that is alive so long after the service lingers. One that is left alone does not come that far by itself:
/// it ends at its next word to the service that is gone, or with its last step, seconds later. So each round holds
/// one back; how long the others take is counted beside it.
const LINGERS_FROM: Duration = Duration::from_secs(20);
/// A run to be hit is waited for that long; then whatever is there is hit …
const RUN_WAIT_MAX: Duration = Duration::from_secs(6);
/// … and so long, from the start of the wait, for one that is alive to come to its step: on a busy machine
/// Python alone takes seconds to start.
const STEP_WAIT_MAX: Duration = Duration::from_secs(20);
/// How far into a run a kill falls, in milliseconds: a run takes one to two seconds here.
const INTO_RUN_MS: u64 = 1_600;
/// How far into a step, in milliseconds.
const INTO_STEP_MS: u64 = 60;
/// How long after the last one any other kill falls, in milliseconds.
const ANY_MS: u64 = 1_500;
/// How often a script is killed alone beyond the once that each round owes.
const SCRIPT_ALONE_PERCENT: u64 = 8;
/// How soon it is looked again who is alive.
const LOOK_AGAIN: Duration = Duration::from_millis(4);
/// How long a dead service stays dead, in milliseconds.
const DEAD_MS: u64 = 300;

/// Where in a run a kill is aimed at.
#[derive(Debug)]
enum Aim {
    /// That long after it was seen to be alive.
    At(Duration),
    /// That long after the script first asked for what the step needs.
    Step(u8, Duration),
    /// In a call that only a kill ends in time.
    Held(Hold),
}

impl Aim {
    fn draw(draw: &mut Draw) -> Self {
        let step = [2, 3, 4, 5, 7, 8, 9, 10][usize::try_from(draw.between(0, 7)).unwrap_or(0)];
        let into_step = Duration::from_millis(draw.between(0, INTO_STEP_MS));
        let into_run = Duration::from_millis(draw.between(0, INTO_RUN_MS));
        if draw.percent(60) { Self::Step(step, into_step) } else { Self::At(into_run) }
    }
}

/// Whom a kill hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Victim {
    /// The service.
    Service,
    /// A script, the service lives on.
    Script,
}

impl Round {
    /// Kills at a drawn instant and starts again what was killed. Once in a round, with the first kill that
    /// meets a living run, it is the script alone; once the service, with a run that would linger.
    pub(super) async fn kill(&mut self, server: &mut Server, in_run_percent: u64) -> anyhow::Result<()> {
        let in_run = self.draw.percent(in_run_percent);
        let mut aim = Aim::draw(&mut self.draw);
        let any_ms = Duration::from_millis(self.draw.between(0, ANY_MS));
        let script_alone = self.draw.percent(SCRIPT_ALONE_PERCENT) || !self.script_was_killed();
        if in_run && !script_alone && !self.run_was_held {
            aim = Aim::Held(Hold::begin(&self.sandbox).await?);
        }
        let runs = if in_run { self.wait_for_run(server, &aim).await? } else { self.wait(server, any_ms).await? };
        let victim = if script_alone && kill_all(&runs) > 0 { Victim::Script } else { Victim::Service };
        if victim == Victim::Service {
            server.signal(Signal::KILL).await.context("the service was dead before it was killed")?;
            let outlived_by = self.nothing_outlives(server.state_dir(), &runs).await?;
            self.outlived_by.push(outlived_by);
        }
        if let Aim::Held(hold) = aim {
            self.run_was_held = !runs.is_empty() && hold.is_met(&self.sandbox).await?;
            hold.end(&self.sandbox).await?;
        }
        let phase = if runs.is_empty() {
            Phase::of_state(&self.sandbox.get("/state").await?)
        } else {
            self.watch.phase(&self.sandbox).await?
        };
        self.kills.push((phase, victim));
        if victim == Victim::Service {
            let dead_ms = self.draw.between(0, DEAD_MS);
            tokio::time::sleep(Duration::from_millis(dead_ms)).await;
            *server = self.start()?;
            // Now and then the next kill may fall before the service is up.
            if self.draw.percent(80) {
                self.healthy(server).await?;
            }
        }
        Ok(())
    }

    fn script_was_killed(&self) -> bool {
        self.kills.iter().any(|(_, victim)| *victim == Victim::Script)
    }

    /// Waits that long; gives the runs that are alive then.
    async fn wait(&mut self, server: &Server, long: Duration) -> anyhow::Result<Vec<Pid>> {
        let began = Instant::now();
        loop {
            let alive = self.watch.look(&self.sandbox, server.pid()).await?;
            if began.elapsed() >= long {
                return Ok(alive);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// Waits until a run is where the kill is aimed at, or until there was none for long; gives the runs
    /// that are alive then.
    async fn wait_for_run(&mut self, server: &Server, aim: &Aim) -> anyhow::Result<Vec<Pid>> {
        let (began, mut last_alive) = (Instant::now(), Instant::now());
        let mut seen: Option<Instant> = None;
        loop {
            let alive = self.watch.look(&self.sandbox, server.pid()).await?;
            seen = if alive.is_empty() { None } else { seen.or_else(|| Some(Instant::now())) };
            if seen.is_some() {
                last_alive = Instant::now();
            }
            let there = match (aim, seen) {
                (_, None) => false,
                (Aim::At(into), Some(since)) => since.elapsed() >= *into,
                (Aim::Step(step, into), Some(_)) => {
                    if self.watch.phase(&self.sandbox).await? >= Phase::Step(*step) {
                        return self.wait(server, *into).await;
                    }
                    false
                }
                (Aim::Held(hold), Some(_)) => hold.is_met(&self.sandbox).await?,
            };
            if there || last_alive.elapsed() >= RUN_WAIT_MAX || began.elapsed() >= STEP_WAIT_MAX {
                return Ok(alive);
            }
            tokio::time::sleep(LOOK_AGAIN).await;
        }
    }

    /// After the service's end no script of it may stay alive: neither one that was seen, nor one that holds
    /// a name's lock. Gives how long one was seen to.
    async fn nothing_outlives(&mut self, state: &Path, runs: &[Pid]) -> anyhow::Result<Duration> {
        let (died, mut outlived_by) = (Instant::now(), Duration::ZERO);
        loop {
            let alive: Vec<String> = runs.iter().copied().filter(|pid| is_alive(*pid)).map(doing).collect();
            let held = held_locks(state)?;
            if alive.is_empty() && held.is_empty() {
                return Ok(outlived_by);
            }
            outlived_by = died.elapsed();
            if outlived_by > LINGERS_FROM {
                let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
                self.outlived.push(format!(
                    "processes {alive:?}, locks {held:?} after {} ms at a load of {}",
                    outlived_by.as_millis(),
                    load.trim(),
                ));
                return Ok(outlived_by);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

/// Kills those that are still there; gives how many were.
fn kill_all(runs: &[Pid]) -> usize {
    runs.iter().filter(|run| is_alive(**run) && kill_process(**run, Signal::KILL).is_ok()).count()
}

fn is_alive(pid: Pid) -> bool {
    let stat = PathBuf::from(format!("/proc/{}/stat", pid.as_raw_nonzero()));
    std::fs::read_to_string(stat).is_ok_and(|text| !text.contains(") Z"))
}

/// What a process that should be gone is doing, for whoever has to find out why.
fn doing(pid: Pid) -> String {
    let proc = PathBuf::from(format!("/proc/{}", pid.as_raw_nonzero()));
    let line = |file: &str| std::fs::read_to_string(proc.join(file)).unwrap_or_default().trim().to_owned();
    let stat = line("stat");
    // State, …, and the 14th and 15th field: ticks spent in user and in kernel mode.
    let fields: Vec<&str> = stat.rsplit(") ").next().unwrap_or_default().split(' ').collect();
    let field = |nth: usize| fields.get(nth).copied().unwrap_or("?");
    format!("{pid:?} in state {} at {} after {}+{} ticks", field(0), line("wchan"), field(11), field(12))
}

/// Locks of runs that somebody holds.
fn held_locks(state: &Path) -> anyhow::Result<Vec<String>> {
    let mut held = Vec::new();
    for entry in std::fs::read_dir(state)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let of_a_run = name.starts_with("run-") && entry.path().extension().is_some_and(|ending| ending == "lock");
        if of_a_run && flock(File::open(entry.path())?, FlockOperation::NonBlockingLockShared).is_err() {
            held.push(name);
        }
    }
    Ok(held)
}
