//! What costs people nights, one order each: the sandbox does what real systems do on a bad day, and the
//! service gives the trial all the same, or the money back. Each is read off the sandbox's own state.

use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use crate::demo::{Server, healthy, is_ready, order_and_pay, order_and_pay_with, start_server};
use crate::processes::{build, root};
use crate::sandbox::{Sandbox, free_port, until};
use crate::venv;

/// How long a trial may take on a bad day.
const READY_MAX: Duration = Duration::from_secs(120);

/// One bad day: what is done to the world before the order. All of it is over when the trial is there.
struct Night {
    name: &'static str,
    what: &'static str,
    begin: Vec<(Method, &'static str, Value)>,
}

fn fault(service: &str, rule: Value) -> (Method, &'static str, Value) {
    let mut rule = rule;
    rule["service"] = json!(service);
    (Method::POST, "/faults", rule)
}

fn set(settings: Value) -> (Method, &'static str, Value) {
    (Method::PUT, "/settings", settings)
}

fn stripe_nights() -> Vec<Night> {
    let limited = json!({"kind": "status", "status": 429, "headers": {"Retry-After": "1"},
        "body": {"error": {"type": "invalid_request_error", "code": "rate_limit", "message": "Too many requests"}}});
    let broken =
        json!({"kind": "status", "status": 500, "body": {"error": {"type": "api_error", "message": "unknown"}}});
    vec![
        Night {
            name: "lag",
            what: "webhooks lost, and the events list late",
            begin: vec![
                (Method::POST, "/stripe/webhooks", json!({"paused": true})),
                set(json!({"events_lag_ms": 2_000, "search_lag_ms": 60_000})),
            ],
        },
        Night {
            name: "newer",
            what: "events of a newer API version",
            begin: vec![(Method::PUT, "/stripe/event-version", json!({"version": "2027-03-31.next"}))],
        },
        Night {
            name: "roll",
            what: "two signatures while the secret is changed",
            begin: vec![(Method::POST, "/stripe/webhook-endpoint/roll", json!({}))],
        },
        Night {
            name: "limited",
            what: "429 with Retry-After",
            begin: vec![fault("stripe", json!({"path": "/v1/subscriptions/*", "times": 4, "effect": limited}))],
        },
        Night {
            name: "stored",
            what: "a 500 that is stored under its key",
            begin: vec![fault(
                "stripe",
                json!({"method": "POST", "path": "/v1/subscriptions/*", "times": 2, "effect": broken}),
            )],
        },
    ]
}

fn machine_nights() -> Vec<Night> {
    let locked = "clone failed: cfs-lock 'storage-vm-storage' error: got lock request timeout";
    let gone = |status: u16, reason: &str| json!({"kind": "status", "status": status, "reason": reason});
    vec![
        Night {
            name: "warned",
            what: "a clone that ends with WARNINGS: 1",
            begin: vec![(Method::POST, "/proxmox/next-task", json!({"type": "vzclone", "exit": "WARNINGS: 1"}))],
        },
        Night {
            name: "storage",
            what: "a storage lock that times out",
            begin: vec![(Method::POST, "/proxmox/next-task", json!({"type": "vzclone", "exit": locked}))],
        },
        Night {
            name: "ticket",
            what: "tickets that expire in mid-run",
            begin: vec![set(json!({"ticket_secs": 2, "unauthorized_ms": 50}))],
        },
        Night {
            name: "node",
            what: "a node that does not answer (595, then 596)",
            begin: vec![
                fault(
                    "proxmox",
                    json!({"path": "*/status/start", "times": 1, "effect": gone(595, "Connection refused")}),
                ),
                fault("proxmox", json!({"path": "*/config", "times": 3, "effect": gone(596, "Connection timed out")})),
            ],
        },
        Night {
            name: "slow",
            what: "a clone that answers after more than 5 s",
            begin: vec![fault(
                "proxmox",
                json!({"path": "*/clone", "times": 1, "effect": {"kind": "delay", "ms": 5_500}}),
            )],
        },
        Night {
            name: "slowdns",
            what: "DNS that takes a while to answer",
            begin: vec![fault(
                "cloudflare",
                json!({"path": "*/dns_records*", "times": 5, "effect": {"kind": "delay", "ms": 1_500}}),
            )],
        },
        Night {
            name: "grey",
            what: "greylisting, then success",
            begin: vec![fault(
                "smtp",
                json!({"method": "DOT", "times": 1, "effect": {"kind": "smtp", "code": 451, "text": "greylisted"}}),
            )],
        },
    ]
}

struct Stage {
    sandbox: Sandbox,
    server: Server,
    settings: Value,
}

impl Stage {
    async fn set() -> anyhow::Result<Self> {
        let python = venv::ensure("requirements.txt").await?;
        let bin = build(&["tamesuke-sandbox", "tamesuke-server"], false).await?;
        let port = free_port()?;
        let webhook = format!("http://127.0.0.1:{port}/webhook/stripe");
        let sandbox = Sandbox::start(&bin, &webhook, &["--time-scale".to_owned(), "0.02".to_owned()]).await?;
        let settings = sandbox.get("/settings").await?;
        let server = start_server(&bin, &sandbox, (&python, &root().join("provisioner.py")), port, (true, &[]))?;
        healthy(&sandbox, &server).await?;
        Ok(Self { sandbox, server, settings })
    }

