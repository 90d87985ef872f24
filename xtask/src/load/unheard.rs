//! Webhooks are held back and the list of events fails: only the resync is left, and one is enough.

use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};

use crate::demo::{is_ready, order_and_pay};
use crate::sandbox::until;
use crate::stage::Stage;
use crate::world::array;

const ORDERS: usize = 3;
/// Guards against never; judged are counts.
const READY_MAX: Duration = Duration::from_secs(180);

/// Plays it; gives what was counted.
pub(super) async fn play() -> anyhow::Result<String> {
    let stage = Stage::set(true).await?;
    let mut server = stage.serve(&[("RESYNC_SECONDS", "40"), ("POLL_SECONDS", "1")]).await?;
    stage.sandbox.post("/stripe/webhooks", json!({"paused": true})).await?;
    let cut = json!({"service": "stripe", "method": "GET", "path": "/v1/events*", "effect": {"kind": "status", "status": 500}});
    stage.sandbox.post("/faults", cut).await?;
    let mut sessions = Vec::new();
    for n in 0..ORDERS {
        let name = format!("unheard{n}");
        sessions.push((order_and_pay(&stage.sandbox, &server, &name).await?, name));
    }
    let paid = stage.last_seq().await?;
    let mut ready = 0;
    for (session, name) in &sessions {
        until(&format!("{name} ready"), READY_MAX, || is_ready(&stage.sandbox, name, session)).await?;
        ready += 1;
    }
    let log = stage.sandbox.get(&format!("/requests?service=stripe&since_seq={paid}")).await?;
    let log = array(&log);
    let heard = array(&stage.sandbox.get("/state/stripe").await?["deliveries"]).len();
    ensure!(heard == 0, "{heard} webhooks were delivered all the same");
    let events_read = log.iter().filter(|e| e["path"] == "/v1/events" && e["status"] == 200).count();
    ensure!(events_read == 0, "the list of events was read {events_read} times all the same");
    let last_attempt = log.iter().rposition(is_attempt).unwrap_or(log.len());
    let listings = log[..last_attempt].iter().filter(|entry| is_listing(entry)).count();
    ensure!(listings == 1, "{listings} listings were needed until all runs had begun");
    server.stop().await?;
    stage.sandbox.stop().await?;
    Ok(format!("{ready} orders became active by 1 listing, with 0 webhooks and 0 events"))
}

/// A resync starts with the sessions made lately; other lists of sessions start from a known one.
fn is_listing(entry: &Value) -> bool {
    let query = entry["query"].as_str().unwrap_or_default();
    let since = query.contains("created") && !query.contains("ending_before");
    entry["method"] == "GET" && entry["path"] == "/v1/checkout/sessions" && since
}

fn is_attempt(entry: &Value) -> bool {
    entry["method"] == "POST" && entry["body"].as_str().is_some_and(|body| body.contains("tmsk_attempt"))
}
