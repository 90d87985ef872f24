//! Stripe gives no useful answer for a while, in the middle of lives. Few calls may fail meanwhile, and
//! when it is back all converge without a stampede.

use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};

use crate::demo::{is_ready, order_and_pay};
use crate::sandbox::until;
use crate::stage::Stage;
use crate::world::array;

/// Trials that live through it, each hinted at in the middle of it.
const LIVING: u64 = 60;
/// Orders that are paid right before it and at its beginning.
const ORDERS: usize = 3;
/// Guards against never: the longest backoff after an outage, and the runs.
const READY_MAX: Duration = Duration::from_secs(600);

// What the adapter keeps to (`stripe-adapter/src/pace.rs`, `outage.rs`), from which the bounds follow.
const PER_SECOND_MAX: usize = 20;
const IN_FLIGHT_MAX: u64 = 5;
const FAILURES_UNTIL_OPEN: u64 = 5;
/// Probes of one kind of object: 1, 2, 4, 8, 16 s, then one in 30 s, each drawn down to three quarters.
fn probes_max(secs: u64) -> u64 {
    6 + secs * 4 / (30 * 3) + 1
}

/// Plays an outage of that many seconds; gives what was counted.
pub(super) async fn play(secs: u64) -> anyhow::Result<String> {
    let stage = Stage::set(true).await?;
    stage.seed(9_000, LIVING).await?;
    let mut server = stage.serve(&[("POLL_SECONDS", "1"), ("RESYNC_SECONDS", "20")]).await?;
    let mut sessions = Vec::new();
    for n in 0..ORDERS {
        let name = format!("outage{n}");
        sessions.push((order_and_pay(&stage.sandbox, &server, &name).await?, name));
    }
    let before = stage.last_seq().await?;
    let down =
        json!({"service": "stripe", "user_agent_prefix": "tamesuke/", "effect": {"kind": "status", "status": 503}});
    let id = stage.sandbox.post("/faults", down).await?["id"].clone();
    // Everybody has a reason to ask: the newest event of each living trial is delivered again and again.
    for _ in 0..secs / 10 {
        hint_at_all(&stage).await?;
        tokio::time::sleep(Duration::from_secs(10)).await;
    }
    let healed = stage.last_seq().await?;
    stage.sandbox.control(reqwest::Method::DELETE, &format!("/faults/{id}"), None).await?;
    for (session, name) in &sessions {
        until(&format!("{name} ready"), READY_MAX, || is_ready(&stage.sandbox, name, session)).await?;
    }
    let log = stage.sandbox.get(&format!("/requests?service=stripe&since_seq={before}")).await?;
    let of_service: Vec<&Value> = array(&log)
        .iter()
        .filter(|e| e["user_agent"].as_str().is_some_and(|agent| agent.starts_with("tamesuke/")))
        .collect();
    let failing: Vec<&&Value> = of_service.iter().filter(|entry| !entry["fault"].is_null()).collect();
    let kinds: std::collections::BTreeSet<&str> =
        failing.iter().filter_map(|entry| entry["path"].as_str()?.split('/').nth(2)).collect();
    let kinds_count = u64::try_from(kinds.len())?;
    let failing_max = kinds_count * (FAILURES_UNTIL_OPEN + IN_FLIGHT_MAX + probes_max(secs));
    let failing = u64::try_from(failing.len())?;
    ensure!(failing > 0, "the outage was never met");
    ensure!(failing <= failing_max, "{failing} calls failed, more than {failing_max} for {kinds:?}");
    let after: Vec<i64> = of_service
        .iter()
        .filter(|entry| entry["seq"].as_u64().is_some_and(|seq| seq > healed))
        .filter_map(|entry| entry["at_ms"].as_i64())
        .collect();
    let busiest = busiest(&after, 1_000);
    let busiest_max = PER_SECOND_MAX + usize::try_from(IN_FLIGHT_MAX)?;
    ensure!(busiest <= busiest_max, "{busiest} calls within a second after healing");
    server.stop().await?;
    stage.sandbox.stop().await?;
    Ok(format!(
        "{secs} s without Stripe: {failing} calls failed (at most {failing_max}), {busiest} a second after it (at most {busiest_max}), {ORDERS} of {ORDERS} orders ready"
    ))
}

/// Most moments within any window of that many milliseconds.
pub(super) fn busiest(moments_ms: &[i64], window_ms: i64) -> usize {
    let mut sorted = moments_ms.to_vec();
    sorted.sort_unstable();
    let within = |(from, first): (usize, &i64)| sorted[from..].iter().take_while(|at| **at < first + window_ms).count();
    sorted.iter().enumerate().map(within).max().unwrap_or(0)
}

async fn hint_at_all(stage: &Stage) -> anyhow::Result<()> {
    let stripe = stage.sandbox.get("/state/stripe").await?;
    let secret = stage.sandbox.credential("stripe_webhook_secret");
    for (n, subscription) in array(&stripe["subscriptions"]).iter().enumerate() {
        let event = json!({"id": format!("evt_outage{n}"), "object": "event", "type": "customer.subscription.updated", "created": 1, "livemode": false, "data": {"object": subscription}});
        let body = event.to_string();
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_secs();
        let signature = format!("t={now},v1={}", crate::signature::sign(secret, now, &body));
        let request = stage.sandbox.http.post(format!("http://127.0.0.1:{}/webhook/stripe", stage.port));
        request.header("Stripe-Signature", signature).body(body).send().await?.error_for_status()?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::busiest;

    #[test]
    fn the_busiest_window_is_found() {
        assert_eq!(busiest(&[], 1_000), 0);
        assert_eq!(busiest(&[5_000, 0, 999, 1_000, 1_998], 1_000), 3);
        assert_eq!(busiest(&[0, 1_000, 2_000], 1_000), 1);
    }
}
