//! Proxmox VE's containers, as far as trials need them.

use std::sync::Arc;
use std::time::Duration;

use reqwest::{Method, StatusCode};
use secrecy::{ExposeSecret, SecretString};
use serde::Deserialize;
use serde::de::DeserializeOwned;
use tamesuke_domain::ids::Vmid;
use tamesuke_domain::parts::Container;
use tamesuke_domain::ports::{Clock, Fault, System, Witness};
use tamesuke_domain::time::Monotonic;
use tokio::sync::Mutex;
use url::Url;

use crate::http::{Answer, Answered, Errand, send};

/// A ticket lives two hours; it is made anew after half of it.
const TICKET_FOR: Duration = Duration::from_secs(3_600);
/// A task is waited for that long.
const TASK_MAX: Duration = Duration::from_secs(120);
/// Longest id of a task, in bytes; real ones have about 70.
const UPID_LENGTH_MAX: usize = 256;
/// A task is asked after that often.
const TASK_POLL: Duration = Duration::from_millis(500);

/// Where Proxmox is and how to be let in.
#[derive(Debug, Clone)]
pub struct ProxmoxSettings {
    /// `https://host:8006/api2/json`.
    pub base: Url,
    /// `root@pam`, or another user with the rights.
    pub user: String,
    /// Its password.
    pub password: SecretString,
    /// The node that trials are made on.
    pub node: String,
    /// How long one call may take.
    pub timeout: Duration,
}

/// A client for Proxmox.
pub struct Proxmox {
    http: reqwest::Client,
    settings: ProxmoxSettings,
    witness: Arc<dyn Witness>,
    clock: Arc<dyn Clock>,
    ticket: Mutex<Option<Ticket>>,
}

#[derive(Clone)]
struct Ticket {
    made: Monotonic,
    cookie: SecretString,
    csrf: SecretString,
}

/// A guest as the cluster's list shows it: the number is current, the name may lag or be missing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListedGuest {
    /// Its number.
    pub vmid: Vmid,
    /// Its name, if the list has it already.
    pub name: Option<String>,
    /// The node it is on.
    pub node: String,
    /// Whether it is a template.
    pub template: bool,
}

#[derive(Deserialize)]
struct Data<T> {
    data: Option<T>,
}

#[derive(Deserialize)]
struct TicketView {
    ticket: String,
    #[serde(rename = "CSRFPreventionToken")]
    csrf: String,
    #[serde(rename = "NeedTFA")]
    need_tfa: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct GuestView {
    vmid: u64,
    name: Option<String>,
    #[serde(default)]
    node: String,
    #[serde(default)]
    template: serde_json::Value,
}

#[derive(Deserialize)]
struct ConfigView {
    hostname: Option<String>,
    lock: Option<String>,
    #[serde(default)]
    template: serde_json::Value,
}

#[derive(Deserialize)]
struct StatusView {
    status: String,
}

#[derive(Deserialize)]
struct TaskView {
    status: String,
    exitstatus: Option<String>,
}

impl TaskView {
    /// How the task ended, with Proxmox's words where it was not well; none while it runs.
    fn ended(self) -> Option<Result<(), String>> {
        let exit = (self.status == "stopped").then(|| self.exitstatus.unwrap_or_default())?;
        let well = exit == "OK" || exit.starts_with("WARNINGS");
        Some(if well { Ok(()) } else { Err(exit) })
    }
}

fn is_one(value: &serde_json::Value) -> bool {
    value.as_u64() == Some(1) || value.as_str() == Some("1") || value.as_bool() == Some(true)
}

impl Proxmox {
    /// A client on an HTTP client that trusts this Proxmox.
    pub fn new(
        http: reqwest::Client,
        settings: ProxmoxSettings,
        witness: Arc<dyn Witness>,
        clock: Arc<dyn Clock>,
    ) -> Self {
        Self { http, settings, witness, clock, ticket: Mutex::new(None) }
    }

    fn errand(operation: &'static str, writes: bool) -> Errand {
        Errand { system: System::Proxmox, operation, writes }
    }

