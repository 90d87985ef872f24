//! An order as a customer makes it: the form, then the payment page.

use std::time::Duration;

use anyhow::{Context as _, bail};
use serde_json::{Value, json};

use super::Server;
use crate::sandbox::{Sandbox, until};

/// Who orders.
pub(crate) const COMPANY: &str = "株式会社ためし <&>";

/// Orders over the form's API and pays on the payment page; gives the session's id.
pub(crate) async fn order_and_pay(sandbox: &Sandbox, server: &Server, name: &str) -> anyhow::Result<String> {
    order_and_pay_with(sandbox, server, name, "4242 4242 4242 4242").await
}

/// The same with another card.
pub(crate) async fn order_and_pay_with(
    sandbox: &Sandbox,
    server: &Server,
    name: &str,
    card: &str,
) -> anyhow::Result<String> {
    let url = order(sandbox, server, name).await?;
    pay(sandbox, &url, card).await
}

/// What the form sends for a name.
pub(crate) fn form(name: &str) -> Value {
    json!({"email": format!("{name}@example.co.jp"), "company_name": COMPANY, "oss_type": "nginx", "duration_days": 7, "subdomain": name})
}

/// Somebody takes a name in the zone; gives the record as it was answered.
pub(crate) async fn foreign_record(sandbox: &Sandbox, name: &str) -> anyhow::Result<Value> {
    let record = json!({"name": name, "type": "A", "content": "192.0.2.9"});
    Ok(sandbox.post("/cloudflare/records", record).await?["result"].take())
}

/// Orders over the form's API; gives the page to pay on.
pub(crate) async fn order(sandbox: &Sandbox, server: &Server, name: &str) -> anyhow::Result<String> {
    let form = form(name);
    until("an open name", Duration::from_secs(30), || async {
        let answer = sandbox.http.post(format!("{}/api/create-checkout", server.url)).json(&form).send().await?;
        let (status, body) = (answer.status(), answer.json::<Value>().await?);
        match body["checkout_url"].as_str() {
            Some(url) if status.is_success() => Ok(Ok(url.to_owned())),
            // The name of the last life may still be on its way out.
            _ if status == 409 || status == 503 => Ok(Err(body.to_string())),
            _ => bail!("the form was refused with {status}: {body}"),
        }
    })
    .await
}

/// Pays on a page; gives the session's id.
pub(crate) async fn pay(sandbox: &Sandbox, url: &str, card: &str) -> anyhow::Result<String> {
    let page = sandbox.http.get(url).send().await?.error_for_status()?.text().await?;
    if !page.contains("4242") {
        bail!("the payment page shows no card");
    }
    let paid = sandbox.http.post(url).form(&[("card", card)]).send().await?;
    let to = paid.headers().get("location").and_then(|to| to.to_str().ok()).unwrap_or_default().to_owned();
    let id = to.rsplit_once("session_id=").map(|(_, id)| id.to_owned());
    id.with_context(|| format!("paying led to {} {to}", paid.status()))
}
