//! Nights of Cloudflare and of what visitors see of it.

use anyhow::{Context as _, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use super::service::{LONG, Order, Service, attempts, fault, is, is_ours};
use crate::demo::is_closed;
use crate::sandbox::until;

pub(super) async fn all(service: &Service) -> anyhow::Result<()> {
    let slow = json!({"path": "*/dns_records*", "effect": {"kind": "delay", "ms": 1_500}});
    let order = Order {
        name: "slowdns",
        what: "an API of DNS records that takes a while to answer",
        begin: vec![fault("cloudflare", slow)],
        costs_a_run: false,
    };
    order.live(service).await?;
    service.night("everything blocked, 429 for a while", blocked(service)).await?;
    let unseen = silent(service, "unseen", Some("tamesuke/"));
    service.night("DNS that takes a while to answer us, when the script has seen it", unseen).await?;
    let given_up = silent(service, "givenup", None);
    service.night("DNS that answers when the script has given up", given_up).await?;
    service.night("a tunnel that can't be deleted while it is connected", connected(service)).await
}

async fn blocked(service: &Service) -> anyhow::Result<()> {
    let since = service.seq().await?;
    // The real block lasts five minutes; the service waits as long as it is told to.
    let effect = json!({"kind": "status", "status": 429, "headers": {"Retry-After": "2"},
        "body": {"success": false, "errors": [{"code": 10_429, "message": "please wait"}], "messages": [], "result": null}});
    let session = service.order("blocked").await?;
    service.call(fault("cloudflare", json!({"effect": effect}))).await?;
    let refused = |entry: &Value| entry["service"] == "cloudflare" && entry["status"] == 429;
    service.seen("a blocked call", (since, 1), refused).await?;
    service.lift().await?;
    service.ready("blocked", &session).await.map(|_| ())
}

/// The trial stands, but its address is silent, for us alone or for the script, too. Nothing is announced
/// before we have seen it answer ourselves; and a set that is only silent is neither removed nor made again.
async fn silent(service: &Service, name: &str, agent: Option<&str>) -> anyhow::Result<()> {
    let since = service.seq().await?;
    let fault_of = |effect: Value| json!({"user_agent_prefix": agent, "effect": effect});
    service.call(fault("ingress", fault_of(json!({"kind": "drop"})))).await?;
    let session = service.order(name).await?;
    // We ask when no run is alive, so that the script has ended by then.
    let probe = |entry: &Value| is_ours(entry) && entry["service"] == "ingress";
    service.seen("two probes of a silent address", (since, 2), probe).await?;
    let by_script = |entry: &Value| entry["service"] == "ingress" && !is_ours(entry) && entry["status"] == 200;
    let answered = service.asked(since, by_script).await?.len();
    ensure!((answered > 0) == agent.is_some(), "the script was answered {answered} times");
    let trial = service.trial(&session).await?;
    ensure!(trial["metadata"]["vmid"].is_null(), "a silent trial was called ready: {}", trial["metadata"]);
    ensure!(service.mails(&trial).await?.is_empty(), "a silent trial was announced");
    let tunnel = service.tunnels(name).await?;
    service.lift().await?;
    let later = service.ready(name, &session).await?;
    let of_later = later["metadata"]["tunnel_id"].as_str();
    let same = attempts(&later) == attempts(&trial) && tunnel.iter().any(|tunnel| tunnel["id"].as_str() == of_later);
    ensure!(same, "a silent trial was made again: {}, {}", trial["metadata"], later["metadata"]);
    Ok(())
}

/// At the end all else goes first, and the tunnel as soon as it can; the name is not sold before that.
async fn connected(service: &Service) -> anyhow::Result<()> {
    let name = "connected";
    let session = service.order(name).await?;
    let trial = service.ready(name, &session).await?;
    let tunnel = trial["metadata"]["tunnel_id"].as_str().context("no tunnel")?;
    // Somebody else's connector on the tunnel, put there when the trial's own has gone with its container.
    let other = json!({"vmid": 300, "hostname": "elsewhere", "status": "running"});
    service.call((Method::POST, "/proxmox/guests", other)).await?;
    let locked = json!({"kind": "status", "status": 500, "body": {"data": null, "message": "CT is locked (backup)\n"}});
    service.call(fault("proxmox", json!({"method": "DELETE", "path": "*/lxc/*", "effect": locked}))).await?;
    let since = service.seq().await?;
    let id = trial["id"].as_str().context("no subscription")?;
    service.stripe(Method::DELETE, &format!("subscriptions/{id}"), &[]).await?;
    service.seen("a stopped container", (since, 1), |entry| is(entry, "proxmox", "DELETE", "/lxc/")).await?;
    service.sandbox().post(&format!("/cloudflare/tunnels/{tunnel}/connect"), json!({"vmid": 300})).await?;
    service.lift().await?;
    let refused = |entry: &Value| entry["status"] == 400 && is(entry, "cloudflare", "DELETE", tunnel);
    service.seen("a tunnel that can't be deleted", (since, 2), refused).await?;
    let state = service.sandbox().get("/state").await?;
    ensure!(service.guest(name).await?.is_none(), "the container waited for the tunnel");
    ensure!(
        !state["cloudflare"]["records"].to_string().contains(&format!("{name}.")),
        "the record waited for the tunnel"
    );
    ensure!(state["files"][format!("metadata-{name}.json")].is_null(), "the file waited for the tunnel");
    ensure!(service.tunnels(name).await?.len() == 1, "a connected tunnel was deleted");
    ensure!(!service.is_free(name).await?, "a name was called free whose tunnel stands");
    ensure!(service.mails(&trial).await? == ["welcome"], "it was said to be over");
    service.sandbox().post(&format!("/cloudflare/tunnels/{tunnel}/disconnect"), json!({})).await?;
    until("an end", LONG, || is_closed(service.sandbox(), name, &session)).await
}