    fn url(&self, path: &str) -> Url {
        let mut url = self.settings.base.clone();
        let (path, query) = path.split_once('?').map_or((path, None), |(path, query)| (path, Some(query)));
        let base = url.path().trim_end_matches('/').to_owned();
        url.set_path(&format!("{base}{path}"));
        url.set_query(query);
        url
    }

    async fn ticket(&self) -> Result<Ticket, Fault> {
        let mut ticket = self.ticket.lock().await;
        let now = self.clock.monotonic();
        if let Some(known) = ticket.as_ref().filter(|known| now.since(known.made) < TICKET_FOR) {
            return Ok(known.clone());
        }
        let errand = Self::errand("log in", false);
        let form = [("username", self.settings.user.as_str()), ("password", self.settings.password.expose_secret())];
        let request = self.http.post(self.url("/access/ticket")).timeout(self.settings.timeout).form(&form);
        let answer = send(errand, request, self.witness.as_ref()).await?;
        let view: TicketView = read(errand, &answer)?;
        if view.need_tfa.is_some_and(|need| !need.is_null() && need != serde_json::json!(0)) {
            return Err(errand.refused("the user has a second factor; use one without"));
        }
        let fresh = Ticket { made: now, cookie: view.ticket.into(), csrf: view.csrf.into() };
        *ticket = Some(fresh.clone());
        Ok(fresh)
    }

    async fn ask(&self, errand: Errand, method: &Method, path: &str) -> Result<Answer, Fault> {
        let ticket = self.ticket().await?;
        let mut request = self
            .http
            .request(method.clone(), self.url(path))
            .timeout(self.settings.timeout)
            .header("Cookie", format!("PVEAuthCookie={}", ticket.cookie.expose_secret()));
        if *method != Method::GET {
            request = request.header("CSRFPreventionToken", ticket.csrf.expose_secret());
        }
        if *method == Method::POST {
            request = request.header("Content-Length", "0");
        }
        let answer = send(errand, request, self.witness.as_ref()).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            // The ticket was revoked or the host's clock moved: the next call logs in anew.
            *self.ticket.lock().await = None;
        }
        Ok(answer)
    }

