//! Delivers events to the webhook endpoint: signed in real time, tried again a few times.

use std::sync::Arc;
use std::time::Duration;

use hmac::{Hmac, Mac};
use serde_json::json;
use sha2::Sha256;

use super::{Delivery, lists};
use crate::clock::{real_millis, real_now};
use crate::lies::Lie;
use crate::world::{World, lock};

/// How often the queue is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(10);
/// How long an endpoint may take.
const TIMEOUT: Duration = Duration::from_secs(10);

/// Delivers for ever.
pub(crate) async fn deliver_for_ever(world: Arc<World>) {
    let client = reqwest::Client::builder()
        .no_proxy()
        .timeout(TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .user_agent("Stripe/1.0 (+https://stripe.com/docs/webhooks)")
        .build();
    let client = match client {
        Ok(client) => client,
        Err(error) => return tracing::error!(%error, "webhooks can't be delivered"),
    };
    let mut tick = tokio::time::interval(LOOK_EVERY);
    loop {
        tick.tick().await;
        let now_ms = real_millis();
        let due = {
            let mut state = lock(&world.stripe);
            let (due, later): (Vec<_>, Vec<_>) =
                std::mem::take(&mut state.waiting).into_iter().partition(|delivery| delivery.at_ms <= now_ms);
            state.waiting = later.into();
            due
        };
        for delivery in due {
            tokio::spawn(deliver(Arc::clone(&world), client.clone(), delivery));
        }
    }
}

async fn deliver(world: Arc<World>, client: reqwest::Client, delivery: Delivery) {
    let (url, secrets, event) = {
        let state = lock(&world.stripe);
        if state.paused {
            return;
        }
        let Some(endpoint) = state.find(&delivery.endpoint).filter(|endpoint| endpoint["status"] == "enabled") else {
            return;
        };
        let secrets: Vec<String> = endpoint["_secrets"]
            .as_array()
            .into_iter()
            .flatten()
            .filter_map(|s| s.as_str().map(str::to_owned))
            .collect();
        (endpoint["url"].as_str().unwrap_or_default().to_owned(), secrets, state.find(&delivery.event).map(lists::view))
    };
    let Some(event) = event else { return };
    let Ok(body) = serde_json::to_string_pretty(&event) else {
        return;
    };
    let stamp = real_now();
    let upper = world.settings().lie == Some(Lie::StripeUpperCaseSignature);
    let signed = |secret: &String| {
        let digest = sign(secret, stamp, &body);
        format!("v1={}", if upper { digest.to_uppercase() } else { digest })
    };
    let signatures: Vec<String> = secrets.iter().map(signed).collect();
    let sent = client
        .post(url)
        .header("Content-Type", "application/json; charset=utf-8")
        .header("Stripe-Signature", format!("t={stamp},{}", signatures.join(",")))
        .body(body)
        .send()
        .await;
    let status = sent.map_or(0, |answer| answer.status().as_u16());
    let retries = world.settings().webhook_retry_ms;
    let mut state = lock(&world.stripe);
    if (200..300).contains(&status)
        && let Some(event) = state.find_mut(&delivery.event)
    {
        event["pending_webhooks"] = json!(event["pending_webhooks"].as_i64().unwrap_or(1).saturating_sub(1).max(0));
    }
    state.delivered.push(json!({"event_id": delivery.event, "endpoint": delivery.endpoint, "type": event["type"], "attempt": delivery.attempt + 1, "status": status, "at": stamp}));
    if !(200..300).contains(&status)
        && let Some(wait) = retries.get(delivery.attempt)
    {
        let at_ms = real_millis() + i64::try_from(*wait).unwrap_or(0);
        state.waiting.push_back(Delivery { attempt: delivery.attempt + 1, at_ms, ..delivery });
    }
}

fn sign(secret: &str, stamp: i64, body: &str) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else {
        return String::new();
    };
    mac.update(format!("{stamp}.{body}").as_bytes());
    hex::encode(mac.finalize().into_bytes())
}
