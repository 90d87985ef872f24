//! The running service that all nights happen to, and what is read off the sandbox afterwards.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use crate::demo::{self, Server};
use crate::sandbox::{Sandbox, until};
use crate::stage::Stage;
use crate::world::array;

/// How long anything may take on a bad day. Only a failing night needs all of it.
pub(super) const LONG: Duration = Duration::from_secs(300);
/// Longer than the demo's, or a slow machine would decide what happens: nothing is given up but by the rule
/// of 24 hours, no run is killed, no set is silent for too long, and the script waits for an answer for a while.
const SETTINGS: [(&str, &str); 4] = [
    ("GIVE_UP_SECONDS", "100000"),
    ("PROVISION_TIMEOUT", "600"),
    ("SILENCE_SECONDS", "3600"),
    ("PROVISIONER_READY_SECONDS", "20"),
];

/// One call of the control API.
pub(super) type Call = (Method, &'static str, Value);

/// A fault of a system.
pub(super) fn fault(service: &str, mut rule: Value) -> Call {
    rule["service"] = json!(service);
    (Method::POST, "/faults", rule)
}

/// Settings of the sandbox.
pub(super) fn set(settings: Value) -> Call {
    (Method::PUT, "/settings", settings)
}

/// Whether a request of the log is the service's own, not the script's.
pub(super) fn is_ours(entry: &Value) -> bool {
    entry["user_agent"].as_str().is_some_and(|agent| agent.starts_with("tamesuke/"))
}

/// Whether a request of the log is of that system and method, to a path with that in it.
pub(super) fn is(entry: &Value, service: &str, method: &str, part: &str) -> bool {
    entry["service"] == service
        && entry["method"] == method
        && entry["path"].as_str().is_some_and(|path| path.contains(part))
}

/// How many runs a trial has had, by its own mark.
pub(super) fn attempts(trial: &Value) -> u64 {
    let mark = trial["metadata"]["tmsk_attempt"].as_str().unwrap_or_default();
    mark.split(':').next().and_then(|count| count.parse().ok()).unwrap_or(0)
}

/// The service and its sandbox.
pub(super) struct Service {
    stage: Stage,
    pub(super) server: Server,
    /// The sandbox's settings on a good day.
    settings: Value,
    /// Only nights whose words have this in them.
    only: Option<String>,
    pub(super) nights: AtomicUsize,
}

impl Service {
    /// Starts both.
    pub(super) async fn start() -> anyhow::Result<Self> {
        let stage = Stage::set(false).await?;
        let settings = stage.sandbox.get("/settings").await?;
        let server = stage.serve(&SETTINGS).await?;
        Ok(Self { stage, server, settings, only: std::env::var("NIGHT").ok(), nights: AtomicUsize::new(0) })
    }

    /// Stops both.
    pub(super) async fn stop(mut self) -> anyhow::Result<()> {
        self.server.stop().await?;
        self.stage.sandbox.stop().await
    }

    pub(super) fn sandbox(&self) -> &Sandbox {
        &self.stage.sandbox
    }

    /// Lives through one night: what was planned must have happened, and is over afterwards.
    pub(super) async fn night(
        &self,
        what: &str,
        night: impl Future<Output = anyhow::Result<()>>,
    ) -> anyhow::Result<()> {
        if self.only.as_ref().is_some_and(|only| !what.contains(only.as_str())) {
            return Ok(());
        }
        night.await.with_context(|| what.to_owned())?;
        self.lift().await.with_context(|| what.to_owned())?;
        self.call(set(self.settings.clone())).await?;
        self.call((Method::POST, "/stripe/webhooks", json!({"paused": false}))).await?;
        self.nights.fetch_add(1, Ordering::Relaxed);
        println!("  {what}");
        Ok(())
    }

    pub(super) async fn call(&self, (method, path, body): Call) -> anyhow::Result<Value> {
        self.sandbox().control(method, path, Some(body)).await
    }

    /// Takes all faults back. One that was never met, or not as often as it was to be, proves nothing.
    pub(super) async fn lift(&self) -> anyhow::Result<()> {
        for fault in array(&self.sandbox().get("/faults").await?) {
            let (hits, times) = (fault["hits"].as_u64().unwrap_or(0), fault["times"].as_u64());
            ensure!(hits > 0 && times.is_none_or(|times| hits >= times), "a fault was met {hits} times: {fault}");
        }
        self.call((Method::DELETE, "/faults", Value::Null)).await?;
        Ok(())
    }

    /// Back to how the sandbox is on a good day, in the middle of a night.
    pub(super) async fn mend(&self) -> anyhow::Result<()> {
        self.call(set(self.settings.clone())).await.map(|_| ())
    }

    /// Orders and pays; gives the session.
    pub(super) async fn order(&self, name: &str) -> anyhow::Result<String> {
        demo::order_and_pay(self.sandbox(), &self.server, name).await
    }

    /// Waits until a trial is there, announced once, paid once and made once; gives its subscription.
    pub(super) async fn ready(&self, name: &str, session: &str) -> anyhow::Result<Value> {
        until(&format!("{name} ready"), LONG, || demo::is_ready(self.sandbox(), name, session)).await?;
        let state = self.sandbox().get("/state").await?;
        let trial = demo::subscription(&state["stripe"], session).context("no subscription")?;
        let of_it = |object: &&Value| object["parent"]["subscription_details"]["subscription"] == trial["id"];
        let invoices = array(&state["stripe"]["invoices"]).iter().filter(of_it).count();
        ensure!(invoices == 1, "{name} has {invoices} invoices");
        let guests = array(&state["proxmox"]["guests"]).iter().filter(|guest| guest["hostname"] == name).count();
        ensure!(guests == 1, "{name} has {guests} containers");
        let mails = self.mails(&trial).await?;
        ensure!(mails == ["welcome"], "{name} was sent {mails:?}");
        Ok(trial)
    }

    /// The kinds of the mails about a trial.
    pub(super) async fn mails(&self, trial: &Value) -> anyhow::Result<Vec<String>> {
        demo::mails(self.sandbox(), trial["id"].as_str()).await
    }

    /// A trial as Stripe has it now.
    pub(super) async fn trial(&self, session: &str) -> anyhow::Result<Value> {
        let stripe = self.sandbox().get("/state/stripe").await?;
        demo::subscription(&stripe, session).context("no subscription")
    }

    /// The living tunnels of a name.
    pub(super) async fn tunnels(&self, name: &str) -> anyhow::Result<Vec<Value>> {
        let cloudflare = self.sandbox().get("/state/cloudflare").await?;
        let ends = format!("-{name}");
        let of_it = |tunnel: &&Value| {
            tunnel["deleted_at"].is_null() && tunnel["name"].as_str().is_some_and(|given| given.ends_with(&ends))
        };
        Ok(array(&cloudflare["tunnels"]).iter().filter(of_it).cloned().collect())
    }

    /// The container of a name.
    pub(super) async fn guest(&self, name: &str) -> anyhow::Result<Option<Value>> {
        let machines = self.sandbox().get("/state/proxmox").await?;
        Ok(array(&machines["guests"]).iter().find(|guest| guest["hostname"] == name).cloned())
    }

    /// Where the log of requests stands.
    pub(super) async fn seq(&self) -> anyhow::Result<u64> {
        self.stage.last_seq().await
    }

    /// The requests since then that fit.
    pub(super) async fn asked(&self, since: u64, fits: impl Fn(&Value) -> bool) -> anyhow::Result<Vec<Value>> {
        let log = self.sandbox().get(&format!("/requests?since_seq={since}")).await?;
        Ok(array(&log).iter().filter(|entry| fits(entry)).cloned().collect())
    }

    /// Waits until there are so many of them.
    pub(super) async fn seen(
        &self,
        what: &str,
        (since, times): (u64, usize),
        fits: impl Fn(&Value) -> bool,
    ) -> anyhow::Result<()> {
        until(what, LONG, || async {
            let seen = self.asked(since, &fits).await?.len();
            Ok(if seen >= times { Ok(()) } else { Err(format!("{seen} of {times}")) })
        })
        .await
    }

    /// A call of Stripe's own API, as somebody else with the key makes it.
    pub(super) async fn stripe(&self, method: Method, path: &str, form: &[(&str, &str)]) -> anyhow::Result<Value> {
        let url = format!("{}/v1/{path}", self.sandbox().address("stripe"));
        let request =
            self.sandbox().http.request(method, url).bearer_auth(self.sandbox().credential("stripe_secret_key"));
        let request = if form.is_empty() { request } else { request.form(form) };
        let answer = request.send().await?;
        let status = answer.status();
        let text = answer.text().await?;
        ensure!(status.is_success(), "{path} was answered with {status}: {text}");
        Ok(serde_json::from_str(&text)?)
    }

    /// The service's own mark, read off a session; where there is none yet, one for a name close to that.
    pub(super) async fn instance(&self, name: &str) -> anyhow::Result<String> {
        let stripe = self.sandbox().get("/state/stripe").await?;
        if array(&stripe["checkout_sessions"]).is_empty() {
            demo::order(self.sandbox(), &self.server, &format!("{name}x")).await?;
        }
        let stripe = self.sandbox().get("/state/stripe").await?;
        let mark = stripe["checkout_sessions"][0]["metadata"]["tmsk_inst"].as_str();
        mark.map(str::to_owned).context("the session has no mark")
    }

    /// What the service says of a name: free or not.
    pub(super) async fn is_free(&self, name: &str) -> anyhow::Result<bool> {
        let url = format!("{}/api/check-subdomain?subdomain={name}", self.server.url);
        let answer: Value = self.sandbox().http.get(url).send().await?.json().await?;
        Ok(answer["available"] == true)
    }

    /// Sends the form for a name; gives the status and the code of a refusal.
    pub(super) async fn form(&self, name: &str) -> anyhow::Result<(u16, String)> {
        let url = format!("{}/api/create-checkout", self.server.url);
        let answer = self.sandbox().http.post(url).json(&demo::form(name)).send().await?;
        let (status, body) = (answer.status().as_u16(), answer.json::<Value>().await?);
        let code = body["code"].as_str().or(body["error"]["code"].as_str()).unwrap_or_default();
        Ok((status, code.to_owned()))
    }
}

/// A night that is one order: the world before it, and a trial all the same.
pub(super) struct Order {
    pub(super) name: &'static str,
    pub(super) what: &'static str,
    pub(super) begin: Vec<Call>,
    /// Whether the first run can't succeed.
    pub(super) costs_a_run: bool,
}

impl Order {
    /// Lives through it.
    pub(super) async fn live(&self, service: &Service) -> anyhow::Result<()> {
        service
            .night(self.what, async {
                for call in &self.begin {
                    service.call(call.clone()).await?;
                }
                let session = service.order(self.name).await?;
                let trial = service.ready(self.name, &session).await?;
                ensure!(!self.costs_a_run || attempts(&trial) >= 2, "nothing went wrong: {}", trial["metadata"]);
                Ok(())
            })
            .await
    }
}
