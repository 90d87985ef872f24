//! Whole lives without a person: what is reported of the world is read from the sandbox's own state and
//! request log, never from the service.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::Server;
use super::fault::Fault;
use super::foreign::Foreign;
use super::order::{COMPANY, order_and_pay};
use crate::sandbox::{Sandbox, until};

/// What is to be lived.
pub(crate) struct Plan {
    pub(crate) names: Vec<String>,
    pub(crate) fault: Option<Fault>,
    pub(crate) time_scale: f64,
    /// Which of several lives on one name it is.
    pub(crate) number: usize,
}

const SEVEN_DAYS_SECS: i64 = 7 * 86_400;

impl Plan {
    /// How long a trial may take to be ready or refused: real Proxmox time, retries and silences.
    fn patience(&self) -> Duration {
        let lives = u32::try_from(self.names.len()).unwrap_or(u32::MAX);
        let machine = Duration::from_secs_f64(60.0 * self.time_scale.max(0.1)).saturating_mul(lives);
        // A busy machine may miss the script's short wait once: what it made is silent for 75 s, then removed.
        let faults = match &self.fault {
            None => Duration::from_secs(150),
            Some(Fault { step: 10, times: None }) => Duration::from_secs(1_200),
            Some(Fault { times: None, .. }) => Duration::from_secs(400),
            Some(Fault { times: Some(times), .. }) => {
                Duration::from_secs(240).saturating_mul(u32::try_from(*times).unwrap_or(1))
            }
        };
        machine + faults + Duration::from_secs(30)
    }

    fn ends_refused(&self) -> bool {
        self.fault.as_ref().is_some_and(|fault| fault.times.is_none())
    }
}

/// Lives all lives of a plan; gives the report.
pub(crate) async fn live(plan: &Plan, sandbox: &Sandbox, server: &Server) -> anyhow::Result<Value> {
    let foreign = Foreign::plant(sandbox, &plan.names, plan.number).await?;
    if let Some(fault) = plan.fault.as_ref().filter(|_| plan.number == 0) {
        fault.set(sandbox).await?;
    }
    let mails_before = mails(sandbox, None).await?.len();
    let log_before = sandbox.get("/requests").await?.as_array().and_then(|log| log.last().cloned()).unwrap_or_default();
    let mut sessions = Vec::new();
    for name in &plan.names {
        sessions.push(order_and_pay(sandbox, server, name).await.with_context(|| format!("the order of {name}"))?);
    }
    let paid = Instant::now();
    let lived = async {
        if plan.ends_refused() {
            refused(plan, sandbox, server, &sessions).await
        } else {
            ready_to_closed(plan, sandbox, &sessions, paid).await
        }
    };
    let mut report = match &plan.fault {
        Some(fault) if fault.step == 6 => tokio::select! {
            // Cancel-safe: the killer only reads and kills.
            report = lived => report?,
            killer = fault.kill_children(sandbox, server) => { killer?; bail!("the killer ended") }
        },
        Some(_) | None => lived.await?,
    };
    if let Some(fault) = &plan.fault {
        fault.must_have_been_met(sandbox).await?;
    }
    let (changed, left) = foreign.compare(sandbox).await?;
    let kinds: Vec<String> = mails(sandbox, None).await?.into_iter().skip(mails_before).collect();
    report["ok"] = json!(true);
    report["subdomain"] = json!(plan.names[0]);
    report["time_scale"] = json!(plan.time_scale);
    report["provisioner_ms"] = json!(script_ms(sandbox, log_before["seq"].as_u64().unwrap_or(0)).await?);
    report["mails"] = json!(kinds.iter().fold(Vec::new(), |mut seen: Vec<&String>, kind| {
        if plan.names.len() == 1 || !seen.contains(&kind) {
            seen.push(kind);
        }
        seen
    }));
    report["leftovers"] = json!(left.len());
    report["foreign_changed"] = json!(changed.len());
    if !left.is_empty() || !changed.is_empty() {
        bail!("left over: {left:?}; foreign things changed: {changed:?}");
    }
    Ok(report)
}

fn array(value: &Value) -> Vec<Value> {
    value.as_array().cloned().unwrap_or_default()
}

/// The subscription that a session became, or the one of that id, from the sandbox's state.
pub(crate) fn subscription(stripe: &Value, session: &str) -> Option<Value> {
    if session.starts_with("sub_") {
        return array(&stripe["subscriptions"]).into_iter().find(|s| s["id"] == session);
    }
    let session = array(&stripe["checkout_sessions"]).into_iter().find(|s| s["id"] == session)?;
    array(&stripe["subscriptions"]).into_iter().find(|s| s["id"] == session["subscription"])
}

