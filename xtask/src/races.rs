//! What happens at once, again, out of order, or to a killed service; and what its log gives away.

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::{Context as _, bail, ensure};
use rustix::process::Signal;
use serde_json::{Value, json};

use crate::demo::{
    Hold, Server, children, fault_of_step, foreign_record, healthy, is_closed, is_ready, mails, order, order_and_pay,
    pay, start_server, subscription,
};
use crate::ports::free_port;
use crate::processes::{build, root};
use crate::sandbox::{Sandbox, until};
use crate::signature::sign;
use crate::world::array;
use crate::{secrets, venv};

/// Pairs of orders for one name.
const PAIRS: usize = 50;
/// Orders that the events of a purchase are delivered in.
const ORDERS: u64 = 20;
/// How long a life may take here.
const READY_MAX: Duration = Duration::from_secs(200);
/// How long its end may take, with twenty others.
const CLOSED_MAX: Duration = Duration::from_secs(240);
const SEVEN_DAYS_SECS: i64 = 7 * 86_400;
/// A run that is alive so long after the service lingers; `cargo xtask crash` measures how long they take.
const ORPHAN_MAX: Duration = Duration::from_secs(10);

struct Stage {
    bin: PathBuf,
    sandbox: Sandbox,
    python: PathBuf,
    port: u16,
}

impl Stage {
    async fn set() -> anyhow::Result<Self> {
        let python = venv::ensure("requirements.txt").await?;
        let bin = build(&["tamesuke-sandbox", "tamesuke-server"], false).await?;
        let port = free_port()?;
        let webhook = format!("http://127.0.0.1:{port}/webhook/stripe");
        let scale = ["--time-scale".to_owned(), "0.02".to_owned()];
        let sandbox = Sandbox::start(&bin, &webhook, &scale).await?;
        Ok(Self { bin, sandbox, python, port })
    }

    async fn serve(&self, more: &[(&str, &str)]) -> anyhow::Result<Server> {
        let script = root().join("provisioner.py");
        let server = start_server(&self.bin, &self.sandbox, (&self.python, &script), self.port, (true, more))?;
        healthy(&self.sandbox, &server).await?;
        Ok(server)
    }

    async fn ready(&self, name: &str, session: &str) -> anyhow::Result<u64> {
        until(&format!("{name} ready"), READY_MAX, || is_ready(&self.sandbox, name, session)).await
    }
}

/// Runs all of it; gives what was seen.
pub(crate) async fn run() -> anyhow::Result<String> {
    let stage = Stage::set().await?;
    let mut server = stage.serve(&[("RUST_LOG", "trace")]).await?;
    let pairs = two_orders_at_once(&stage, &server).await.context("two orders at once")?;
    let shuffled = events_in_any_order(&stage, &server).await.context("events in any order")?;
    whole_lives(&stage, &server, shuffled).await.context("whole lives")?;
    let secrets = nothing_given_away(&stage, &server).await.context("the log")?;
    for signal in [Signal::TERM, Signal::KILL] {
        server = killed_in_mid_run(&stage, server, signal).await.with_context(|| format!("{signal:?} in mid-run"))?;
    }
    server.stop().await?;
    stage.sandbox.stop().await?;
    Ok(format!("{pairs} pairs, {shuffled} orders of events, {secrets} secrets looked for, 2 kills"))
}

async fn two_orders_at_once(stage: &Stage, server: &Server) -> anyhow::Result<usize> {
    for n in 0..PAIRS {
        let name = format!("pair{n}");
        let order = |who: &str| {
            let form = json!({"email": format!("{who}@example.jp"), "company_name": who, "oss_type": "nginx", "duration_days": 7, "subdomain": name});
            stage.sandbox.http.post(format!("{}/api/create-checkout", server.url)).json(&form).send()
        };
        let (one, two) = tokio::join!(order("one"), order("two"));
        let mut statuses = [one?.status().as_u16(), two?.status().as_u16()];
        statuses.sort_unstable();
        ensure!(statuses == [200, 409], "{name}: {statuses:?}");
        let stripe = stage.sandbox.get("/state/stripe").await?;
        let sessions = stripe["checkout_sessions"].as_array().cloned().unwrap_or_default();
        let open =
            sessions.iter().filter(|s| s["status"] == "open" && s["metadata"]["subdomain"] == name.as_str()).count();
        ensure!(open == 1, "{name}: {open} open sessions");
    }
    Ok(PAIRS)
}

