//! The service under measurement: start, memory, and its own share of what it does.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::process::Child;

use super::{listening_ms, median, peak_mb, pinned, resident_mb};
use crate::demo::environment;
use crate::folders;
use crate::processes::{self, root};
use crate::sandbox::{Sandbox, until};

/// Everything that measurements share.
pub(super) struct Bench {
    pub(super) bin: PathBuf,
    pub(super) sandbox: Sandbox,
    pub(super) python: PathBuf,
    pub(super) port: u16,
}

/// The first container number of the many.
const FIRST_VMID: u64 = 20_000;
/// How often small figures are measured.
const REPEATS: usize = 41;
/// How many of the orders are paid.
const PAID: usize = 5;

impl Bench {
    pub(super) fn state_dir() -> anyhow::Result<PathBuf> {
        folders::make("bench")
    }

    fn spawn(&self, state: &std::path::Path, more: &[(&str, String)]) -> anyhow::Result<Child> {
        let mut env = environment(&self.sandbox, &self.python, &root().join("provisioner.py"), self.port, state);
        env.insert("HTTP_WORKERS".to_owned(), "1".to_owned());
        env.insert("POLL_SECONDS".to_owned(), "3600".to_owned());
        env.extend(more.iter().map(|(name, value)| ((*name).to_owned(), value.clone())));
        pinned(&self.bin.join("tamesuke-server"), env, state)
    }

    /// Starts the service and waits until it is healthy.
    pub(super) async fn start(&self, state: &std::path::Path, more: &[(&str, String)]) -> anyhow::Result<Child> {
        let child = self.spawn(state, more)?;
        self.healthy().await?;
        Ok(child)
    }

    async fn healthy(&self) -> anyhow::Result<()> {
        until("a healthy service", Duration::from_secs(120), || async {
            let answer = self.sandbox.http.get(format!("http://127.0.0.1:{}/health", self.port)).send().await;
            Ok(if answer.is_ok_and(|answer| answer.status().is_success()) { Ok(()) } else { Err("not yet".to_owned()) })
        })
        .await
    }

    /// From start to listening, and memory at rest.
    pub(super) async fn start_and_idle(&mut self, report: &mut Value) -> anyhow::Result<()> {
        let state = Self::state_dir()?;
        let (mut starts, mut idle) = (Vec::new(), Vec::new());
        for _ in 0..5 {
            let began = Instant::now();
            let mut child = self.spawn(&state, &[])?;
            starts.push(listening_ms(self.port, began).await?);
            self.healthy().await?;
            tokio::time::sleep(Duration::from_millis(500)).await;
            idle.push(resident_mb(child.id().context("the service ended")?)?);
            processes::stop(&mut child).await?;
        }
        report["start_ms"] = json!(median(starts));
        report["rss_idle_mb"] = json!(median(idle));
        Ok(())
    }

    /// The mark of this installation, off an order that it takes.
    pub(super) async fn instance(&self) -> anyhow::Result<String> {
        let form = json!({"email": "a@example.jp", "company_name": "A", "oss_type": "nginx", "duration_days": 7, "subdomain": "mark"});
        post(self.port, "/api/create-checkout", &form).await?;
        let state = self.sandbox.get("/state/stripe").await?;
        let mark = state["checkout_sessions"][0]["metadata"]["tmsk_inst"].as_str().map(str::to_owned);
        mark.context("the session lacks the installation's mark")
    }

    /// What ours answers there.
    pub(super) async fn answer(&self, path: &str) -> anyhow::Result<String> {
        let url = format!("http://127.0.0.1:{}{path}", self.port);
        Ok(self.sandbox.http.get(url).send().await?.error_for_status()?.text().await?)
    }

    async fn last_seq(&self) -> anyhow::Result<u64> {
        let log = self.sandbox.get("/requests").await?;
        Ok(log.as_array().and_then(|log| log.last()?["seq"].as_u64()).unwrap_or(0))
    }

    /// The service's own share of an order, and the way from a payment to its run.
    pub(super) async fn checkout_and_run(&mut self, report: &mut Value) -> anyhow::Result<()> {
        let state = Self::state_dir()?;
        let mut child = self.start(&state, &[]).await?;
        let (mut own, mut to_run) = (Vec::new(), Vec::new());
        for n in 0..REPEATS {
            let before = self.last_seq().await?;
            let form = json!({"email": "a@example.jp", "company_name": "A", "oss_type": "nginx", "duration_days": 7, "subdomain": format!("b{n}")});
            let (took, answer) = post(self.port, "/api/create-checkout", &form).await?;
            let took_us = took.as_secs_f64() * 1e6;
            let url = answer["checkout_url"].as_str().with_context(|| format!("refused: {answer}"))?.to_owned();
            let asked = self.sandbox.get(&format!("/requests?since_seq={before}")).await?;
            let outside: f64 =
                asked.as_array().into_iter().flatten().filter_map(|entry| entry["duration_us"].as_f64()).sum();
            own.push((took_us - outside) / 1_000.0);
            if n < PAID {
                to_run.push(self.pay_until_run(&url).await?);
            }
        }
        report["checkout_own_ms"] = json!((median(own) * 100.0).round() / 100.0);
        report["webhook_to_run_ms"] = json!(median(to_run));
        processes::stop(&mut child).await
    }