    async fn call(&self, (method, path, body): (Method, &str, Value)) -> anyhow::Result<Value> {
        self.sandbox.control(method, path, Some(body)).await
    }

    /// The day is over.
    async fn mend(&self) -> anyhow::Result<()> {
        self.call((Method::DELETE, "/faults", Value::Null)).await?;
        self.call((Method::PUT, "/settings", self.settings.clone())).await?;
        self.call((Method::POST, "/stripe/webhooks", json!({"paused": false}))).await?;
        Ok(())
    }

    async fn ready(&self, name: &str, session: &str) -> anyhow::Result<()> {
        until(&format!("{name} ready"), READY_MAX, || is_ready(&self.sandbox, name, session)).await?;
        let stripe = self.sandbox.get("/state/stripe").await?;
        let trial = subscription(&stripe, session).context("no subscription")?;
        let of_it = |object: &&Value| object["parent"]["subscription_details"]["subscription"] == trial["id"];
        let invoices = stripe["invoices"].as_array().into_iter().flatten().filter(of_it).count();
        ensure!(invoices == 1, "{name} has {invoices} invoices");
        let machines = self.sandbox.get("/state/proxmox").await?;
        let guests = machines["guests"].as_array().into_iter().flatten().filter(|g| g["hostname"] == name).count();
        ensure!(guests == 1, "{name} has {guests} containers");
        Ok(())
    }

    async fn one(&self, night: &Night) -> anyhow::Result<()> {
        for call in &night.begin {
            self.call(call.clone()).await?;
        }
        let session = order_and_pay(&self.sandbox, &self.server, night.name).await?;
        self.ready(night.name, &session).await?;
        self.mend().await
    }
}

fn subscription<'a>(stripe: &'a Value, session: &str) -> Option<&'a Value> {
    let session = stripe["checkout_sessions"].as_array()?.iter().find(|s| s["id"] == session)?;
    stripe["subscriptions"].as_array()?.iter().find(|s| s["id"] == session["subscription"])
}

/// Runs all of them; gives how many there were.
pub(crate) async fn run() -> anyhow::Result<String> {
    let mut stage = Stage::set().await?;
    let nights: Vec<Night> = stripe_nights().into_iter().chain(machine_nights()).collect();
    let outcome = all(&stage, &nights).await;
    let tail = stage.server.log_tail().unwrap_or_default();
    stage.server.stop().await?;
    stage.sandbox.stop().await?;
    outcome.with_context(|| format!("the service's last lines:\n{tail}\n"))?;
    Ok(format!("{} bad days", nights.len() + 6))
}

async fn all(stage: &Stage, nights: &[Night]) -> anyhow::Result<()> {
    for night in nights {
        stage.one(night).await.with_context(|| night.what)?;
        println!("  {}", night.what);
    }
    locked_template(stage).await.context("a template that is locked")?;
    blocked(stage).await.context("Cloudflare blocking everything for five minutes")?;
    paid_later(stage, true).await.context("a payment that comes later")?;
    paid_later(stage, false).await.context("a payment that never comes")?;
    disputed(stage).await.context("a dispute")?;
    mails(stage).await.context("a mail whose answer is lost, and one that is refused")?;
    // Two secrets have signed since the third night, and newer events came since the second.
    let stripe = stage.sandbox.get("/state/stripe").await?;
    let deliveries = stripe["deliveries"].as_array().cloned().unwrap_or_default();
    let refused: Vec<&Value> = deliveries.iter().filter(|delivery| delivery["status"] != 200).collect();
    ensure!(!deliveries.is_empty() && refused.is_empty(), "webhooks were refused: {refused:?}");
    Ok(())
}

/// A locked template is waited for, at no attempt's cost.
async fn locked_template(stage: &Stage) -> anyhow::Result<()> {
    stage.call((Method::PATCH, "/proxmox/guests/8011", json!({"lock": "backup"}))).await?;
    let session = order_and_pay(&stage.sandbox, &stage.server, "ctlocked").await?;
    asked_about(stage, "/api2/json/nodes/odin/lxc/8011/config", 1).await?;
    stage.call((Method::PATCH, "/proxmox/guests/8011", json!({"lock": null}))).await?;
    stage.ready("ctlocked", &session).await?;
    let stripe = stage.sandbox.get("/state/stripe").await?;
    let attempt = subscription(&stripe, &session).map(|trial| trial["metadata"]["tmsk_attempt"].clone());
    let attempt = attempt.as_ref().and_then(Value::as_str).unwrap_or_default();
    ensure!(attempt.starts_with("1:"), "waiting for the template cost attempts: {attempt}");
    println!("  a template that is locked");
    Ok(())
}

