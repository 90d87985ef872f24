//! A customer had the bank take a payment back. The trial runs to its end all the same; the operator is
//! told, once for each dispute, because only a person can answer it.

use tamesuke_domain::action::AlertKind;
use tamesuke_domain::ports::{EventHint, Note};

use crate::engine::Engine;

impl Engine {
    /// Tells the operator; best effort, but never in silence.
    pub(crate) async fn tell_of_dispute(&self, event: &EventHint) {
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