/// The kinds of the mails to customers, by their Message-IDs, oldest first.
pub(crate) async fn mails(sandbox: &Sandbox, about: Option<&str>) -> anyhow::Result<Vec<String>> {
    let all = array(&sandbox.get("/state/mail").await?);
    let ids = all.iter().filter_map(|mail| mail["message_id"].as_str().map(str::to_owned));
    let kinds = ids.filter(|id| about.is_none_or(|about| id.contains(about))).filter_map(|id| {
        let kind = id.split('.').next()?.to_owned();
        ["welcome", "thankyou", "apology"].contains(&kind.as_str()).then_some(kind)
    });
    Ok(kinds.collect())
}

async fn ready_to_closed(plan: &Plan, sandbox: &Sandbox, sessions: &[String], paid: Instant) -> anyhow::Result<Value> {
    let mut vmids = BTreeSet::new();
    for (name, session) in plan.names.iter().zip(sessions) {
        let vmid = until(&format!("{name} ready"), plan.patience(), || is_ready(sandbox, name, session)).await?;
        vmids.insert(vmid);
    }
    let time_to_ready_ms = u64::try_from(paid.elapsed().as_millis()).unwrap_or(u64::MAX);
    if vmids.len() != plan.names.len() {
        bail!("{} lives share {} containers", plan.names.len(), vmids.len());
    }
    sandbox.jump(SEVEN_DAYS_SECS + 60).await?;
    for (name, session) in plan.names.iter().zip(sessions) {
        until(&format!("{name} closed"), Duration::from_secs(120), || is_closed(sandbox, name, session)).await?;
    }
    Ok(json!({"outcome": "closed", "time_to_ready_ms": time_to_ready_ms, "distinct_vmids": vmids.len()}))
}

/// Ready: metadata written, the end set, the Customer named, the page answers, the welcome is there.
pub(crate) async fn is_ready(sandbox: &Sandbox, name: &str, session: &str) -> anyhow::Result<Result<u64, String>> {
    let stripe = sandbox.get("/state/stripe").await?;
    let Some(trial) = subscription(&stripe, session) else {
        return Ok(Err("no subscription".to_owned()));
    };
    let metadata = &trial["metadata"];
    let Some(vmid) = metadata["vmid"].as_str().and_then(|vmid| vmid.parse::<u64>().ok()) else {
        return Ok(Err(format!("metadata {metadata}")));
    };
    let customer = array(&stripe["customers"]).into_iter().find(|c| c["id"] == trial["customer"]).unwrap_or_default();
    let whole = metadata["url"] == format!("https://{name}.persys.jp").as_str()
        && metadata["tunnel_id"].as_str().is_some()
        && trial["cancel_at_period_end"] == true
        && customer["metadata"]["company_name"] == COMPANY
        && customer["name"] == COMPANY;
    if !whole {
        return Ok(Err(format!("metadata {metadata}, customer {customer}")));
    }
    if let Err(seen) = answers(sandbox, name, vmid).await? {
        return Ok(Err(seen));
    }
    let id = trial["id"].as_str().unwrap_or_default();
    if !mails(sandbox, Some(id)).await?.contains(&"welcome".to_owned()) {
        return Ok(Err("no welcome mail".to_owned()));
    }
    Ok(Ok(vmid))
}

/// Whether a name leads a visitor to the page of that container.
pub(crate) async fn answers(sandbox: &Sandbox, name: &str, vmid: u64) -> anyhow::Result<Result<(), String>> {
    let request = sandbox.http.get(sandbox.address("ingress")).header("Host", format!("{name}.persys.jp"));
    let answer = request.send().await?;
    let status = answer.status();
    let page = answer.text().await?;
    let right = status == 200 && page.contains(&format!("コンテナ {vmid}"));
    Ok(if right { Ok(()) } else { Err(format!("the page answered {status}")) })
}

/// Closed: ended, everything gone, thanked, charged once.
pub(crate) async fn is_closed(sandbox: &Sandbox, name: &str, session: &str) -> anyhow::Result<Result<(), String>> {
    let state = sandbox.get("/state").await?;
    let Some(trial) = subscription(&state["stripe"], session) else { bail!("the subscription is gone") };
    if trial["status"] != "canceled" {
        return Ok(Err(format!("the subscription is {}", trial["status"])));
    }
    let left = parts_of(&state, name, &trial);
    if !left.is_empty() {
        return Ok(Err(format!("still there: {left:?}")));
    }
    let id = trial["id"].as_str().unwrap_or_default();
    if !mails(sandbox, Some(id)).await?.contains(&"thankyou".to_owned()) {
        return Ok(Err("no thank-you mail".to_owned()));
    }
    let charged = array(&state["stripe"]["invoices"])
        .into_iter()
        .filter(|i| i["parent"]["subscription_details"]["subscription"] == trial["id"])
        .count();
    if charged == 1 { Ok(Ok(())) } else { bail!("{charged} invoices for one trial") }
}

