//! Nights of the mail server.

use anyhow::bail;
use serde_json::json;

use super::service::{LONG, Order, Service, fault};
use crate::demo::is_ready;
use crate::sandbox::until;

pub(super) async fn all(service: &Service) -> anyhow::Result<()> {
    let later = json!({"kind": "smtp", "code": 451, "text": "greylisted"});
    let grey = fault("smtp", json!({"method": "DOT", "times": 1, "effect": later}));
    // Whether it arrived is not known: it goes again after ten minutes of Stripe's, not before.
    let unheard = fault("smtp", json!({"method": "DOT", "times": 1, "effect": {"kind": "apply_and_drop"}}));
    let orders = [
        Order { name: "grey", what: "greylisting, then success", begin: vec![grey], costs_a_run: false },
        Order {
            name: "unheard",
            what: "a connection that is lost after the final dot",
            begin: vec![unheard],
            costs_a_run: false,
        },
    ];
    for order in orders {
        order.live(service).await?;
    }
    service.night("an address that is refused, 550", refused(service)).await
}

/// The trial stands, nobody else waits for its mail, and that goes out when it can.
async fn refused(service: &Service) -> anyhow::Result<()> {
    let refused = json!({"kind": "smtp", "code": 550, "text": "no such user"});
    service.call(fault("smtp", json!({"method": "RCPT", "path": "*nobody550*", "effect": refused}))).await?;
    let session = service.order("nobody550").await?;
    until("a ready trial whose mail is refused", LONG, || async {
        match is_ready(service.sandbox(), "nobody550", &session).await? {
            Err(seen) if seen == "no welcome mail" => Ok(Ok(())),
            Ok(_) => bail!("a refused mail arrived"),
            Err(seen) => Ok(Err(seen)),
        }
    })
    .await?;
    let other = service.order("somebody").await?;
    service.ready("somebody", &other).await?;
    service.lift().await?;
    service.ready("nobody550", &session).await.map(|_| ())
}
