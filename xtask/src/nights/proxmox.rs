//! Nights of Proxmox.

use anyhow::{Context as _, ensure};
use reqwest::Method;
use rustix::process::{Signal, kill_process};
use serde_json::{Value, json};

use super::service::{Call, LONG, Order, Service, attempts, fault, is, is_ours, set};
use crate::demo::children;
use crate::sandbox::until;

/// Longer than the script waits for any answer of Proxmox (5 s), however slow the machine is.
const TOO_LONG_MS: u64 = 20_000;

pub(super) async fn all(service: &Service) -> anyhow::Result<()> {
    for order in orders() {
        order.live(service).await?;
    }
    service.night("a template that is locked", locked_template(service)).await?;
    service.night("a clone that is visible before it is complete", unfinished(service)).await
}

fn next_clone(exit: &str) -> Call {
    (Method::POST, "/proxmox/next-task", json!({"type": "vzclone", "exit": exit}))
}

fn orders() -> Vec<Order> {
    let gone = |status: u16, reason: &str| json!({"kind": "status", "status": status, "reason": reason});
    let locked = json!({"kind": "status", "status": 500, "reason": "CT is locked (disk)",
        "body": {"data": null, "message": "CT is locked (disk)\n"}});
    let order = |name, what, begin| Order { name, what, begin, costs_a_run: true };
    vec![
        order("warned", "a clone that ends with WARNINGS: 1", vec![next_clone("WARNINGS: 1")]),
        order(
            "storage",
            "a storage lock that times out",
            vec![next_clone("clone failed: cfs-lock 'storage-vm-storage' error: got lock request timeout")],
        ),
        order(
            "taken",
            "CT is locked, said when it comes to the clone",
            vec![fault("proxmox", json!({"path": "*/clone", "times": 1, "effect": locked}))],
        ),
        order("ticket", "tickets that expire in mid-run", expiring_tickets()),
        order(
            "node",
            "a node that does not answer (595, then 596)",
            vec![
                fault(
                    "proxmox",
                    json!({"path": "*/status/start", "times": 1, "effect": gone(595, "Connection refused")}),
                ),
                fault("proxmox", json!({"path": "*/config", "times": 3, "effect": gone(596, "Connection timed out")})),
            ],
        ),
        order(
            "slow",
            "a clone that answers after more than 5 s",
            vec![fault(
                "proxmox",
                json!({"path": "*/clone", "times": 1, "effect": {"kind": "slow", "ms": TOO_LONG_MS}}),
            )],
        ),
    ]
}

/// The script's ticket ends before it starts the container; the service's, before it deletes what that
/// run left and once more while it waits for that task. Counted in calls, so that it is the same on any
/// machine.
fn expiring_tickets() -> Vec<Call> {
    let ends = |mut rule: Value| {
        rule["times"] = json!(1);
        rule["effect"] = json!({"kind": "end_log_ins"});
        fault("proxmox", rule)
    };
    vec![
        set(json!({"unauthorized_ms": 50})),
        ends(json!({"path": "*/status/start", "user_agent_not_prefix": "tamesuke/"})),
        ends(json!({"method": "DELETE", "path": "*/lxc/*", "user_agent_prefix": "tamesuke/"})),
        ends(json!({"path": "*/tasks/*", "user_agent_prefix": "tamesuke/"})),
    ]
}

/// It is waited for, at no run's cost.
async fn locked_template(service: &Service) -> anyhow::Result<()> {
    service.call((Method::PATCH, "/proxmox/guests/8011", json!({"lock": "backup"}))).await?;
    let since = service.seq().await?;
    let session = service.order("ctlocked").await?;
    let looks = |entry: &Value| is_ours(entry) && is(entry, "proxmox", "GET", "/lxc/8011/config");
    service.seen("two looks at the template", (since, 2), looks).await?;
    let trial = service.trial(&session).await?;
    ensure!(attempts(&trial) == 0, "waiting for the template cost a run: {}", trial["metadata"]);
    service.call((Method::PATCH, "/proxmox/guests/8011", json!({"lock": null}))).await?;
    service.ready("ctlocked", &session).await.map(|_| ())
}

/// The run dies while its clone is being made. What stands there is neither used nor removed before it is
/// whole; then it makes way for the next run.
async fn unfinished(service: &Service) -> anyhow::Result<()> {
    let name = "unfinished";
    // Two minutes of the sandbox's clock, which is moved below.
    service.call(set(json!({"clone_ms": 6_000_000}))).await?;
    let session = service.order(name).await?;
    let vmid = until("a clone that is being made", LONG, || async {
        let guest = service.guest(name).await?.filter(|guest| guest["lock"] == "create");
        Ok(guest.and_then(|guest| guest["vmid"].as_u64()).ok_or_else(|| "none".to_owned()))
    })
    .await?;
    for run in children(service.server.pid()) {
        kill_process(run, Signal::KILL).context("the run can't be killed")?;
    }
    let since = service.seq().await?;
    let looks = |entry: &Value| is_ours(entry) && is(entry, "proxmox", "GET", &format!("/lxc/{vmid}/config"));
    service.seen("two looks at the clone", (since, 2), looks).await?;
    let touched = |entry: &Value| is_ours(entry) && entry["service"] != "stripe" && entry["method"] != "GET";
    let touched = service.asked(since, touched).await?;
    ensure!(touched.is_empty(), "an unfinished clone was not left alone: {touched:?}");
    let trial = service.trial(&session).await?;
    ensure!(attempts(&trial) == 1, "another run was begun beside it: {}", trial["metadata"]);
    ensure!(trial["metadata"]["vmid"].is_null(), "an unfinished clone was given: {}", trial["metadata"]);
    service.mend().await?;
    service.sandbox().jump(130).await?;
    let trial = service.ready(name, &session).await?;
    ensure!(attempts(&trial) >= 2, "a clone whose run died was taken for whole: {}", trial["metadata"]);
    Ok(())
}
