//! Five hundred living trials and fifty sign-ups at once: Cloudflare blocks everything for five minutes past
//! 1,200 calls in five minutes, the script's calls counted too.

use std::time::Duration;

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tokio::task::JoinSet;

use super::outage::busiest;
use crate::sandbox::until;
use crate::stage::Stage;
use crate::world::array;

const LIVING: u64 = 500;
const SIGN_UPS: usize = 50;
/// Cloudflare's own.
const CALLS_MAX: usize = 1_200;
const WINDOW_MS: i64 = 300_000;
/// What the adapter keeps to (`provisioner-adapter/src/budget.rs`): a hundred at once and 1.8 a second.
const OURS_MAX: usize = 641;
/// Guards against never.
const READY_MAX: Duration = Duration::from_secs(540);

/// Plays it; gives what was counted.
pub(super) async fn play() -> anyhow::Result<String> {
    let stage = Stage::set(true).await?;
    stage.seed(9_000, LIVING).await?;
    let mut server = stage.serve(&[("RESYNC_SECONDS", "60"), ("PROVISIONER_POLL_SECONDS", "0.1")]).await?;
    let mut ordering = JoinSet::new();
    for n in 0..SIGN_UPS {
        let (sandbox, url) = (stage.sandbox.beside(), server.url.clone());
        ordering.spawn(async move {
            let form = json!({"email": format!("b{n}@example.jp"), "company_name": "B", "oss_type": "nginx", "duration_days": 7, "subdomain": format!("budget{n}")});
            let answer = sandbox.http.post(format!("{url}/api/create-checkout")).json(&form).send().await?;
            let (status, body) = (answer.status(), answer.json::<Value>().await?);
            let page = body["checkout_url"].as_str().with_context(|| format!("refused with {status}: {body}"))?;
            sandbox.http.post(page).form(&[("card", "4242424242424242")]).send().await?;
            anyhow::Ok(())
        });
    }
    while let Some(ordered) = ordering.join_next().await {
        ordered??;
    }
    until("all to be ready", READY_MAX, || async {
        let stripe = stage.sandbox.get("/state/stripe").await?;
        let all = array(&stripe["subscriptions"]);
        let ready = all.iter().filter(|s| s["metadata"]["vmid"].is_string()).count();
        tokio::time::sleep(Duration::from_secs(2)).await;
        Ok(if ready == all.len() && all.len() == usize::try_from(LIVING)? + SIGN_UPS {
            Ok(())
        } else {
            Err(format!("{ready} of {} are ready", all.len()))
        })
    })
    .await?;
    let log = stage.sandbox.get("/requests?service=cloudflare").await?;
    let moments = |ours: bool| -> Vec<i64> {
        let is_ours = |entry: &&Value| entry["user_agent"].as_str().is_some_and(|agent| agent.starts_with("tamesuke/"));
        array(&log).iter().filter(|entry| !ours || is_ours(entry)).filter_map(|entry| entry["at_ms"].as_i64()).collect()
    };
    let (all, ours) = (busiest(&moments(false), WINDOW_MS), busiest(&moments(true), WINDOW_MS));
    ensure!(all <= CALLS_MAX, "{all} calls within five minutes, {ours} of them the service's own");
    ensure!(ours <= OURS_MAX, "{ours} calls of the service within five minutes");
    server.stop().await?;
    stage.sandbox.stop().await?;
    Ok(format!(
        "{SIGN_UPS} sign-ups ready beside {LIVING} trials: at most {all} calls in five minutes (of {CALLS_MAX}), {ours} of them the service's own"
    ))
}
