//! Stripe gives no useful answer for a while, in the middle of lives. Few calls may fail meanwhile, and
//! when it is back all converge without a stampede.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use anyhow::ensure;
use serde_json::{Value, json};

use crate::demo::{is_ready, order, order_and_pay, pay};
use crate::sandbox::until;
use crate::stage::Stage;
use crate::world::array;

/// Trials that live through it, each hinted at in the middle of it.
const LIVING: u64 = 60;
/// Orders that are paid right before it …
const PAID_BEFORE: usize = 3;
/// … and, of pages that were open by then, one in each round of hints in the middle of it.
const PAID_MEANWHILE_MAX: usize = 5;
/// How often everybody is given a reason to ask.
const HINTS_EVERY: Duration = Duration::from_secs(10);
/// Of the first looks at the living trials after it, no more than that share may begin within one window.
/// The adapter's pacer alone would let a third through: 20 of 60 at the same instant.
const TOGETHER_MAX_PERCENT: usize = 15;
const WINDOW_MS: i64 = 100;
/// Guards against never: the longest backoff after an outage, and the runs.
const READY_MAX: Duration = Duration::from_secs(600);

// What the adapter keeps to (`stripe-adapter/src/pace.rs`, `outage.rs`), from which the bounds follow.
/// A card that pays.
const CARD: &str = "4242424242424242";
const PER_SECOND_MAX: usize = 20;
const IN_FLIGHT_MAX: u64 = 5;
const FAILURES_UNTIL_OPEN: u64 = 5;
/// Probes of one kind of object: 1, 2, 4, 8, 16 s, then one in 30 s, each drawn down to three quarters.
fn probes_max(secs: u64) -> u64 {
    6 + secs * 4 / (30 * 3) + 1
}

/// Orders, each by its session and its name.
type Orders = Vec<(String, String)>;

/// What was seen of an outage: where in the log it began and ended, and who lived through it.
struct Outage {
    began: u64,
    healed: u64,
    living: BTreeSet<String>,
}

/// Plays an outage of that many seconds; gives what was counted.
pub(super) async fn play(secs: u64) -> anyhow::Result<String> {
    let stage = Stage::set(true).await?;
    stage.seed(9_000, LIVING).await?;
    // No resync falls into it: what brings names back is their own waits.
    let mut server = stage.serve(&[("POLL_SECONDS", "1"), ("RESYNC_SECONDS", "3600")]).await?;
    let mut sessions = Orders::new();
    for n in 0..PAID_BEFORE {
        let name = format!("outage{n}");
        sessions.push((order_and_pay(&stage.sandbox, &server, &name).await?, name));
    }
    let rounds = secs / HINTS_EVERY.as_secs();
    let mut pages = Orders::new();
    for n in 0..PAID_MEANWHILE_MAX.min(usize::try_from(rounds)?) {
        let name = format!("during{n}");
        pages.push((order(&stage.sandbox, &server, &name).await?, name));
    }
    let outage = live_through(&stage, rounds, pages, &mut sessions).await?;
    let log = stage.sandbox.get(&format!("/requests?service=stripe&since_seq={}", outage.began)).await?;
    let counted = judge(&log, &outage, secs)?;
    server.stop().await?;
    stage.sandbox.stop().await?;
    Ok(format!("{secs} s without Stripe: {counted}, {} orders ready", sessions.len()))
}

