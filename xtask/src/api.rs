//! The API's own description held against the running service: Schemathesis draws requests from it, good
//! and bad ones, and no answer may be a 5xx or anything the description does not know.

use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use tokio::process::Command;

use crate::demo::{Server, healthy, is_ready, order_and_pay, start_server};
use crate::ports::free_port;
use crate::processes::{build, root};
use crate::sandbox::{Sandbox, until};
use crate::venv;

/// All requests are sent within that long, on a slow machine too; half a minute is usual.
const LIMIT: Duration = Duration::from_secs(300);
/// Fewer drawn requests mean that something was left out.
const REQUESTS_MIN: u64 = 500;
/// How long the trial that is shown may take to be ready.
const READY_MAX: Duration = Duration::from_secs(200);

/// Runs it; gives what was seen.
pub(crate) async fn run() -> anyhow::Result<String> {
    let schemathesis = venv::ensure_beside(".venv-api", "tests/api/requirements.txt").await?;
    let python = venv::ensure("requirements.txt").await?;
    let bin = build(&["tamesuke-sandbox", "tamesuke-server"], false).await?;
    let port = free_port()?;
    let webhook = format!("http://127.0.0.1:{port}/webhook/stripe");
    let scale = ["--time-scale".to_owned(), "0.02".to_owned()];
    let sandbox = Sandbox::start(&bin, &webhook, &scale).await?;
    let script = root().join("provisioner.py");
    let mut server = start_server(&bin, &sandbox, (&python, &script), port, (true, &[]))?;
    let outcome = held_against(&schemathesis, &sandbox, &server).await;
    let stopped = server.stop().await;
    sandbox.stop().await?;
    let seen = outcome?;
    stopped?;
    let log = server.log_text().context("there is no log")?;
    ensure!(!log.contains("panicked"), "the service panicked");
    Ok(seen)
}

async fn held_against(python: &Path, sandbox: &Sandbox, server: &Server) -> anyhow::Result<String> {
    healthy(sandbox, server).await?;
    let ready = order_and_pay(sandbox, server, "ready").await?;
    until("a ready trial", READY_MAX, || is_ready(sandbox, "ready", &ready)).await?;
    let instance = instance(sandbox).await?;
    let tests = root().join("tests/api");
    let running = Command::new(python.with_file_name("schemathesis"))
        .arg("--config-file")
        .arg(tests.join("schemathesis.toml"))
        .args(["run", &format!("{}/api/openapi.json", server.url), "--no-color"])
        .current_dir(root())
        .env("SCHEMATHESIS_HOOKS", tests.join("hooks.py"))
        .env("API_WEBHOOK_SECRET", sandbox.credential("stripe_webhook_secret"))
        .env("API_INSTANCE", instance)
        .env("API_READY", ready)
        .stdin(Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(LIMIT, running).await.context("Schemathesis did not end in time")??;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("{text}{}", String::from_utf8_lossy(&output.stderr));
    }
    healthy(sandbox, server).await.context("after all requests")?;
    let requests = count(&text).with_context(|| format!("Schemathesis did not say how much it drew:\n{text}"))?;
    ensure!(requests >= REQUESTS_MIN, "only {requests} requests were drawn:\n{text}");
    Ok(format!("{requests} requests drawn from the description"))
}

/// The number before " generated".
fn count(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.contains(" generated"))?;
    line.split_whitespace().next()?.replace(',', "").parse().ok()
}

/// The mark of this installation, off the order that was made.
async fn instance(sandbox: &Sandbox) -> anyhow::Result<String> {
    let stripe = sandbox.get("/state/stripe").await?;
    let mark = stripe["checkout_sessions"][0]["metadata"]["tmsk_inst"].as_str().map(str::to_owned);
    mark.context("the session lacks the installation's mark")
}
