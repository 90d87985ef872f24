//! The runs of this process, and whether one of an earlier process still lives.

use std::collections::BTreeMap;
use std::fs::File;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use rustix::fs::{FlockOperation, flock};
use tamesuke_domain::look::RunView;
use tamesuke_domain::ports::{Fault, Provisioner, RunOrder, System};
use tamesuke_domain::subdomain::Subdomain;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use super::process::{BridgeSettings, Outcome, Process};

/// Steps from this one on may go side by side: the container number is taken for good.
const CLONED: u8 = 8;
/// Ended runs of which something is still known.
const ENDED_MAX: usize = 10_000;
/// Names that may wait to be told of.
const CHANGES_MAX: usize = 4_096;

#[derive(Debug, Clone, Copy)]
enum State {
    Alive { step: u8 },
    Ended { well: bool, at: Instant },
}

struct Run {
    state: State,
    stop: watch::Sender<bool>,
    gone: watch::Receiver<bool>,
}

type Table = Arc<Mutex<BTreeMap<Subdomain, Run>>>;

/// The port `Provisioner` over `provisioner.py`.
pub struct Runs {
    settings: BridgeSettings,
    table: Table,
    tell: mpsc::Sender<Subdomain>,
    told: tokio::sync::Mutex<mpsc::Receiver<Subdomain>>,
}

fn lock(table: &Table) -> MutexGuard<'_, BTreeMap<Subdomain, Run>> {
    table.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Runs {
    /// No runs yet.
    pub fn new(settings: BridgeSettings) -> Self {
        let (tell, told) = mpsc::channel(CHANGES_MAX);
        Self { settings, table: Table::default(), tell, told: tokio::sync::Mutex::new(told) }
    }

    /// The prefix keeps names apart from the directory's other files: `lease` is a name like any other,
    /// and `lease.lock` is the process's. Runs of a version that used no prefix are not seen here; they end
    /// with the process that started them, and no name with an attempt is run in a process's first minute.
    fn lock_file(&self, name: &Subdomain) -> PathBuf {
        self.settings.state_dir.join(format!("run-{name}.lock"))
    }

    /// Whether a run of an earlier process holds the name's lock. What can't be told counts as alive.
    fn is_orphan_alive(&self, name: &Subdomain) -> bool {
        match File::open(self.lock_file(name)) {
            Ok(file) => flock(&file, FlockOperation::NonBlockingLockShared).is_err(),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
            Err(error) => {
                tracing::warn!(subdomain = %name, %error, "the lock file of {name} can't be read");
                true
            }
        }
    }

    fn failed_start(error: std::io::Error) -> Fault {
        Fault::Retryable {
            system: System::Provisioner,
            operation: "start a run",
            retry_after: None,
            cause: Box::new(error),
        }
    }
}

/// Sees a run to its end, whatever that is.
async fn follow(
    mut process: Process,
    name: Subdomain,
    settings: BridgeSettings,
    mut stop: watch::Receiver<bool>,
    note: Note,
) {
    let well = {
        let on_step = |step| note.step(&name, step);
        tokio::select! {
            // Cancel-safe: whichever ends the wait, the process is killed and waited for below.
            ended = process.wait(on_step) => match ended {
                Ok((status, outcome)) => judge(&name, status.success(), outcome),
                Err(error) => {
                    tracing::warn!(subdomain = %name, %error, "the run of {name} could not be followed");
                    false
                }
            },
            _ = stop.wait_for(|stop| *stop) => {
                tracing::info!(subdomain = %name, "the run of {name} is stopped");
                false
            }
            () = tokio::time::sleep(settings.timeout) => {
                tracing::warn!(subdomain = %name, "the run of {name} took longer than {} s and is killed", settings.timeout.as_secs());
                false
            }
        }
    };
    process.kill().await;
    note.end(&name, well);
}

fn judge(name: &Subdomain, success: bool, outcome: Option<Outcome>) -> bool {
    match outcome {
        Some(Outcome::Ready { vmid, tunnel_id }) if success => {
            tracing::info!(subdomain = %name, vmid, tunnel = %tunnel_id, "the run of {name} made container {vmid}");
            true
        }
        Some(Outcome::Failed { kind, message }) => {
            tracing::warn!(subdomain = %name, kind, "the run of {name} failed: {}", mask(&message));
            false
        }
        Some(Outcome::Busy) => {
            tracing::warn!(subdomain = %name, "another run of {name} holds its lock");
            false
        }
        Some(Outcome::Ready { .. }) | None => {
            tracing::warn!(subdomain = %name, "the run of {name} ended without a result");
            false
        }
    }
}

/// Hides whatever is long enough to be a token, and whatever looks like a mail address.
fn mask(text: &str) -> String {
    let is_token = |word: &str| {
        let run = word.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '+' | '=' | '_' | '-')));
        run.map(str::len).max().unwrap_or(0) >= 40
    };
    let words = text.chars().take(500).collect::<String>();
    words
        .split_whitespace()
        .map(|word| if word.contains('@') || is_token(word) { "…" } else { word })
        .collect::<Vec<_>>()
        .join(" ")
}

