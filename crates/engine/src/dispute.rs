//! A customer had the bank take a payment back. The trial runs to its end all the same; the operator is
//! told, because only a person can answer it: once for each dispute, and of one that is still open once more
//! by each process that begins to act. For who told of it, if anybody did, is kept nowhere.

use tamesuke_domain::action::AlertKind;
use tamesuke_domain::planted::{self, Planted};
use tamesuke_domain::ports::{EVENTS_KEPT_DAYS, EventHint, Fault, Note};
use tamesuke_domain::time::{DAY_SECS, Timestamp};

use crate::engine::Engine;

impl Engine {
    /// Tells of every dispute that is open: one that was made while nobody acted, or whose trial was not
    /// found before the process that looked for it died, would else be told of by nobody.
    pub(crate) async fn take_up_open_disputes(&self, now: Timestamp) -> Result<(), Fault> {
        let open = self.ports.billing.open_disputes(now.plus_secs(-EVENTS_KEPT_DAYS * DAY_SECS)).await?;
        for event in open.into_iter().filter(|_| !planted::has(Planted::OnlyInMemory)) {
            self.take_up_dispute(&event).await;
        }
        Ok(())
    }

    /// Tells the operator, and asks for a look.
    pub(crate) async fn take_up_dispute(&self, event: &EventHint) {
        self.tell_of_dispute(event).await;
        self.hint(event);
        // Also where the queue is full: what was told is not told again.
        self.heard.keep(&event.id, event.created);
    }

    /// Best effort, but never in silence.
    async fn tell_of_dispute(&self, event: &EventHint) {
        let name = &event.subdomain;
        let id = event.subscription.as_ref().map_or_else(|| "a subscription".to_owned(), ToString::to_string);
        let detail = format!(
            "the payment of {id} is disputed; the trial runs to its end, nothing is refunded; answer the dispute in Stripe's dashboard"
        );
        tracing::error!(subdomain = %name, subscription = %id, "{name}: {detail}");
        let note = Note { kind: AlertKind::Disputed, subdomain: name.clone(), detail };
        if let Err(fault) = self.ports.mailer.notify(&note).await {
            tracing::warn!(subdomain = %name, error = %fault.chain(), "the operator's note on {name} was not sent");
        }
    }
}
