//! What costs people nights: the sandbox does what real systems do on a bad day, and the service gives the
//! trial all the same, or the money back. Each is read off the sandbox's own state. None depends on how fast
//! the machine is: what must come first is waited for, and a fault that was never met fails its night.
//!
//! `NIGHT=words cargo xtask test nights` has only those with these words in their name.

mod cloudflare;
mod limits;
mod mail;
mod proxmox;
mod service;
mod stripe;

use std::sync::atomic::Ordering;

use anyhow::ensure;
use serde_json::Value;

use crate::folders;
use crate::world::array;
use service::Service;

/// Runs all of them; gives how many there were. Each system's nights happen to a service of their own, all
/// at the same time, for nearly all of it is waiting.
pub(crate) async fn run() -> anyhow::Result<String> {
    let nights = tokio::join!(
        Box::pin(live(async |service| stripe::all(service).await)),
        Box::pin(live(async |service| proxmox::all(service).await)),
        Box::pin(live(async |service| cloudflare::all(service).await)),
        Box::pin(live(async |service| limits::all(service).await)),
        Box::pin(live(async |service| mail::all(service).await)),
    );
    let nights = nights.0? + nights.1? + nights.2? + nights.3? + nights.4?;
    ensure!(nights > 0, "no night has such words");
    Ok(format!("{nights} bad days"))
}

/// Lets one system's nights happen to a service; gives how many there were.
async fn live(all: impl AsyncFn(&Service) -> anyhow::Result<()>) -> anyhow::Result<usize> {
    let service = Service::start().await?;
    let mut outcome = all(&service).await;
    let nights = service.nights.load(Ordering::Relaxed);
    if outcome.is_ok() && nights > 0 {
        outcome = no_webhook_was_refused(&service).await;
    }
    let outcome = outcome.map_err(|error| service.server.failed(error));
    let folder = service.server.state_dir().to_owned();
    service.stop().await?;
    outcome?;
    folders::remove(&folder);
    Ok(nights)
}

/// Two secrets have signed, and newer events came. A delivery without any answer says nothing: the service
/// had too little time.
async fn no_webhook_was_refused(service: &Service) -> anyhow::Result<()> {
    let stripe = service.sandbox().get("/state/stripe").await?;
    let deliveries = array(&stripe["deliveries"]);
    let refused: Vec<&Value> = deliveries.iter().filter(|one| one["status"] != 200 && one["status"] != 0).collect();
    ensure!(!deliveries.is_empty() && refused.is_empty(), "webhooks were refused: {refused:?}");
    Ok(())
}
