//! The runs of the service as seen from outside, and since which request the newest of them has been there.

use std::collections::BTreeSet;

use rustix::process::Pid;
use serde_json::Value;

use super::phase::Phase;
use crate::demo::children;
use crate::sandbox::Sandbox;
use crate::world::array;

/// What was seen of the runs; looked at again and again.
#[derive(Debug, Default)]
pub(super) struct Watch {
    runs: BTreeSet<i32>,
    /// The last request before the newest living run was seen.
    before_run: u64,
    last: u64,
}

impl Watch {
    /// Looks who is alive; a request that was made before a run was there is not taken for one of it.
    pub(super) async fn look(&mut self, sandbox: &Sandbox, service: Option<u32>) -> anyhow::Result<Vec<Pid>> {
        let alive = children(service);
        let seen: BTreeSet<i32> = alive.iter().map(|pid| pid.as_raw_nonzero().get()).collect();
        if !seen.is_subset(&self.runs) {
            self.before_run = self.last;
        }
        self.runs = seen;
        let log = sandbox.get(&format!("/requests?since_seq={}", self.last)).await?;
        self.last = array(&log).last().and_then(|entry| entry["seq"].as_u64()).unwrap_or(self.last);
        Ok(alive)
    }

    /// Where the newest run is, or was when it was killed.
    pub(super) async fn phase(&self, sandbox: &Sandbox) -> anyhow::Result<Phase> {
        let log: Value = sandbox.get(&format!("/requests?since_seq={}", self.before_run)).await?;
        Ok(Phase::of_run(&log))
    }
}
