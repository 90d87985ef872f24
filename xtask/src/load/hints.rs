//! Webhooks by the thousand. The service is kept from asking by itself, so that a name can only be looked
//! at because its webhook was heard.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, ensure};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use crate::bench::resident_mb;
use crate::sandbox::until;
use crate::signature::sign;
use crate::stage::Stage;
use crate::world::array;

/// The first container number of planted trials.
const FIRST_VMID: u64 = 20_000;
/// Webhooks in flight, as from several of Stripe's senders.
const IN_FLIGHT: usize = 64;
/// A look at each of a thousand names takes a read of Stripe, at most 20 of which begin in a second:
/// fifty seconds; this guards against never.
const LOOKED_AT_MAX: Duration = Duration::from_secs(240);
/// What a waiting name may cost, in megabytes: its places in index and queue, and what its webhook took.
const MB_PER_NAME_MAX: f64 = 0.004;

/// Settings that leave webhooks as the only way to hear of anything.
const DEAF: [(&str, &str); 6] = [
    // A thousand connections are opened before the first request is sent whole.
    ("REQUEST_SECONDS", "600"),
    ("POLL_SECONDS", "36000"),
    ("RESYNC_SECONDS", "36000"),
    ("VMID_FIRST", "20000"),
    ("VMID_LAST", "39999"),
    ("CLOUDFLARE_TUNNELS_MAX", "30000"),
];

struct Sender {
    http: reqwest::Client,
    url: String,
    port: u16,
    secret: String,
}

impl Sender {
    fn new(stage: &Stage) -> Self {
        Self {
            http: stage.sandbox.http.clone(),
            url: format!("http://127.0.0.1:{}/webhook/stripe", stage.port),
            port: stage.port,
            secret: stage.sandbox.credential("stripe_webhook_secret").to_owned(),
        }
    }

    /// The body of an event about an object, and its signature.
    fn signed(&self, number: usize, object: &Value) -> anyhow::Result<(String, String)> {
        let event = json!({"id": format!("evt_load{number}"), "object": "event", "api_version": "2026-10-28.endive", "type": "customer.subscription.updated",
            "created": 1, "livemode": false, "data": {"object": object}});
        let body = serde_json::to_string_pretty(&event)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
        let signature = format!("t={now},v1={}", sign(&self.secret, now, &body));
        Ok((body, signature))
    }

    async fn send(&self, number: usize, object: &Value) -> anyhow::Result<u16> {
        let (body, signature) = self.signed(number, object)?;
        let sent = self.http.post(&self.url).header("Stripe-Signature", signature).body(body).send().await?;
        Ok(sent.status().as_u16())
    }

