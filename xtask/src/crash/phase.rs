//! Where in the lives a kill fell, told from what the sandbox had been asked and held at that moment.

use std::fmt;

use serde_json::Value;

use crate::world::array;

/// Where a kill fell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Phase {
    /// Orders, but no payment yet.
    BeforePaid,
    /// Paid, and no run alive.
    Paid,
    /// A run had just been started and had asked nothing yet.
    RunStarts,
    /// A run had last asked for what step k needs.
    Step(u8),
    /// All trials stood.
    Ready,
    /// Their time was over.
    Ending,
}

impl Phase {
    /// Whether a run was alive.
    pub(crate) fn is_in_run(self) -> bool {
        matches!(self, Self::RunStarts | Self::Step(_))
    }

    /// The phase of a living run, by the requests since it was seen to be alive.
    pub(crate) fn of_run(log: &Value) -> Self {
        let of_script = |entry: &&Value| {
            let agent = entry["user_agent"].as_str().unwrap_or_default();
            !agent.is_empty() && !agent.starts_with("tamesuke/") && !agent.starts_with("Stripe/")
        };
        let mut steps = array(log).iter().filter(of_script).filter_map(|entry| {
            let service = entry["service"].as_str()?;
            step(service, entry["path"].as_str()?)
        });
        steps.next_back().map_or(Self::RunStarts, Self::Step)
    }

    /// The phase where no run is alive.
    pub(crate) fn of_state(state: &Value) -> Self {
        let trials = array(&state["stripe"]["subscriptions"]);
        let now = state["clock"]["now"].as_i64().unwrap_or(0);
        let over = |trial: &Value| {
            let end = trial["items"]["data"][0]["current_period_end"].as_i64().unwrap_or(i64::MAX);
            trial["status"] == "canceled" || now >= end
        };
        match trials {
            [] => Self::BeforePaid,
            trials if trials.iter().all(over) => Self::Ending,
            trials if trials.iter().all(|t| over(t) || t["metadata"]["vmid"].is_string()) => Self::Ready,
            _ => Self::Paid,
        }
    }
}

/// Which of the script's steps a request belongs to.
fn step(service: &str, path: &str) -> Option<u8> {
    let has = |part: &str| path.contains(part);
    Some(match service {
        "cloudflare" if has("/configurations") => 4,
        "cloudflare" if has("/token") => 3,
        "cloudflare" if has("dns_records") => 5,
        "cloudflare" => 2,
        "files" => 7,
        "proxmox" if has("/clone") || has("vzclone") => 8,
        "proxmox" if has("/status/start") || has("vzstart") => 9,
        "proxmox" => 1,
        "ingress" => 10,
        _ => return None,
    })
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BeforePaid => f.write_str("before a payment"),
            Self::Paid => f.write_str("paid, no run alive"),
            Self::RunStarts => f.write_str("run, before its first call"),
            Self::Step(step) => write!(f, "run, in step {step}"),
            Self::Ready => f.write_str("ready"),
            Self::Ending => f.write_str("ending"),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_run_is_where_its_newest_request_belongs_to() {
        let entry = |agent: &str, path: &str| json!({"service": "proxmox", "path": path, "user_agent": agent});
        let ours = entry("tamesuke/0.1", "/api2/json/nodes/odin/lxc/9000/status/start");
        assert_eq!(Phase::of_run(&json!([])), Phase::RunStarts);
        assert_eq!(Phase::of_run(&json!([ours])), Phase::RunStarts);
        let list = entry("python-requests/2", "/api2/json/cluster/resources");
        let clone = entry("python-requests/2", "/api2/json/nodes/odin/lxc/8011/clone");
        assert_eq!(Phase::of_run(&json!([list, clone, ours])), Phase::Step(8));
    }
}
