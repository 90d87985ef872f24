//! Checkout Sessions: made, read, listed and expired.

use stripe_checkout::checkout_session::{
    CreateCheckoutSession, CreateCheckoutSessionCustomText, CreateCheckoutSessionLineItems,
    CreateCheckoutSessionSubscriptionData, CustomTextPositionParam, ExpireCheckoutSession, ListCheckoutSession,
    RetrieveCheckoutSession,
};
use stripe_client_core::StripeRequest;
use stripe_shared::{CheckoutSessionLocale, CheckoutSessionMode};
use tamesuke_domain::checkout::{Checkout, CheckoutStatus, EmailRefused, Expired, NewCheckout, SeenCheckout};
use tamesuke_domain::ids::CheckoutId;
use tamesuke_domain::metadata::{Metadata, subdomain_of};
use tamesuke_domain::ports::Fault;
use tamesuke_domain::time::Timestamp;

use crate::Stripe;
use crate::client::{Call, api_error, is_missing};
use crate::list::PAGE;
use crate::subscription::{expand_in, key, since_query, texts};
use crate::view::SessionView;

/// Stands beside the pay button. Of a session of `mode=subscription` Stripe's page speaks of a payment
/// "every 7 days" and of future charges, and there is no switch for that.
const PAID_ONCE: &str = "お支払いは今回の一度だけです。期間が終わると自動で終了し、更新も追加の請求もありません。この画面に繰り返しのお支払いのように表示されることがありますが、2回目以降の請求は行いません。 You pay this once. The trial ends by itself: no renewal, no further charge, even where this page speaks of a subscription.";

impl Stripe {
    pub(crate) async fn make_checkout(&self, new: &NewCheckout) -> Result<Checkout, Fault> {
        let mut item = CreateCheckoutSessionLineItems::new();
        item.price = Some(new.price.to_string());
        item.quantity = Some(1);
        let mut data = CreateCheckoutSessionSubscriptionData::new();
        data.metadata = Some(texts(&new.metadata));
        let mut beside = CreateCheckoutSessionCustomText::new();
        beside.submit = Some(CustomTextPositionParam::new(PAID_ONCE));
        let mut request = CreateCheckoutSession::new()
            .mode(CheckoutSessionMode::Subscription)
            .locale(CheckoutSessionLocale::Ja)
            .line_items(vec![item])
            .customer_email(new.email.expose())
            .metadata(texts(&new.metadata))
            .subscription_data(data)
            .custom_text(beside)
            .expires_at(new.expires.as_unix())
            .success_url(new.success_url.clone())
            .cancel_url(new.cancel_url.clone());
        if let Some(reference) = &new.reference {
            request = request.client_reference_id(reference.clone());
        }
        let operation = "create a checkout session";
        let call = Call { operation, request: request.build(), key: Some(new.idempotency_key.clone()) };
        self.client.send::<SessionView>(call).await.map_err(blame_address)?.parse(operation)
    }

    /// Reads a session, and in the same call the subscription that it became.
    pub(crate) async fn read_checkout(&self, id: &CheckoutId) -> Result<Option<SeenCheckout>, Fault> {
        let operation = "read a checkout session";
        let fields = ["subscription".to_owned()].into_iter().chain(expand_in("subscription"));
        let request = RetrieveCheckoutSession::new(id.as_str()).expand(fields.collect::<Vec<_>>()).build();
        match self.client.send::<SessionView>(Call { operation, request, key: None }).await {
            Ok(view) => {
                let seen = view.parse_with_subscription(operation)?;
                let is_ours = |metadata: &Metadata| subdomain_of(metadata, &self.instance).is_some();
                Ok(Some(seen).filter(|seen| is_ours(&seen.checkout.metadata)).map(|seen| SeenCheckout {
                    subscription: seen.subscription.filter(|subscription| is_ours(&subscription.metadata)),
                    ..seen
                }))
            }
            Err(fault) if is_missing(&fault) => Ok(None),
            Err(fault) => Err(fault),
        }
    }

    pub(crate) async fn list_checkouts(
        &self,
        newest: Option<&CheckoutId>,
        since: Timestamp,
    ) -> Result<Vec<Checkout>, Fault> {
        let operation = "list checkout sessions";
        let page = |cursor: Option<&str>| {
            let mut request = ListCheckoutSession::new().limit(PAGE);
            match (newest, cursor) {
                (Some(newest), None) => request = request.ending_before(newest.as_str()),
                (Some(_), Some(cursor)) => request = request.ending_before(cursor),
                (None, cursor) => {
                    request = request.created(since_query(since));
                    if let Some(cursor) = cursor {
                        request = request.starting_after(cursor);
                    }
                }
            }
            request.build()
        };
        let views: Vec<SessionView> = self.client.list(operation, newest.is_some(), page).await?;
        let ours = views.into_iter().filter(|view| {
            view.metadata.as_ref().is_some_and(|metadata| subdomain_of(metadata, &self.instance).is_some())
        });
        ours.map(|view| view.parse(operation)).collect()
    }

    pub(crate) async fn end_checkout(&self, id: &CheckoutId) -> Result<Expired, Fault> {
        let operation = "expire a checkout session";
        let request = ExpireCheckoutSession::new(id.as_str()).build();
        let fault = match self.client.send::<SessionView>(Call { operation, request, key: Some(key()) }).await {
            Ok(_) => return Ok(Expired::Free),
            Err(fault) if api_error(&fault).is_some_and(|error| error.status == 400) => fault,
            Err(fault) => return Err(fault),
        };
        // Not open any more: it lapsed, or it was paid in the meantime.
        match self.read_checkout(id).await? {
            Some(SeenCheckout { checkout, .. }) => match checkout.status {
                CheckoutStatus::Complete => Ok(Expired::Paid(checkout)),
                CheckoutStatus::Expired => Ok(Expired::Free),
                // It was refused for another reason, and can still be paid.
                CheckoutStatus::Open => Err(fault),
            },
            None => Ok(Expired::Free),
        }
    }
}

/// Tells a refused address from all other refusals.
fn blame_address(fault: Fault) -> Fault {
    let of_address = api_error(&fault).is_some_and(|error| error.code == "email_invalid");
    match fault {
        Fault::Refused { system, operation, cause } if of_address => {
            Fault::Refused { system, operation, cause: Box::new(EmailRefused { cause }) }
        }
        Fault::Refused { .. } | Fault::Retryable { .. } | Fault::Unknown { .. } => fault,
    }
}