    /// From the payment, whose webhook follows at once, to the written attempt right before the run.
    async fn pay_until_run(&self, url: &str) -> anyhow::Result<f64> {
        let before = self.last_seq().await?;
        let paid = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH)?.as_millis();
        self.sandbox.http.post(url).form(&[("card", "4242424242424242")]).send().await?;
        let marked = until("a run", Duration::from_secs(60), || async {
            let log = self.sandbox.get(&format!("/requests?service=stripe&since_seq={before}")).await?;
            let marker = log.as_array().into_iter().flatten().find(|entry| {
                entry["method"] == "POST" && entry["body"].as_str().is_some_and(|body| body.contains("tmsk_attempt"))
            });
            Ok(marker.and_then(|entry| entry["at_ms"].as_f64()).ok_or_else(|| "no attempt".to_owned()))
        })
        .await?;
        // The next one must find the lane free: it is the way to a run that is measured, not the wait for another.
        until("the end of the run", Duration::from_secs(60), || async {
            let state = self.sandbox.get("/state/stripe").await?;
            let all = state["subscriptions"].as_array().cloned().unwrap_or_default();
            let ready = all.iter().all(|subscription| subscription["metadata"]["vmid"].is_string());
            Ok(if ready { Ok(()) } else { Err("a run goes on".to_owned()) })
        })
        .await?;
        #[expect(clippy::cast_precision_loss, reason = "milliseconds since 1970 are exact in an f64")]
        let paid = paid as f64;
        Ok(marked - paid)
    }

    /// Memory with ten thousand live trials in the index, every one of them looked at.
    pub(super) async fn ten_thousand(&mut self, report: &mut Value) -> anyhow::Result<()> {
        let sessions = self.sandbox.get("/state/stripe").await?["checkout_sessions"].clone();
        let metadata = json!({"oss_type": "nginx", "duration_days": "7", "company_name": "Example", "tmsk_inst": sessions[0]["metadata"]["tmsk_inst"]});
        let price = self.sandbox.credential("stripe_price_nginx_7d").to_owned();
        let seed = json!({"first_vmid": FIRST_VMID, "count": 10_000, "price": price, "metadata": metadata});
        self.sandbox.post("/seed/trials", seed).await?;
        let state = Self::state_dir()?;
        let more = [
            ("VMID_FIRST", FIRST_VMID.to_string()),
            ("VMID_LAST", (FIRST_VMID + 11_000).to_string()),
            ("CLOUDFLARE_TUNNELS_MAX", "20000".to_owned()),
            ("RUST_LOG", "warn".to_owned()),
        ];
        let began = Instant::now();
        let mut child = self.start(&state, &more).await?;
        let pid = child.id().context("the service ended")?;
        until("all names to be looked at", Duration::from_secs(300), || async {
            let health: Value =
                self.sandbox.http.get(format!("http://127.0.0.1:{}/health", self.port)).send().await?.json().await?;
            let at_rest = health["queue_depth"] == 0 && began.elapsed() > Duration::from_secs(5);
            Ok(if at_rest { Ok(()) } else { Err(format!("{} wait", health["queue_depth"])) })
        })
        .await?;
        eprintln!("10,000 trials were looked at within {:.0} s", began.elapsed().as_secs_f64());
        report["rss_10k_mb"] = json!(resident_mb(pid)?);
        report["rss_10k_peak_mb"] = json!(peak_mb(pid)?);
        processes::stop(&mut child).await
    }
}

/// Posts on a connection that stands already; gives how long the answer took. By hand, for a client
/// library in a build without optimizations takes longer than what is measured.
async fn post(port: u16, path: &str, body: &Value) -> anyhow::Result<(Duration, Value)> {
    let body = body.to_string();
    let request = format!(
        "POST {path} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\nContent-Type: application/json\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    );
    let mut stream = TcpStream::connect(("127.0.0.1", port)).await?;
    let mut answer = Vec::new();
    let began = Instant::now();
    stream.write_all(request.as_bytes()).await?;
    stream.read_to_end(&mut answer).await?;
    let took = began.elapsed();
    let text = String::from_utf8(answer)?;
    let (_, body) = text.split_once("\r\n\r\n").context("the answer has no body")?;
    Ok((took, serde_json::from_str(body).with_context(|| format!("the answer is no JSON: {text}"))?))
}