/// A few numbers that look random and are the same in every run.
fn shuffle<T>(items: &mut [T], seed: u64) {
    let mut state = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1;
    for index in (1..items.len()).rev() {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let other = usize::try_from(state >> 33).unwrap_or(0) % (index + 1);
        items.swap(index, other);
    }
}

async fn deliver(stage: &Stage, server: &Server, event: &Value) -> anyhow::Result<()> {
    let body = serde_json::to_string_pretty(event)?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let signature = sign(stage.sandbox.credential("stripe_webhook_secret"), now, &body);
    let request = stage.sandbox.http.post(format!("{}/webhook/stripe", server.url));
    let answer = request.header("Stripe-Signature", format!("t={now},v1={signature}")).body(body).send().await?;
    ensure!(answer.status().is_success(), "a webhook was answered with {}", answer.status());
    Ok(())
}

async fn events_in_any_order(stage: &Stage, server: &Server) -> anyhow::Result<u64> {
    stage.sandbox.post("/stripe/webhooks", json!({"paused": true})).await?;
    for seed in 0..ORDERS {
        let name = format!("mixed{seed}");
        let before = stage.sandbox.get("/stripe/events").await?.as_array().map_or(0, Vec::len);
        let session = order_and_pay(&stage.sandbox, server, &name).await?;
        let all = stage.sandbox.get("/stripe/events").await?;
        let mut events: Vec<Value> = all.as_array().into_iter().flatten().skip(before).cloned().collect();
        ensure!(events.len() == 7, "a purchase has {} events", events.len());
        shuffle(&mut events, seed);
        for event in &events {
            deliver(stage, server, event).await?;
        }
        for _ in 0..5 {
            deliver(stage, server, &events[0]).await?;
        }
        let vmid = stage.ready(&name, &session).await?;
        let log = stage.sandbox.get("/requests?service=proxmox").await?;
        let hostname = format!("hostname={name}");
        let clones = log.as_array().into_iter().flatten().filter(|entry| {
            let body = entry["body"].as_str().unwrap_or_default();
            entry["path"].as_str().is_some_and(|path| path.ends_with("/clone"))
                && body.split('&').any(|field| field == hostname)
        });
        let clones = clones.count();
        ensure!(clones == 1, "{name} was cloned {clones} times (container {vmid})");
        // The last write of all: what it makes Stripe tell is not the next purchase's.
        until(&format!("{name}'s mark of its mail"), READY_MAX, || async {
            let seen = subscription(&stage.sandbox.get("/state/stripe").await?, &session).unwrap_or_default();
            let mark = seen["metadata"]["tmsk_mail"].as_str().unwrap_or_default();
            Ok(if mark.contains(":sent@") { Ok(()) } else { Err(mark.to_owned()) })
        })
        .await?;
    }
    stage.sandbox.post("/stripe/webhooks", json!({"paused": false})).await?;
    Ok(ORDERS)
}

