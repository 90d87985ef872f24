//! Gives money back, once. The payment is read first: one that is refunded whole is the answer, of one that
//! is refunded in part the rest goes back, a disputed one is left to the operator.

use serde::Deserialize;
use stripe_billing::invoice_payment::ListInvoicePayment;
use stripe_client_core::StripeRequest;
use stripe_core::payment_intent::RetrievePaymentIntent;
use stripe_core::refund::{CreateRefund, ListRefund};
use tamesuke_domain::ports::{Fault, RefundOutcome, System};
use tamesuke_domain::trial::Subscription;

use crate::Stripe;
use crate::client::{Call, api_error};
use crate::error::Unreadable;
use crate::list::{Listed, PAGE};
use crate::subscription::key;
use crate::view::Expandable;

#[derive(Debug, Deserialize)]
struct InvoicePayment {
    id: String,
    #[serde(default)]
    status: String,
    payment: Payment,
}

#[derive(Debug, Deserialize)]
struct Payment {
    payment_intent: Option<Expandable<PaymentIntent>>,
}

#[derive(Debug, Deserialize)]
struct PaymentIntent {
    id: String,
    #[serde(default)]
    amount_received: i64,
    latest_charge: Option<Expandable<Charge>>,
}

#[derive(Debug, Deserialize)]
struct Charge {
    id: String,
    #[serde(default)]
    disputed: bool,
}

#[derive(Debug, Deserialize)]
struct Refund {
    id: String,
    #[serde(default)]
    amount: i64,
    #[serde(default)]
    status: Option<String>,
}

impl Refund {
    /// Whether the money is back or on its way.
    fn stands(&self) -> bool {
        !matches!(self.status.as_deref(), Some("failed" | "canceled"))
    }
}

impl Listed for InvoicePayment {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Listed for PaymentIntent {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Listed for Charge {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Listed for Refund {
    fn id(&self) -> &str {
        &self.id
    }
}

impl Stripe {
    pub(crate) async fn give_back(&self, subscription: &Subscription) -> Result<RefundOutcome, Fault> {
        let Some(invoice) = subscription.invoice.as_ref().filter(|invoice| invoice.paid) else {
            return Ok(RefundOutcome::Nothing);
        };
        let list = |cursor: Option<&str>| {
            let mut request = ListInvoicePayment::new().invoice(invoice.id.as_str()).limit(PAGE);
            if let Some(cursor) = cursor {
                request = request.starting_after(cursor);
            }
            request.build()
        };
        let payments: Vec<InvoicePayment> = self.client.list("list an invoice's payments", false, list).await?;
        let mut paid = payments.into_iter().filter(|payment| payment.status == "paid");
        let Some(intent) = paid.find_map(|payment| payment.payment.payment_intent) else {
            return Ok(RefundOutcome::Nothing);
        };
        self.give_back_payment(intent.id()).await
    }

    async fn give_back_payment(&self, intent: &str) -> Result<RefundOutcome, Fault> {
        let request = RetrievePaymentIntent::new(intent).expand(vec!["latest_charge".to_owned()]).build();
        let call = Call { operation: "read a payment", request, key: None };
        let payment: PaymentIntent = self.client.send(call).await?;
        if payment.amount_received == 0 {
            return Ok(RefundOutcome::Nothing);
        }
        if let Some(Expandable::Object(charge)) = &payment.latest_charge
            && charge.disputed
        {
            return Ok(RefundOutcome::Disputed);
        }
        // Partial refunds add up: one that somebody made by hand is not the whole amount.
        let earlier = self.standing_refunds(intent).await?;
        let operation = "refund a payment";
        if let Some(newest) = earlier.first()
            && earlier.iter().map(|refund| refund.amount).sum::<i64>() >= payment.amount_received
        {
            return refunded(newest, operation);
        }
        // Without an amount Stripe gives back what is left.
        let request = CreateRefund::new().payment_intent(intent).build();
        match self.client.send::<Refund>(Call { operation, request, key: Some(key()) }).await {
            Ok(refund) => refunded(&refund, operation),
            Err(fault) if api_error(&fault).is_some_and(|error| error.code == "charge_already_refunded") => {
                let standing = self.standing_refunds(intent).await?;
                standing.first().map_or(Err(fault), |newest| refunded(newest, operation))
            }
            Err(fault) => Err(fault),
        }
    }

    /// The refunds of a payment that did not fail, newest first.
    async fn standing_refunds(&self, intent: &str) -> Result<Vec<Refund>, Fault> {
        let list = |cursor: Option<&str>| {
            let mut request = ListRefund::new().payment_intent(intent).limit(PAGE);
            if let Some(cursor) = cursor {
                request = request.starting_after(cursor);
            }
            request.build()
        };
        let mut refunds: Vec<Refund> = self.client.list("list a payment's refunds", false, list).await?;
        refunds.retain(Refund::stands);
        Ok(refunds)
    }
}

fn refunded(refund: &Refund, operation: &'static str) -> Result<RefundOutcome, Fault> {
    refund.id.parse().map(RefundOutcome::Refunded).map_err(|_| Fault::Unknown {
        system: System::Stripe,
        operation,
        cause: Box::new(Unreadable::Field("refund id")),
    })
}