    /// Sends an event about each object, all at once: every request is on its way and whole but for its last
    /// byte before the first can be answered. Gives how many were answered 2xx, and within how many
    /// milliseconds, which is for printing only.
    async fn send_at_once(&self, objects: &[Value]) -> anyhow::Result<(usize, u128)> {
        let (mut open, address) = (Vec::new(), ("127.0.0.1", self.port));
        for (number, object) in objects.iter().enumerate() {
            let (body, signature) = self.signed(number, object)?;
            let head = format!(
                "POST /webhook/stripe HTTP/1.1\r\nHost: localhost\r\nStripe-Signature: {signature}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let (last, most) = body.as_bytes().split_last().context("an event has a body")?;
            let mut stream = TcpStream::connect(address).await?;
            stream.write_all(head.as_bytes()).await?;
            stream.write_all(most).await?;
            open.push((stream, *last));
        }
        let is_silent = |stream: &TcpStream| {
            stream.try_read(&mut [0]).is_err_and(|error| error.kind() == std::io::ErrorKind::WouldBlock)
        };
        let waiting = open.iter().filter(|(stream, _)| is_silent(stream)).count();
        ensure!(waiting == objects.len(), "only {waiting} of {} webhooks were open at once", objects.len());
        let (began, mut answering) = (Instant::now(), JoinSet::new());
        for (mut stream, last) in open {
            answering.spawn(async move {
                stream.write_all(&[last]).await?;
                let mut answer = Vec::new();
                stream.read_to_end(&mut answer).await?;
                anyhow::Ok(answer.starts_with(b"HTTP/1.1 2"))
            });
        }
        let mut good = 0;
        while let Some(answered) = answering.join_next().await {
            good += usize::from(answered??);
        }
        Ok((good, began.elapsed().as_millis()))
    }

    /// Sends an event about each object; gives how many milliseconds that took. All must be answered 2xx.
    async fn send_all(self, objects: Vec<Value>) -> anyhow::Result<u128> {
        let (sender, places) = (Arc::new(self), Arc::new(Semaphore::new(IN_FLIGHT)));
        let (began, mut sending) = (Instant::now(), JoinSet::new());
        for (number, object) in objects.into_iter().enumerate() {
            let (sender, places) = (Arc::clone(&sender), Arc::clone(&places));
            sending.spawn(async move {
                let _place = places.acquire().await?;
                sender.send(number, &object).await
            });
        }
        while let Some(sent) = sending.join_next().await {
            let status = sent??;
            ensure!((200..300).contains(&status), "a webhook was answered with {status}");
        }
        Ok(began.elapsed().as_millis())
    }
}

/// A thousand webhooks about a thousand trials: all answered 2xx, and each trial read back.
pub(super) async fn a_thousand() -> anyhow::Result<String> {
    const COUNT: u64 = 1_000;
    let stage = Stage::set(true).await?;
    stage.instance().await?;
    let mut server = stage.serve(&DEAF).await?;
    stage.seed(FIRST_VMID, COUNT).await?;
    let stripe = stage.sandbox.get("/state/stripe").await?;
    let subscriptions = array(&stripe["subscriptions"]).to_vec();
    let ids: BTreeSet<String> = subscriptions.iter().filter_map(|s| s["id"].as_str().map(str::to_owned)).collect();
    ensure!(ids.len() == 1_000, "{} trials were planted", ids.len());
    let before = stage.last_seq().await?;
    let (good, took_ms) = Sender::new(&stage).send_at_once(&subscriptions).await?;
    ensure!(good == subscriptions.len(), "{good} of {} webhooks were answered 2xx", subscriptions.len());
    until("a look at each name", LOOKED_AT_MAX, || async {
        let log = stage.sandbox.get(&format!("/requests?service=stripe&since_seq={before}")).await?;
        let read: BTreeSet<&str> =
            array(&log).iter().filter_map(|entry| entry["path"].as_str()?.strip_prefix("/v1/subscriptions/")).collect();
        let missing = ids.iter().filter(|id| !read.contains(id.as_str())).count();
        tokio::time::sleep(Duration::from_secs(1)).await;
        Ok(if missing == 0 { Ok(()) } else { Err(format!("{missing} names were not looked at")) })
    })
    .await?;
    server.stop().await?;
    stage.sandbox.stop().await?;
    Ok(format!("{good} webhooks open at once, all answered 2xx within {took_ms} ms; 1000 of 1000 names looked at"))
}

/// Ten thousand names wait: a bounded part of memory each.
pub(super) async fn ten_thousand_wait() -> anyhow::Result<String> {
    const COUNT: usize = 10_000;
    let stage = Stage::set(true).await?;
    let instance = stage.instance().await?;
    let mut server = stage.serve(&DEAF).await?;
    let pid = server.pid().context("the service ended")?;
    let idle_mb = resident_mb(pid)?;
    let objects: Vec<Value> = (0..COUNT)
        .map(|n| json!({"id": format!("sub_load{n}"), "object": "subscription", "metadata": {"subdomain": format!("w{n}"), "oss_type": "nginx", "tmsk_inst": instance}}))
        .collect();
    let began = Instant::now();
    let took_ms = Sender::new(&stage).send_all(objects).await?;
    let health: Value =
        stage.sandbox.http.get(format!("http://127.0.0.1:{}/health", stage.port)).send().await?.json().await?;
    let waiting = health["queue_depth"].as_u64().unwrap_or(0);
    let full_mb = resident_mb(pid)?;
    // The looks go on at 20 a second meanwhile.
    let looked_at = 20 * (u64::try_from(began.elapsed().as_millis())? / 1_000 + 2);
    ensure!(waiting + looked_at >= COUNT as u64, "only {waiting} of {COUNT} names wait, {looked_at} were looked at");
    let names = f64::from(u32::try_from(COUNT)?);
    ensure!(
        full_mb <= idle_mb + names * MB_PER_NAME_MAX,
        "{full_mb:.1} MB with {waiting} waiting names, {idle_mb:.1} MB without"
    );
    server.stop().await?;
    stage.sandbox.stop().await?;
    Ok(format!("{waiting} names wait after {took_ms} ms, {full_mb:.1} MB instead of {idle_mb:.1} MB"))
}