/// What a log may still lack: a script that fails, a refusal with its refund, and the ends of all.
async fn whole_lives(stage: &Stage, server: &Server, mixed: u64) -> anyhow::Result<()> {
    let sandbox = &stage.sandbox;
    fault_of_step(7).set(sandbox).await?;
    let mended = order_and_pay(sandbox, server, "mended").await?;
    stage.ready("mended", &mended).await?;
    fault_of_step(7).must_have_been_met(sandbox).await?;
    let page = order(sandbox, server, "foreign").await?;
    let record = foreign_record(sandbox, "foreign").await?;
    let refused = pay(sandbox, &page, "4242424242424242").await?;
    let told = || async {
        let stripe = sandbox.get("/state/stripe").await?;
        let trial = subscription(&stripe, &refused).unwrap_or_default();
        let id = trial["id"].as_str().unwrap_or("none").to_owned();
        let kinds = mails(sandbox, Some(&id)).await?;
        let apologized = trial["status"] == "canceled" && kinds.contains(&"apology".to_owned());
        Ok(if apologized { Ok(()) } else { Err(format!("it is {}, mails {kinds:?}", trial["status"])) })
    };
    until("a refusal", READY_MAX, told).await?;
    let path = format!("/cloudflare/records/{}", record["id"].as_str().unwrap_or_default());
    sandbox.control(reqwest::Method::DELETE, &path, None).await?;
    let ending: Vec<String> = array(&sandbox.get("/state/stripe").await?["subscriptions"])
        .iter()
        .filter(|trial| trial["status"] == "active")
        .filter_map(|trial| Some(format!("{} {}", trial["id"].as_str()?, trial["metadata"]["subdomain"].as_str()?)))
        .collect();
    ensure!(u64::try_from(ending.len())? == mixed + 1, "{} trials are to end", ending.len());
    sandbox.jump(SEVEN_DAYS_SECS + 60).await?;
    for (id, name) in ending.iter().filter_map(|both| both.split_once(' ')) {
        until(&format!("{name} closed"), CLOSED_MAX, || is_closed(sandbox, name, id)).await?;
    }
    Ok(())
}

async fn nothing_given_away(stage: &Stage, server: &Server) -> anyhow::Result<usize> {
    let log = server.log_text().context("there is no log")?;
    ensure!(log.lines().count() > 1_000, "the log is not the whole one");
    let names =
        ["stripe_secret_key", "stripe_webhook_secret", "proxmox_password", "cloudflare_api_token", "sendgrid_api_key"];
    let mut wanted: Vec<String> = names.iter().map(|name| stage.sandbox.credential(name).to_owned()).collect();
    // The files are gone with their trials; what was uploaded stands in the sandbox's log.
    let uploads = stage.sandbox.get("/requests?service=files").await?;
    for body in array(&uploads).iter().filter_map(|entry| entry["body"].as_str()) {
        let metadata: Value = serde_json::from_str(body).unwrap_or_default();
        wanted.extend(metadata["tunnel_token"].as_str().map(str::to_owned));
    }
    ensure!(wanted.len() > names.len(), "no tunnel token was looked for");
    let people = ["mixed0", "mended", "foreign"].map(|name| format!("{name}@example.co.jp"));
    wanted.extend(people.into_iter().chain(["one@example.jp".to_owned()]));
    for said in ["thankyou", "apology", "the run of mended failed"] {
        ensure!(log.contains(said), "the log does not speak of {said}: it is not of whole lives");
    }
    for secret in &wanted {
        if let Some(line) = secrets::find(&log, secret) {
            bail!("a secret stands in the log: {line}");
        }
    }
    Ok(wanted.len())
}

/// The service dies while its run waits for an answer that won't come in time: only a kill ends such a run.
async fn killed_in_mid_run(stage: &Stage, mut server: Server, signal: Signal) -> anyhow::Result<Server> {
    let name = if signal == Signal::TERM { "term" } else { "kill" };
    let hold = Hold::begin(&stage.sandbox).await?;
    let session = order_and_pay(&stage.sandbox, &server, name).await?;
    let runs = until("a run that asks for its tunnel's token", READY_MAX, || async {
        let runs = children(server.pid());
        let is_met = hold.is_met(&stage.sandbox).await?;
        Ok(if is_met && !runs.is_empty() { Ok(runs) } else { Err(format!("{} runs, asked {is_met}", runs.len())) })
    })
    .await?;
    server.signal(signal).await?;
    let died = Instant::now();
    for run in runs {
        let stat = PathBuf::from(format!("/proc/{}/stat", run.as_raw_nonzero()));
        let alive = || std::fs::read_to_string(&stat).is_ok_and(|text| !text.contains(") Z"));
        while alive() {
            ensure!(died.elapsed() <= ORPHAN_MAX, "a run outlived the service by {} ms", died.elapsed().as_millis());
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    }
    hold.end(&stage.sandbox).await?;
    let server = stage.serve(&[]).await?;
    stage.ready(name, &session).await?;
    Ok(server)
}
