//! Nights of Stripe.

use anyhow::{Context as _, ensure};
use reqwest::Method;
use serde_json::{Value, json};

use super::service::{LONG, Order, Service, attempts, fault, is, is_ours, set};
use crate::demo::{COMPANY, order_and_pay_with};
use crate::sandbox::until;
use crate::world::array;

/// Events are listed after the night at the earliest, so that only a webhook can have told of them.
const UNLISTED_MS: u64 = 3_600_000;
/// A call goes on for longer than the same bytes are sent again and again.
const STILL_RUNNING_MS: u64 = 15_000;
/// An unpaid first payment is waited for that long.
const INCOMPLETE_SECS: i64 = 23 * 3_600;

pub(super) async fn all(service: &Service) -> anyhow::Result<()> {
    for order in orders() {
        order.live(service).await?;
    }
    service.night("a write whose key is still in use, 409", key_in_use(service)).await?;
    service.night("an order whose key is still in use, 409", order_in_use(service)).await?;
    service.night("an incomplete subscription that is paid in the end", incomplete(service)).await?;
    service.night("an incomplete subscription that never is", incomplete_expired(service)).await?;
    service.night("a payment that comes later", paid_later(service)).await?;
    service.night("a payment that never comes", never_paid(service)).await?;
    service.night("a dispute", disputed(service)).await
}

fn orders() -> Vec<Order> {
    let limited = json!({"kind": "status", "status": 429, "headers": {"Retry-After": "1"},
        "body": {"error": {"type": "invalid_request_error", "code": "rate_limit", "message": "Too many requests"}}});
    let broken =
        json!({"kind": "status", "status": 500, "body": {"error": {"type": "api_error", "message": "unknown"}}});
    let order = |name, what, begin| Order { name, what, begin, costs_a_run: false };
    let unlisted = || set(json!({"events_lag_ms": UNLISTED_MS}));
    vec![
        order(
            "lag",
            "webhooks lost, and the events list late",
            vec![
                (Method::POST, "/stripe/webhooks", json!({"paused": true})),
                set(json!({"events_lag_ms": 2_000, "search_lag_ms": UNLISTED_MS})),
            ],
        ),
        order(
            "newer",
            "events of a newer API version",
            vec![unlisted(), (Method::PUT, "/stripe/event-version", json!({"version": "2027-03-31.next"}))],
        ),
        order(
            "roll",
            "two signatures while the secret is changed",
            vec![unlisted(), (Method::POST, "/stripe/webhook-endpoint/roll", json!({}))],
        ),
        order(
            "limited",
            "429 with Retry-After",
            vec![fault("stripe", json!({"path": "/v1/subscriptions/*", "times": 4, "effect": limited}))],
        ),
        order(
            "stored",
            "a 500 that is stored under its key",
            vec![fault(
                "stripe",
                json!({"method": "POST", "path": "/v1/subscriptions/*", "times": 2, "effect": broken}),
            )],
        ),
    ]
}

/// Whether a request was refused because its key is in use.
fn in_use(entry: &Value) -> bool {
    entry["service"] == "stripe" && entry["status"] == 409
}

/// The first write of a trial, the one that sets its end, is cut off and goes on at Stripe.
async fn key_in_use(service: &Service) -> anyhow::Result<()> {
    let since = service.seq().await?;
    let late = json!({"kind": "late", "ms": STILL_RUNNING_MS});
    let write = json!({"method": "POST", "path": "/v1/subscriptions/*", "times": 1, "effect": late});
    service.call(fault("stripe", write)).await?;
    let session = service.order("inuse").await?;
    service.ready("inuse", &session).await?;
    ensure!(!service.asked(since, in_use).await?.is_empty(), "no key was in use");
    Ok(())
}

/// The form can't say whether there is a payment page, so it gives none; the customer sends it again and
/// gets one. The page that Stripe makes after all is shown to nobody and takes nothing from the trial.
async fn order_in_use(service: &Service) -> anyhow::Result<()> {
    let name = "formtwice";
    let since = service.seq().await?;
    let late = json!({"kind": "late", "ms": STILL_RUNNING_MS});
    let write = json!({"method": "POST", "path": "/v1/checkout/sessions", "times": 1, "effect": late});
    service.call(fault("stripe", write)).await?;
    let first = service.form(name).await?;
    ensure!(first == (503, "stripe_unavailable".to_owned()), "the form answered {first:?}");
    ensure!(!service.asked(since, in_use).await?.is_empty(), "no key was in use");
    let session = service.order(name).await?;
    service.ready(name, &session).await?;
    until("the late page", LONG, || async {
        let stripe = service.sandbox().get("/state/stripe").await?;
        let pages = array(&stripe["checkout_sessions"]).iter().filter(|page| page["metadata"]["subdomain"] == name);
        let pages = pages.count();
        Ok(if pages == 2 { Ok(()) } else { Err(format!("{pages} pages")) })
    })
    .await?;
    let again = service.form(name).await?;
    ensure!(again == (409, "subdomain_taken".to_owned()), "the form answered {again:?}");
    service.ready(name, &session).await.map(|_| ())
}