#[derive(Clone)]
struct Note {
    table: Table,
    tell: mpsc::Sender<Subdomain>,
    gone: watch::Sender<bool>,
}

impl Note {
    fn step(&self, name: &Subdomain, step: u8) {
        if let Some(run) = lock(&self.table).get_mut(name) {
            run.state = State::Alive { step };
        }
        tracing::debug!(subdomain = %name, step, "{name} is at step {step}");
        self.ring(name);
    }

    fn end(&self, name: &Subdomain, well: bool) {
        if let Some(run) = lock(&self.table).get_mut(name) {
            run.state = State::Ended { well, at: Instant::now() };
        }
        self.gone.send_replace(true);
        self.ring(name);
    }

    fn ring(&self, name: &Subdomain) {
        // A full channel only delays: names are looked at again anyway.
        if self.tell.try_send(name.clone()).is_err() {
            tracing::debug!(subdomain = %name, "nobody listens for steps just now");
        }
    }
}

#[async_trait]
impl Provisioner for Runs {
    async fn start(&self, order: RunOrder) -> Result<(), Fault> {
        let name = order.subdomain.clone();
        let (stop, stopped) = watch::channel(false);
        let (gone_tell, gone) = watch::channel(false);
        {
            // Looked and noted under one lock: of two starts at once the second one sees the first.
            let mut runs = lock(&self.table);
            let alive = match runs.get(&name).map(|run| run.state) {
                Some(State::Alive { .. }) => true,
                Some(State::Ended { .. }) => false,
                None => self.is_orphan_alive(&name),
            };
            if alive {
                let busy = std::io::Error::new(std::io::ErrorKind::WouldBlock, "a run of this name is alive");
                return Err(Self::failed_start(busy));
            }
            if runs.len() >= ENDED_MAX {
                runs.retain(|_, run| matches!(run.state, State::Alive { .. }));
            }
            runs.insert(name.clone(), Run { state: State::Alive { step: 0 }, stop, gone });
        }
        let lock_file = self.lock_file(&name);
        let note = Note { table: Arc::clone(&self.table), tell: self.tell.clone(), gone: gone_tell };
        match Process::start(&self.settings, &lock_file, order).await {
            Ok(process) => {
                // The task owns the process and always kills and waits for it; `stop_all` awaits `gone`.
                tokio::spawn(follow(process, name, self.settings.clone(), stopped, note));
                Ok(())
            }
            Err(error) => {
                note.end(&name, false);
                Err(Self::failed_start(error))
            }
        }
    }

    fn look(&self, name: &Subdomain) -> RunView {
        let known = lock(&self.table).get(name).map(|run| run.state);
        match known {
            Some(State::Alive { step }) => RunView::Alive { step },
            Some(State::Ended { well: true, at }) => RunView::Succeeded { ago: at.elapsed() },
            Some(State::Ended { well: false, at }) => RunView::Failed { ago: at.elapsed() },
            None if self.is_orphan_alive(name) => RunView::Alive { step: 0 },
            None => RunView::None,
        }
    }

    fn lane_busy(&self) -> bool {
        lock(&self.table).values().any(|run| matches!(run.state, State::Alive { step } if step < CLONED))
    }

    async fn stop(&self, name: &Subdomain) {
        let gone = {
            let runs = lock(&self.table);
            let Some(run) = runs.get(name).filter(|run| matches!(run.state, State::Alive { .. })) else {
                return;
            };
            run.stop.send_replace(true);
            run.gone.clone()
        };
        wait_for_end(gone).await;
    }

    async fn stop_all(&self) {
        let waits: Vec<_> = {
            let runs = lock(&self.table);
            let alive = runs.values().filter(|run| matches!(run.state, State::Alive { .. }));
            alive
                .map(|run| {
                    run.stop.send_replace(true);
                    run.gone.clone()
                })
                .collect()
        };
        futures_util::future::join_all(waits.into_iter().map(wait_for_end)).await;
    }

    async fn changed(&self) -> Subdomain {
        let mut told = self.told.lock().await;
        match told.recv().await {
            Some(name) => name,
            // `self` holds a sender, so the channel can't close.
            None => futures_util::future::pending().await,
        }
    }
}

async fn wait_for_end(mut gone: watch::Receiver<bool>) {
    if gone.wait_for(|gone| *gone).await.is_err() {
        tracing::debug!("a run's task is gone, so is its process");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_failures_text_is_logged_without_tokens_and_addresses() {
        let token = "eyJhIjoiMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAwMDAi";
        let text = format!("500 Internal Server Error: CT is locked (disk) for taro@example.jp with {token}");
        let masked = mask(&text);
        assert!(masked.contains("CT is locked (disk)"));
        assert!(!masked.contains("taro") && !masked.contains(token), "{masked}");
    }
}
