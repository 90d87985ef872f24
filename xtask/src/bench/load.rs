//! Throughput beside the bare server, with wrk.

use std::path::Path;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use tokio::process::Command;

use super::service::Bench;
use super::{events, listening_ms, median, pinned};
use crate::ports::free_port;
use crate::processes;

/// Requests a second that wrk counts.
async fn wrk(url: &str, seconds: u64, script: Option<&Path>) -> anyhow::Result<f64> {
    let mut command = Command::new("taskset");
    command.args(["-c", "1", "wrk", "-t", "1", "-c", "32", "-d", &format!("{seconds}s")]);
    if let Some(script) = script {
        command.arg("-s").arg(script);
    }
    let output = command.arg(url).output().await.context("wrk can't be started")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if text.contains("Non-2xx") {
        bail!("wrk got refusals: {text}");
    }
    let line = text.lines().find_map(|line| line.trim().strip_prefix("Requests/sec:")).context("wrk gave no figure")?;
    Ok(line.trim().parse()?)
}

/// Measures the three routes on both servers, turn by turn.
pub(super) async fn throughput(bench: &Bench, rounds: usize, seconds: u64, report: &mut Value) -> anyhow::Result<()> {
    let state = Bench::state_dir()?;
    let mut ours = bench.start(&state, &[]).await?;
    let bare_port = free_port()?;
    let bare_env = [
        ("BIND".to_owned(), format!("127.0.0.1:{bare_port}")),
        ("STRIPE_WEBHOOK_SECRET".to_owned(), bench.sandbox.credential("stripe_webhook_secret").to_owned()),
        // The same bytes that ours answers with, only never looked up: what is sent is unavoidable.
        ("HEALTH".to_owned(), bench.answer("/health").await?),
        ("NAME".to_owned(), bench.answer("/api/check-subdomain?subdomain=bench").await?),
    ];
    let mut bare = pinned(&bench.bin.join("examples/bare"), bare_env, &state)?;
    listening_ms(bare_port, std::time::Instant::now()).await?;
    let (script, instance) = (state.join("webhook.lua"), bench.instance().await?);
    let secret = bench.sandbox.credential("stripe_webhook_secret");
    for (name, path, post) in [
        ("health", "/health", false),
        ("check_subdomain", "/api/check-subdomain?subdomain=bench", false),
        ("webhook", "/webhook/stripe", true),
    ] {
        let (mut ratios, mut mine, mut theirs) = (Vec::new(), Vec::new(), Vec::new());
        for _ in 0..rounds {
            if post {
                std::fs::write(&script, events::script(&instance, secret)?)?;
            }
            let script = post.then_some(script.as_path());
            let us = wrk(&format!("http://127.0.0.1:{}{path}", bench.port), seconds, script).await?;
            let them = wrk(&format!("http://127.0.0.1:{bare_port}{path}"), seconds, script).await?;
            ratios.push(us / them);
            mine.push(us);
            theirs.push(them);
        }
        eprintln!("{name}: {:.0} a second, bare {:.0}", median(mine), median(theirs));
        report[name] = json!((median(ratios) * 1_000.0).round() / 1_000.0);
    }
    processes::stop(&mut bare).await?;
    processes::stop(&mut ours).await
}