    async fn get<T: DeserializeOwned>(&self, operation: &'static str, path: &str) -> Result<T, Fault> {
        let errand = Self::errand(operation, false);
        let mut answer = self.ask(errand, &Method::GET, path).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            answer = self.ask(errand, &Method::GET, path).await?;
        }
        read(errand, &answer)
    }

    /// Starts a task and waits for its end.
    async fn task(&self, operation: &'static str, method: Method, path: &str) -> Result<(), Fault> {
        let errand = Self::errand(operation, true);
        let mut answer = self.ask(errand, &method, path).await?;
        if answer.status == StatusCode::UNAUTHORIZED {
            answer = self.ask(errand, &method, path).await?;
        }
        let upid: String = read(errand, &answer)?;
        let status = status_path(&upid).ok_or_else(|| errand.unreadable("task id"))?;
        let began = self.clock.monotonic();
        while self.clock.monotonic().since(began) < TASK_MAX {
            // A task that can't be asked after goes on all the same: its outcome is not known.
            let view: TaskView = self.get("read a task", &status).await.map_err(|fault| errand.unclear(fault))?;
            if let Some(ended) = view.ended() {
                return ended.map_err(|exit| errand.retryable(None, format!("the task ended with: {exit}")));
            }
            self.clock.sleep_until(self.clock.monotonic().plus(TASK_POLL)).await;
        }
        Err(errand.unclear("the task did not end in time"))
    }

    /// All guests that the user may see, templates too.
    pub async fn guests(&self) -> Result<Vec<ListedGuest>, Fault> {
        let operation = "list guests";
        let views: Vec<GuestView> = self.get(operation, "/cluster/resources?type=vm").await?;
        let errand = Self::errand(operation, false);
        let parse = |view: GuestView| {
            let vmid = Vmid::try_from(view.vmid).map_err(|_| errand.unreadable("vmid"))?;
            Ok(ListedGuest { vmid, name: view.name, node: view.node, template: is_one(&view.template) })
        };
        views.into_iter().map(parse).collect()
    }

    /// A container by its own configuration; none where that says it does not exist.
    pub async fn container(&self, node: &str, vmid: Vmid) -> Result<Option<Container>, Fault> {
        let path = format!("/nodes/{node}/lxc/{vmid}");
        let config: ConfigView = match self.get("read a container's configuration", &format!("{path}/config")).await {
            Ok(config) => config,
            Err(fault) if is_absent(&fault) => return Ok(None),
            Err(fault) => return Err(fault),
        };
        let status: StatusView = match self.get("read a container's status", &format!("{path}/status/current")).await {
            Ok(status) => status,
            Err(fault) if is_absent(&fault) => return Ok(None),
            Err(fault) => return Err(fault),
        };
        Ok(Some(Container {
            vmid,
            hostname: config.hostname.unwrap_or_default(),
            running: status.status == "running",
            lock: config.lock,
            template: is_one(&config.template),
        }))
    }

    /// Stops a container and waits.
    pub async fn stop(&self, node: &str, vmid: Vmid) -> Result<(), Fault> {
        self.task("stop a container", Method::POST, &format!("/nodes/{node}/lxc/{vmid}/status/stop")).await
    }

    /// Starts a container and waits.
    pub async fn start(&self, node: &str, vmid: Vmid) -> Result<(), Fault> {
        self.task("start a container", Method::POST, &format!("/nodes/{node}/lxc/{vmid}/status/start")).await
    }

    /// Deletes a stopped container and waits. Without `force` and `purge`: Proxmox refuses a running one.
    pub async fn delete(&self, node: &str, vmid: Vmid) -> Result<(), Fault> {
        self.task("delete a container", Method::DELETE, &format!("/nodes/{node}/lxc/{vmid}")).await
    }

    /// Whether the user may log in and see the node.
    pub async fn check(&self) -> Result<String, Fault> {
        #[derive(Deserialize)]
        struct Version {
            version: String,
        }
        let version: Version = self.get("read the version", "/version").await?;
        Ok(version.version)
    }

    /// The node that trials are made on.
    pub fn node(&self) -> &str {
        &self.settings.node
    }
}

fn read<T: DeserializeOwned>(errand: Errand, answer: &Answer) -> Result<T, Fault> {
    if answer.status.is_success() {
        let read: Option<Data<T>> = serde_json::from_slice(&answer.body).ok();
        return read.and_then(|read| read.data).ok_or_else(|| errand.unreadable("data"));
    }
    let message = serde_json::from_slice::<serde_json::Value>(&answer.body)
        .ok()
        .and_then(|body| body.get("message")?.as_str().map(|text| text.trim().to_owned()));
    let words = message.filter(|text| !text.is_empty()).unwrap_or_else(|| answer.reason.clone());
    let cause = Answered::new(answer.status, &words);
    Err(match answer.status.as_u16() {
        // Proxmox answers an ordinary "no" with 500 and says why; a proxy that lost the node says 595 to 599.
        500 => errand.retryable(None, cause),
        400..=499 => errand.refused(cause),
        _ => errand.unclear(cause),
    })
}

/// Where a task is asked after: `UPID:{node}:…`, on the node that it names. None for a text that is no
/// task's id, or that would lead the request elsewhere.
fn status_path(upid: &str) -> Option<String> {
    let node = upid.strip_prefix("UPID:")?.split(':').next()?;
    let is_node = node.starts_with(|c: char| c.is_ascii_alphanumeric())
        && node.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'.');
    let is_plain =
        upid.len() <= UPID_LENGTH_MAX && upid.bytes().all(|b| b.is_ascii_alphanumeric() || b":@!-._".contains(&b));
    (is_node && is_plain).then(|| format!("/nodes/{node}/tasks/{upid}/status"))
}

/// Whether a refusal says that there is no such container.
fn is_absent(fault: &Fault) -> bool {
    std::error::Error::source(fault)
        .and_then(|cause| cause.downcast_ref::<Answered>())
        .is_some_and(|answered| answered.status == 500 && answered.text.contains("does not exist"))
}

#[cfg(test)]
mod tests;