/// A subscription of ours that waits for its first payment. The form makes none, but a card that needs a
/// second step does, behind Stripe's page.
async fn begin_unpaid(service: &Service, name: &str) -> anyhow::Result<Value> {
    let instance = service.instance(name).await?;
    let email = format!("{name}@example.co.jp");
    let customer = service.stripe(Method::POST, "customers", &[("email", &email)]).await?;
    let form = [
        ("customer", customer["id"].as_str().unwrap_or_default()),
        ("items[0][price]", service.sandbox().credential("stripe_price_nginx_7d")),
        ("payment_behavior", "default_incomplete"),
        ("metadata[subdomain]", name),
        ("metadata[oss_type]", "nginx"),
        ("metadata[duration_days]", "7"),
        ("metadata[company_name]", COMPANY),
        ("metadata[tmsk_inst]", &instance),
    ];
    let since = service.seq().await?;
    let trial = service.stripe(Method::POST, "subscriptions", &form).await?;
    ensure!(trial["status"] == "incomplete", "it is {}", trial["status"]);
    let id = trial["id"].as_str().context("no subscription")?.to_owned();
    let looks = |entry: &Value| is_ours(entry) && is(entry, "stripe", "GET", &id);
    service.seen("a look at it", (since, 1), looks).await?;
    // What one look has called for is done by the time of the next.
    let since = service.seq().await?;
    service.stripe(Method::POST, &format!("subscriptions/{id}"), &[("description", "look again")]).await?;
    service.seen("another look at it", (since, 1), looks).await?;
    let seen = service.trial(&id).await?;
    let same = ["metadata", "cancel_at", "status"].iter().all(|field| seen[*field] == trial[*field]);
    ensure!(same, "something was written to what is not paid: {seen}");
    Ok(trial)
}

/// Nothing is made or written before the payment.
async fn incomplete(service: &Service) -> anyhow::Result<()> {
    let name = "unpaid";
    let trial = begin_unpaid(service, name).await?;
    ensure!(service.tunnels(name).await?.is_empty(), "what is not paid was given");
    let stripe = service.sandbox().get("/state/stripe").await?;
    let links = array(&stripe["invoice_payments"]);
    let link = links.iter().find(|link| link["invoice"] == trial["latest_invoice"]).context("no payment")?;
    let payment = link["payment"]["payment_intent"].as_str().context("no payment")?;
    let confirm = format!("payment_intents/{payment}/confirm");
    service.stripe(Method::POST, &confirm, &[("payment_method", "pm_card_visa")]).await?;
    let id = trial["id"].as_str().context("no subscription")?;
    service.ready(name, id).await.map(|_| ())
}

/// It lapses after 23 hours: nothing was made, nothing is refunded, and somebody else gets the name.
async fn incomplete_expired(service: &Service) -> anyhow::Result<()> {
    let name = "lapsed";
    let trial = begin_unpaid(service, name).await?;
    let id = trial["id"].as_str().context("no subscription")?;
    service.sandbox().jump(INCOMPLETE_SECS + 60).await?;
    let session = service.order(name).await?;
    service.ready(name, &session).await?;
    let lapsed = service.trial(id).await?;
    ensure!(lapsed["status"] == "incomplete_expired", "it is {}", lapsed["status"]);
    ensure!(attempts(&lapsed) == 0 && lapsed["metadata"] == trial["metadata"], "{} was written", lapsed["metadata"]);
    ensure!(service.mails(&lapsed).await?.is_empty(), "somebody who never paid was written to");
    Ok(())
}

/// Pays with a method that takes its time; gives the session once the end is set.
async fn pay_slowly(service: &Service, name: &str) -> anyhow::Result<String> {
    let session = order_and_pay_with(service.sandbox(), &service.server, name, "konbini").await?;
    until("an end set while the money is awaited", LONG, || async {
        let trial = service.trial(&session).await?;
        Ok(if trial["cancel_at_period_end"] == true { Ok(()) } else { Err(trial["status"].to_string()) })
    })
    .await?;
    Ok(session)
}

async fn settle(service: &Service, session: &str, succeeds: bool) -> anyhow::Result<()> {
    let path = format!("/stripe/sessions/{session}/settle");
    service.sandbox().post(&path, json!({"succeeds": succeeds})).await.map(|_| ())
}

async fn paid_later(service: &Service) -> anyhow::Result<()> {
    let session = pay_slowly(service, "later").await?;
    ensure!(service.tunnels("later").await?.is_empty(), "what is not paid was given");
    settle(service, &session, true).await?;
    service.ready("later", &session).await.map(|_| ())
}

async fn never_paid(service: &Service) -> anyhow::Result<()> {
    let session = pay_slowly(service, "never").await?;
    settle(service, &session, false).await?;
    until("an end of what was never paid", LONG, || async {
        let trial = service.trial(&session).await?;
        Ok(if trial["status"] == "canceled" { Ok(()) } else { Err(trial["status"].to_string()) })
    })
    .await?;
    let trial = service.trial(&session).await?;
    ensure!(attempts(&trial) == 0 && service.guest("never").await?.is_none(), "what was never paid was given");
    Ok(())
}

async fn disputed(service: &Service) -> anyhow::Result<()> {
    let session = service.order("dispute").await?;
    let trial = service.ready("dispute", &session).await?;
    let stripe = service.sandbox().get("/state/stripe").await?;
    let links = array(&stripe["invoice_payments"]);
    let link = links.iter().find(|link| link["invoice"] == trial["latest_invoice"]).context("no payment")?;
    let payment = link["payment"]["payment_intent"].as_str().context("no payment")?;
    service.sandbox().post(&format!("/stripe/payments/{payment}/dispute"), json!({})).await?;
    until("a note to the operator", LONG, || async {
        let mails = service.sandbox().get("/state/mail").await?;
        let told = array(&mails).iter().any(|mail| {
            mail["to"][0] == "operator@persys.jp" && mail["text"].as_str().is_some_and(|text| text.contains("disputed"))
        });
        Ok(if told { Ok(()) } else { Err("none".to_owned()) })
    })
    .await?;
    service.ready("dispute", &session).await.map(|_| ())
}
