//! Faults of the script's ten steps, set in the sandbox. They hit only the script's own requests, told
//! apart by their `User-Agent`; at step 10 the ingress answers 502 to everybody for that attempt.

use std::str::FromStr;
use std::time::Duration;

use anyhow::bail;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use super::Server;
use crate::sandbox::Sandbox;

/// A step that fails, and how often; for ever where `times` is none.
#[derive(Debug, Clone)]
pub(crate) struct Fault {
    pub(crate) step: u8,
    pub(crate) times: Option<u64>,
}

/// The fault of a step, met once.
pub(crate) fn once(step: u8) -> Fault {
    Fault { step, times: Some(1) }
}

impl FromStr for Fault {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (mut step, mut times) = (None, Some(1));
        for part in text.split(',') {
            match part.split_once('=') {
                Some(("step", number)) => {
                    step = number.parse().ok().filter(|step| (1..=10).contains(step));
                }
                Some(("times", "always")) => times = None,
                Some(("times", number)) => {
                    times = Some(number.parse().map_err(|_| "times is a number or always")?);
                }
                None if part == "always" => times = None,
                Some(_) | None => {
                    return Err(format!("{part} is not understood; step=K[,times=N|always]"));
                }
            }
        }
        Ok(Self { step: step.ok_or("step=1 to step=10 is needed")?, times })
    }
}

impl Fault {
    fn rule(&self) -> Value {
        let refused = |text: &str| json!({"kind": "status", "status": 400, "body": {"success": false, "errors": [{"code": 9999, "message": text}], "messages": [], "result": null}});
        let broken = json!({"kind": "status", "status": 500, "body": {"data": null, "message": "planned fault\n"}});
        let (service, method, path, effect) = match self.step {
            1 => ("proxmox", "GET", "/api2/json/cluster/resources", broken),
            2 => ("cloudflare", "POST", "*/cfd_tunnel", refused("planned fault")),
            3 => ("cloudflare", "GET", "*/cfd_tunnel/*/token", refused("planned fault")),
            4 => ("cloudflare", "PUT", "*/configurations", refused("planned fault")),
            5 => ("cloudflare", "POST", "*/dns_records", refused("planned fault")),
            // Step 6 asks nobody: the next request is held back for a moment and the child killed in it.
            6 => ("files", "PUT", "/upload/*", json!({"kind": "delay", "ms": 700})),
            7 => ("files", "PUT", "/upload/*", broken),
            8 => ("proxmox", "POST", "*/clone", broken),
            9 => ("proxmox", "POST", "*/status/start", broken),
            _ => {
                let effect = json!({"kind": "status", "status": 502});
                return json!({"service": "ingress", "times": self.times, "per": "attempt", "effect": effect});
            }
        };
        json!({"service": service, "method": method, "path": path, "user_agent_not_prefix": "tamesuke/", "times": self.times, "effect": effect})
    }

    /// Sets the fault.
    pub(crate) async fn set(&self, sandbox: &Sandbox) -> anyhow::Result<()> {
        sandbox.post("/faults", self.rule()).await.map(|_| ())
    }

    /// A fault that was never met proves nothing.
    pub(crate) async fn must_have_been_met(&self, sandbox: &Sandbox) -> anyhow::Result<()> {
        let faults = sandbox.get("/faults").await?;
        let hits = faults[0]["hits"].as_u64().unwrap_or(0);
        if hits == 0 || self.times.is_some_and(|times| hits < times) {
            bail!("the fault at step {} was met {hits} times", self.step);
        }
        Ok(())
    }

    /// For step 6: kills the service's child each time the fault is met, until told to stop.
    pub(crate) async fn kill_children(&self, sandbox: &Sandbox, server: &Server) -> anyhow::Result<()> {
        let mut killed = 0;
        loop {
            let faults = sandbox.get("/faults").await?;
            let hits = faults[0]["hits"].as_u64().unwrap_or(0);
            if hits > killed {
                killed = hits;
                for child in children(server.pid()) {
                    // Gone already is as good as killed.
                    let _killed = kill_process(child, Signal::KILL);
                }
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// The living direct children of a process. One that has ended and is not yet waited for is none.
pub(crate) fn children(parent: Option<u32>) -> Vec<Pid> {
    let Some(parent) = parent else {
        return Vec::new();
    };
    let Ok(entries) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    let parent = parent.to_string();
    let is_child = |pid: &i32| {
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        is_living_child(&stat, &parent)
    };
    let pids = entries.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    pids.filter(is_child).filter_map(Pid::from_raw).collect()
}

/// Whether a line of `/proc/PID/stat` is of a living child: `PID (program) STATE PARENT …`.
fn is_living_child(stat: &str, parent: &str) -> bool {
    let Some((_, rest)) = stat.rsplit_once(") ") else { return false };
    let mut fields = rest.split(' ');
    let state = fields.next().unwrap_or_default();
    !matches!(state, "Z" | "X") && fields.next() == Some(parent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_child_that_is_not_yet_waited_for_is_not_alive() {
        assert!(is_living_child("7 (python3) S 3 7 7 0 -1", "3"));
        assert!(is_living_child("7 (a) Z 3) R 3 7 7", "3"), "a program's name may hold anything");
        assert!(!is_living_child("7 (python3) Z 3 7 7 0 -1", "3"));
        assert!(!is_living_child("7 (python3) S 33 7 7 0 -1", "3"));
        assert!(!is_living_child("", "3"));
    }
}