/// Waits until the service has asked for something so many times more.
async fn asked_about(stage: &Stage, path: &str, times: usize) -> anyhow::Result<()> {
    let count = || async {
        let log = stage.sandbox.get("/requests").await?;
        anyhow::Ok(log.as_array().into_iter().flatten().filter(|entry| entry["path"] == path).count())
    };
    let before = count().await?;
    until(&format!("{times} looks at {path}"), READY_MAX, || async {
        let now = count().await?;
        Ok(if now >= before + times { Ok(()) } else { Err(format!("{now} after {before}")) })
    })
    .await
}

async fn blocked(stage: &Stage) -> anyhow::Result<()> {
    let session = order_and_pay(&stage.sandbox, &stage.server, "blocked").await?;
    // The real block lasts five minutes; the service waits as long as it is told to.
    let effect = json!({"kind": "status", "status": 429, "headers": {"Retry-After": "2"},
        "body": {"success": false, "errors": [{"code": 10_429, "message": "please wait"}], "messages": [], "result": null}});
    stage.call(fault("cloudflare", json!({"effect": effect}))).await?;
    until("a blocked call", READY_MAX, || async {
        let log = stage.sandbox.get("/requests?service=cloudflare").await?;
        let seen = log.as_array().into_iter().flatten().any(|entry| entry["status"] == 429);
        Ok(if seen { Ok(()) } else { Err("none".to_owned()) })
    })
    .await?;
    stage.mend().await?;
    stage.ready("blocked", &session).await?;
    println!("  Cloudflare blocking everything");
    Ok(())
}

async fn paid_later(stage: &Stage, succeeds: bool) -> anyhow::Result<()> {
    let name = if succeeds { "later" } else { "never" };
    let session = order_and_pay_with(&stage.sandbox, &stage.server, name, "konbini").await?;
    until("an end set while the money is awaited", READY_MAX, || async {
        let stripe = stage.sandbox.get("/state/stripe").await?;
        let trial = subscription(&stripe, &session).cloned().unwrap_or_default();
        Ok(if trial["cancel_at_period_end"] == true { Ok(()) } else { Err(trial["status"].to_string()) })
    })
    .await?;
    let path = format!("/stripe/sessions/{session}/settle");
    stage.sandbox.post(&path, json!({"succeeds": succeeds})).await?;
    if succeeds {
        stage.ready(name, &session).await?;
    } else {
        until("an end of what was never paid", READY_MAX, || async {
            let stripe = stage.sandbox.get("/state/stripe").await?;
            let status = subscription(&stripe, &session).map(|trial| trial["status"].clone()).unwrap_or_default();
            Ok(if status == "canceled" { Ok(()) } else { Err(status.to_string()) })
        })
        .await?;
        let machines = stage.sandbox.get("/state/proxmox").await?;
        let made = machines["guests"].as_array().into_iter().flatten().any(|guest| guest["hostname"] == name);
        ensure!(!made, "what was never paid was given");
    }
    println!("  a payment that {}", if succeeds { "comes later" } else { "never comes" });
    Ok(())
}

async fn disputed(stage: &Stage) -> anyhow::Result<()> {
    let session = order_and_pay(&stage.sandbox, &stage.server, "dispute").await?;
    stage.ready("dispute", &session).await?;
    let stripe = stage.sandbox.get("/state/stripe").await?;
    let trial = subscription(&stripe, &session).cloned().context("no subscription")?;
    let links = stripe["invoice_payments"].as_array().cloned().unwrap_or_default();
    let link = links.iter().find(|link| link["invoice"] == trial["latest_invoice"]).context("no payment")?;
    let payment = link["payment"]["payment_intent"].as_str().context("no payment")?;
    stage.sandbox.post(&format!("/stripe/payments/{payment}/dispute"), json!({})).await?;
    until("a note to the operator", READY_MAX, || async {
        let mails = stage.sandbox.get("/state/mail").await?;
        let told = mails.as_array().into_iter().flatten().any(|mail| {
            mail["to"][0] == "operator@persys.jp" && mail["text"].as_str().is_some_and(|text| text.contains("disputed"))
        });
        Ok(if told { Ok(()) } else { Err("none".to_owned()) })
    })
    .await?;
    stage.ready("dispute", &session).await?;
    println!("  a dispute");
    Ok(())
}

async fn mails(stage: &Stage) -> anyhow::Result<()> {
    stage.call(fault("smtp", json!({"method": "DOT", "times": 1, "effect": {"kind": "apply_and_drop"}}))).await?;
    let session = order_and_pay(&stage.sandbox, &stage.server, "unheard").await?;
    stage.ready("unheard", &session).await?;
    let refused = json!({"kind": "smtp", "code": 550, "text": "no such user"});
    stage.call(fault("smtp", json!({"method": "RCPT", "path": "*nobody550*", "effect": refused}))).await?;
    let session = order_and_pay(&stage.sandbox, &stage.server, "nobody550").await?;
    until("a ready trial whose mail is refused", READY_MAX, || async {
        match is_ready(&stage.sandbox, "nobody550", &session).await? {
            Err(seen) if seen == "no welcome mail" => Ok(Ok(())),
            Ok(_) => bail!("a refused mail arrived"),
            Err(seen) => Ok(Err(seen)),
        }
    })
    .await?;
    stage.mend().await?;
    println!("  a mail whose answer is lost, and one that is refused");
    Ok(())
}