/// What is left of a trial in the world.
fn parts_of(state: &Value, name: &str, trial: &Value) -> Vec<String> {
    let mut left = Vec::new();
    let vmid = trial["metadata"]["vmid"].as_str().unwrap_or_default();
    if array(&state["proxmox"]["guests"])
        .iter()
        .any(|guest| guest["vmid"].as_u64().is_some_and(|number| number.to_string() == vmid))
    {
        left.push(format!("container {vmid}"));
    }
    let suffix = format!("-{name}");
    let made_for = |tunnel: &Value| {
        let tunnel_name = tunnel["name"].as_str().unwrap_or_default();
        let number = tunnel_name.strip_prefix("service-").and_then(|rest| rest.strip_suffix(&suffix));
        tunnel["deleted_at"].is_null() && number.is_some_and(|number| number.parse::<u64>().is_ok())
    };
    left.extend(
        array(&state["cloudflare"]["tunnels"]).iter().filter(|t| made_for(t)).map(|t| format!("tunnel {}", t["name"])),
    );
    let full = format!("{name}.persys.jp");
    left.extend(
        array(&state["cloudflare"]["records"])
            .iter()
            .filter(|r| r["name"] == full.as_str())
            .map(|_| "record".to_owned()),
    );
    if !state["files"][format!("metadata-{name}.json")].is_null() {
        left.push("file".to_owned());
    }
    left
}

/// Refused: the money is back, the subscription canceled, everything gone, told, and the name free.
async fn refused(plan: &Plan, sandbox: &Sandbox, server: &Server, sessions: &[String]) -> anyhow::Result<Value> {
    for (name, session) in plan.names.iter().zip(sessions) {
        until(&format!("{name} refunded"), plan.patience(), || is_refused(sandbox, name, session)).await?;
        until(&format!("{name} free again"), Duration::from_secs(30), || async {
            let url = format!("{}/api/check-subdomain?subdomain={name}", server.url);
            let answer: Value = sandbox.http.get(url).send().await?.json().await?;
            Ok(if answer["available"] == true { Ok(()) } else { Err(answer.to_string()) })
        })
        .await?;
    }
    Ok(json!({"outcome": "refunded", "time_to_ready_ms": null}))
}

async fn is_refused(sandbox: &Sandbox, name: &str, session: &str) -> anyhow::Result<Result<(), String>> {
    let state = sandbox.get("/state").await?;
    let Some(trial) = subscription(&state["stripe"], session) else {
        return Ok(Err("no subscription".to_owned()));
    };
    if trial["status"] != "canceled" {
        return Ok(Err(format!("the subscription is {}, metadata {}", trial["status"], trial["metadata"])));
    }
    let refunds = refunds_of(&state["stripe"], &trial);
    if refunds != 1 {
        bail!("{refunds} refunds of one payment");
    }
    let left = parts_of(&state, name, &trial);
    if !left.is_empty() {
        return Ok(Err(format!("still there: {left:?}")));
    }
    let id = trial["id"].as_str().unwrap_or_default();
    let told = mails(sandbox, Some(id)).await?.contains(&"apology".to_owned());
    Ok(if told { Ok(()) } else { Err("no apology".to_owned()) })
}

/// How often what was paid for a trial was paid back.
fn refunds_of(stripe: &Value, trial: &Value) -> usize {
    let charges: Vec<Value> =
        array(&stripe["charges"]).into_iter().filter(|charge| charge["customer"] == trial["customer"]).collect();
    let is_of = |refund: &&Value| charges.iter().any(|charge| charge["id"] == refund["charge"]);
    array(&stripe["refunds"]).iter().filter(is_of).count()
}

/// From the script's first request to its last.
async fn script_ms(sandbox: &Sandbox, since: u64) -> anyhow::Result<i64> {
    let log = array(&sandbox.get(&format!("/requests?since_seq={since}")).await?);
    let of_script = |entry: &&Value| {
        let agent = entry["user_agent"].as_str().unwrap_or_default();
        let service = entry["service"].as_str().unwrap_or_default();
        !agent.is_empty()
            && !agent.starts_with("tamesuke/")
            && ["proxmox", "cloudflare", "files", "ingress"].contains(&service)
    };
    let times: Vec<i64> = log.iter().filter(of_script).filter_map(|entry| entry["at_ms"].as_i64()).collect();
    let first = times.iter().min().copied().unwrap_or(0);
    Ok(times.iter().max().copied().unwrap_or(0) - first)
}