/// Takes Stripe away for some rounds of hints, a page paid in each, and waits until all have come back.
async fn live_through(stage: &Stage, rounds: u64, mut pages: Orders, sessions: &mut Orders) -> anyhow::Result<Outage> {
    let began = stage.last_seq().await?;
    let down =
        json!({"service": "stripe", "user_agent_prefix": "tamesuke/", "effect": {"kind": "status", "status": 503}});
    let id = stage.sandbox.post("/faults", down).await?["id"].clone();
    // Everybody has a reason to ask: the newest event of each living trial is delivered again and again.
    for _ in 0..rounds {
        hint_at_all(stage).await?;
        if let Some((page, name)) = pages.pop() {
            sessions.push((pay(&stage.sandbox, &page, CARD).await?, name));
        }
        tokio::time::sleep(HINTS_EVERY).await;
    }
    let living: BTreeSet<String> = array(&stage.sandbox.get("/state/stripe").await?["subscriptions"])
        .iter()
        .filter(|subscription| subscription["metadata"]["vmid"].is_string())
        .filter_map(|subscription| subscription["id"].as_str().map(str::to_owned))
        .collect();
    let healed = stage.last_seq().await?;
    stage.sandbox.control(reqwest::Method::DELETE, &format!("/faults/{id}"), None).await?;
    // All of the living are looked at again, each when its own wait is over.
    until("a look at each trial", READY_MAX, || async {
        let log = stage.sandbox.get(&format!("/requests?service=stripe&since_seq={healed}")).await?;
        let seen = first_looks(array(&log), &living).len();
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(if seen == living.len() { Ok(()) } else { Err(format!("{seen} of {}", living.len())) })
    })
    .await?;
    for (session, name) in &*sessions {
        until(&format!("{name} ready"), READY_MAX, || is_ready(&stage.sandbox, name, session)).await?;
    }
    Ok(Outage { began, healed, living })
}

/// Holds what was asked during and after it against the bounds.
fn judge(log: &Value, outage: &Outage, secs: u64) -> anyhow::Result<String> {
    let Outage { healed, living, .. } = outage;
    let of_service: Vec<&Value> = array(log)
        .iter()
        .filter(|e| e["user_agent"].as_str().is_some_and(|agent| agent.starts_with("tamesuke/")))
        .collect();
    let failing: Vec<&&Value> = of_service.iter().filter(|entry| !entry["fault"].is_null()).collect();
    let kinds: BTreeSet<&str> = failing.iter().filter_map(|entry| entry["path"].as_str()?.split('/').nth(2)).collect();
    let kinds_count = u64::try_from(kinds.len())?;
    let failing_max = kinds_count * (FAILURES_UNTIL_OPEN + IN_FLIGHT_MAX + probes_max(secs));
    let failing = u64::try_from(failing.len())?;
    ensure!(failing > 0, "the outage was never met");
    ensure!(failing <= failing_max, "{failing} calls failed, more than {failing_max} for {kinds:?}");
    let after: Vec<i64> = of_service
        .iter()
        .filter(|entry| entry["seq"].as_u64().is_some_and(|seq| seq > *healed))
        .filter_map(|entry| entry["at_ms"].as_i64())
        .collect();
    let looks = first_looks(of_service.iter().copied().filter(|e| e["seq"].as_u64() > Some(*healed)), living);
    let together = busiest(&looks, WINDOW_MS);
    ensure!(
        together * 100 <= looks.len() * TOGETHER_MAX_PERCENT,
        "{together} of {} first looks after healing began within {WINDOW_MS} ms",
        looks.len()
    );
    let busiest = busiest(&after, 1_000);
    let busiest_max = PER_SECOND_MAX + usize::try_from(IN_FLIGHT_MAX)?;
    ensure!(busiest <= busiest_max, "{busiest} calls within a second after healing");
    Ok(format!(
        "{failing} calls failed (at most {failing_max}), {busiest} a second after it (at most {busiest_max}), {together} of {} first looks within {WINDOW_MS} ms",
        looks.len()
    ))
}

/// When each of some subscriptions was first read with success.
fn first_looks<'a>(log: impl IntoIterator<Item = &'a Value>, ids: &BTreeSet<String>) -> Vec<i64> {
    let mut first: BTreeMap<&str, i64> = BTreeMap::new();
    for entry in log {
        let id = entry["path"].as_str().and_then(|path| path.strip_prefix("/v1/subscriptions/"));
        if let (Some(id), Some(at_ms), 200) = (id, entry["at_ms"].as_i64(), entry["status"].as_u64().unwrap_or(0))
            && ids.contains(id)
        {
            first.entry(id).or_insert(at_ms);
        }
    }
    first.into_values().collect()
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
