//! Nights of Cloudflare's limits: 1,000 tunnels of an account, 200 records of a zone.

use anyhow::ensure;
use reqwest::Method;
use serde_json::{Value, json};

use super::service::{LONG, Service, attempts, is, is_ours, set};
use crate::sandbox::until;
use crate::world::{Things, array};

/// Most tunnels of an account.
const TUNNELS_MAX: usize = 1_000;
/// A trial that is not ready after that long is given up.
const OVERDUE_SECS: i64 = 86_400;

pub(super) async fn all(service: &Service) -> anyhow::Result<()> {
    service.night("an account with 1,000 tunnels", full_account(service)).await?;
    let tunnels = refused_by_cloudflare(service, Limit::Tunnels, "nomoretun");
    service.night("a limit of tunnels that is lower than we think", tunnels).await?;
    let records = refused_by_cloudflare(service, Limit::Records, "nomorerec");
    service.night("a zone that is full of records until room is made", records).await?;
    service.night("a zone that stays full of records", given_up(service)).await
}

async fn living_tunnels(service: &Service) -> anyhow::Result<usize> {
    let cloudflare = service.sandbox().get("/state/cloudflare").await?;
    Ok(array(&cloudflare["tunnels"]).iter().filter(|tunnel| tunnel["deleted_at"].is_null()).count())
}

/// The account is filled by others while an order waits: it waits on at no run's cost until there is room, and
/// the form sells nothing meanwhile.
async fn full_account(service: &Service) -> anyhow::Result<()> {
    let sandbox = service.sandbox();
    // A locked template keeps the order waiting until its looks show the full account.
    service.call((Method::PATCH, "/proxmox/guests/8011", json!({"lock": "backup"}))).await?;
    let session = service.order("full").await?;
    let mut others = Vec::new();
    for number in living_tunnels(service).await?..TUNNELS_MAX {
        let made = sandbox.post("/cloudflare/tunnels", json!({"name": format!("other-{number}")})).await?;
        others.extend(made["id"].as_str().map(str::to_owned));
    }
    let looks = |entry: &Value| is_ours(entry) && is(entry, "cloudflare", "GET", "/cfd_tunnel");
    service.seen("two looks at a full account", (service.seq().await?, 2), looks).await?;
    service.call((Method::PATCH, "/proxmox/guests/8011", json!({"lock": null}))).await?;
    service.seen("two more looks at it", (service.seq().await?, 2), looks).await?;
    let trial = service.trial(&session).await?;
    ensure!(attempts(&trial) == 0, "a run was spent on a full account: {}", trial["metadata"]);
    let answer = service.form("toomany").await?;
    ensure!(answer == (503, "full".to_owned()), "the form answered {answer:?}");
    for id in others {
        sandbox.control(Method::DELETE, &format!("/cloudflare/tunnels/{id}"), None).await?;
    }
    service.ready("full", &session).await.map(|_| ())
}

/// What Cloudflare has enough of.
#[derive(Clone, Copy)]
enum Limit {
    Tunnels,
    Records,
}

impl Limit {
    /// No more than there are now.
    async fn reach(self, service: &Service) -> anyhow::Result<()> {
        let cloudflare = service.sandbox().get("/state/cloudflare").await?;
        let reached = match self {
            Self::Tunnels => json!({"tunnels_max": living_tunnels(service).await?}),
            Self::Records => json!({"records_max": array(&cloudflare["records"]).len()}),
        };
        service.call(set(reached)).await.map(|_| ())
    }

    /// Whether a request was refused for it.
    fn refuses(self, entry: &Value) -> bool {
        match self {
            Self::Tunnels => entry["status"] == 403 && is(entry, "cloudflare", "POST", "/cfd_tunnel"),
            Self::Records => entry["status"] == 400 && is(entry, "cloudflare", "POST", "/dns_records"),
        }
    }
}

/// The script is refused, and what its runs left is removed; when there is room, the next one succeeds.
async fn refused_by_cloudflare(service: &Service, limit: Limit, name: &str) -> anyhow::Result<()> {
    limit.reach(service).await?;
    let since = service.seq().await?;
    let session = service.order(name).await?;
    service.seen("a refusal", (since, 1), |entry| limit.refuses(entry)).await?;
    service.mend().await?;
    let trial = service.ready(name, &session).await?;
    ensure!(attempts(&trial) >= 2, "nothing went wrong: {}", trial["metadata"]);
    ensure!(service.tunnels(name).await?.len() == 1, "a refused run has left its tunnel");
    Ok(())
}

/// No room for a day: the money goes back, the customer is told, nothing is left and the name is free.
async fn given_up(service: &Service) -> anyhow::Result<()> {
    let name = "norecord";
    let sandbox = service.sandbox();
    let before = Things::now(sandbox).await?;
    Limit::Records.reach(service).await?;
    let since = service.seq().await?;
    let session = service.order(name).await?;
    service.seen("two refusals", (since, 2), |entry| Limit::Records.refuses(entry)).await?;
    sandbox.jump(OVERDUE_SECS + 60).await?;
    until("a refund, an apology, and a free name", LONG, || async {
        let trial = service.trial(&session).await?;
        let told = service.mails(&trial).await?;
        let over = trial["status"] == "canceled" && told == ["apology"] && service.is_free(name).await?;
        Ok(if over { Ok(()) } else { Err(format!("{}, {}, mails {told:?}", trial["status"], trial["metadata"])) })
    })
    .await?;
    let stripe = sandbox.get("/state/stripe").await?;
    let trial = service.trial(&session).await?;
    let link = array(&stripe["invoice_payments"]).iter().find(|link| link["invoice"] == trial["latest_invoice"]);
    let payment = link.map(|link| link["payment"]["payment_intent"].clone()).unwrap_or_default();
    let back = array(&stripe["refunds"]).iter().filter(|refund| refund["payment_intent"] == payment).count();
    ensure!(back == 1, "the money went back {back} times");
    let after = Things::now(sandbox).await?;
    let (left, changed) = (before.added(&after), before.changed(&after));
    ensure!(left.is_empty() && changed.is_empty(), "left over: {left:?}; others changed: {changed:?}");
    Ok(())
}
