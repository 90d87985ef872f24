//! The lives of a round: who orders, and what else happens to them.

use std::time::Duration;

use anyhow::{Context as _, bail};
use reqwest::Method;
use serde_json::{Value, json};

use crate::draw::Draw;
use crate::sandbox::Sandbox;

/// What happens in a life beside the kills.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Twist {
    /// Nothing.
    None,
    /// A step of the next script that comes to it fails once.
    FailsOnce(u8),
    /// The customer cancels that long after paying, in milliseconds.
    Cancels(u64),
    /// Somebody takes the name in the zone between order and payment.
    ForeignRecord,
}

impl Twist {
    /// Whether its customer must get what was paid for: nothing stands in its way for good.
    pub(super) fn must_be_given(self) -> bool {
        match self {
            Self::None | Self::FailsOnce(_) => true,
            Self::Cancels(_) | Self::ForeignRecord => false,
        }
    }

    /// Draws one.
    pub(super) fn draw(draw: &mut Draw) -> Self {
        match draw.between(0, 9) {
            0..=4 => Self::None,
            5..=6 => Self::FailsOnce([2, 3, 4, 5, 7, 8, 9][usize::try_from(draw.between(0, 6)).unwrap_or(0)]),
            7..=8 => Self::Cancels(draw.between(0, 3_000)),
            _ => Self::ForeignRecord,
        }
    }
}

/// An order to be placed.
#[derive(Debug, Clone)]
pub(super) struct Order {
    /// Its name; one whose first order got no answer goes by another letter.
    pub(super) name: String,
    pub(super) twist: Twist,
    /// How long after the last one, in milliseconds.
    pub(super) after_ms: u64,
}

/// An order that was placed and paid.
#[derive(Debug)]
pub(super) struct Placed {
    /// The name it was taken under.
    pub(super) name: String,
    pub(super) twist: Twist,
    /// The record that somebody put in its way, as it was answered when it was made.
    pub(super) foreign_record: Option<Value>,
}

/// How long the service may take to take an order, restarts included.
const ORDER_TRIES: usize = 600;
const ORDER_AGAIN: Duration = Duration::from_millis(50);

/// Places an order, twists it and pays; the service may be dead at any moment.
pub(super) async fn order(sandbox: &Sandbox, url: &str, order: &Order) -> anyhow::Result<Placed> {
    tokio::time::sleep(Duration::from_millis(order.after_ms)).await;
    let (name, page) = checkout_page(sandbox, url, &order.name).await?;
    let foreign_record = match order.twist {
        Twist::None | Twist::Cancels(_) => None,
        Twist::FailsOnce(step) => {
            crate::demo::fault_of_step(step).set(sandbox).await?;
            None
        }
        Twist::ForeignRecord => Some(crate::demo::foreign_record(sandbox, &name).await?),
    };
    let paid = sandbox.http.post(&page).form(&[("card", "4242 4242 4242 4242")]).send().await?;
    let to = paid.headers().get("location").and_then(|to| to.to_str().ok()).unwrap_or_default().to_owned();
    let session = to.rsplit_once("session_id=").map(|(_, id)| id.to_owned()).context("paying led nowhere")?;
    if let Twist::Cancels(ms) = order.twist {
        tokio::time::sleep(Duration::from_millis(ms)).await;
        cancel(sandbox, &session).await?;
    }
    Ok(Placed { name, twist: order.twist, foreign_record })
}

async fn checkout_page(sandbox: &Sandbox, url: &str, base: &str) -> anyhow::Result<(String, String)> {
    let mut letters = 'a'..='z';
    let mut name = base.to_owned();
    for _ in 0..ORDER_TRIES {
        let form = json!({"email": format!("{name}@example.jp"), "company_name": "株式会社ためし", "oss_type": "nginx", "duration_days": 7, "subdomain": name});
        let sent = sandbox.http.post(format!("{url}/api/create-checkout")).json(&form).send().await;
        if let Ok(answer) = sent {
            let status = answer.status();
            let body: Value = answer.json().await.unwrap_or_default();
            match (status.as_u16(), body["checkout_url"].as_str()) {
                (200, Some(page)) => return Ok((name, page.to_owned())),
                // The answer of an earlier try was lost with the process: that session holds the name.
                (409, _) => name = format!("{base}{}", letters.next().context("no letter is left")?),
                // An answer that broke off with the process, or a service that is not ready yet.
                (200 | 502 | 503, _) => {}
                _ => bail!("an order was refused with {status}: {body}"),
            }
        }
        tokio::time::sleep(ORDER_AGAIN).await;
    }
    bail!("the order of {base} was never taken")
}

/// The customer's own cancellation.
async fn cancel(sandbox: &Sandbox, session: &str) -> anyhow::Result<()> {
    let state = sandbox.get("/state/stripe").await?;
    let sessions = state["checkout_sessions"].as_array().cloned().unwrap_or_default();
    let paid = sessions.iter().find(|s| s["id"] == session).and_then(|s| s["subscription"].as_str().map(str::to_owned));
    let id = paid.context("a paid session has no subscription")?;
    let url = format!("{}/v1/subscriptions/{id}", sandbox.address("stripe").trim_end_matches('/'));
    let request = sandbox.http.request(Method::DELETE, url).bearer_auth(sandbox.credential("stripe_secret_key"));
    let status = request.send().await?.status().as_u16();
    // The service may have refused and canceled it before.
    if status == 200 || status == 404 { Ok(()) } else { bail!("the cancellation was answered with {status}") }
}
