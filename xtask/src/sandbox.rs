//! The sandbox as a program, and its control API.

use std::path::Path;
use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail};
use serde_json::{Value, json};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};

use crate::processes;

/// A running sandbox.
pub(crate) struct Sandbox {
    pub(crate) addresses: Value,
    pub(crate) http: reqwest::Client,
    child: Option<Child>,
}

impl Sandbox {
    /// Starts one that delivers webhooks to `webhook_url`.
    pub(crate) async fn start(bin: &Path, webhook_url: &str, arguments: &[String]) -> anyhow::Result<Self> {
        let mut child = Command::new(bin.join("tamesuke-sandbox"))
            .args(["--stop-with-stdin", "--webhook-url", webhook_url])
            .args(arguments)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("the sandbox can't be started")?;
        let stdout = child.stdout.take().context("the sandbox has no output")?;
        let line = BufReader::new(stdout).lines().next_line().await?.context("the sandbox said nothing and ended")?;
        let addresses = serde_json::from_str(&line).context("the sandbox did not say where it listens")?;
        let http = reqwest::Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(30))
            .build()?;
        Ok(Self { addresses, http, child: Some(child) })
    }

    /// The same sandbox for a task beside; stopping that one stops nothing.
    pub(crate) fn beside(&self) -> Self {
        Self { addresses: self.addresses.clone(), http: self.http.clone(), child: None }
    }

    pub(crate) fn address(&self, name: &str) -> &str {
        self.addresses[name].as_str().unwrap_or_default()
    }

    pub(crate) fn credential(&self, name: &str) -> &str {
        self.addresses["credentials"][name].as_str().unwrap_or_default()
    }

    /// One call of the control API.
    pub(crate) async fn control(
        &self,
        method: reqwest::Method,
        path: &str,
        body: Option<Value>,
    ) -> anyhow::Result<Value> {
        let mut request = self.http.request(method, format!("{}{path}", self.address("control")));
        if let Some(body) = body {
            request = request.json(&body);
        }
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        if !status.is_success() {
            bail!("the sandbox refused {path}: {text}");
        }
        serde_json::from_str(&text).with_context(|| format!("{path} answered no JSON"))
    }

    pub(crate) async fn get(&self, path: &str) -> anyhow::Result<Value> {
        self.control(reqwest::Method::GET, path, None).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> anyhow::Result<Value> {
        self.control(reqwest::Method::POST, path, Some(body)).await
    }

    pub(crate) async fn jump(&self, seconds: i64) -> anyhow::Result<()> {
        self.post("/clock/jump", json!({"seconds": seconds})).await.map(|_| ())
    }

    pub(crate) async fn stop(mut self) -> anyhow::Result<()> {
        match &mut self.child {
            Some(child) => processes::stop(child).await,
            None => Ok(()),
        }
    }
}

/// Asks until an answer comes or the time is over; the last thing seen is in the error.
pub(crate) async fn until<T, F>(what: &str, limit: Duration, mut ask: impl FnMut() -> F) -> anyhow::Result<T>
where
    F: Future<Output = anyhow::Result<Result<T, String>>>,
{
    let began = Instant::now();
    loop {
        // Whether this is the last look is known before it: one that came late must not be what is judged.
        let is_over = began.elapsed() >= limit;
        match ask().await? {
            Ok(value) => return Ok(value),
            Err(seen) if is_over => {
                bail!("{what} did not happen within {} s; last seen: {seen}", limit.as_secs())
            }
            Err(_) => tokio::time::sleep(Duration::from_millis(50)).await,
        }
    }
}
