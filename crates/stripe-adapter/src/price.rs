//! Prices, read only.

use stripe_client_core::StripeRequest;
use stripe_product::price::{ListPrice, RetrievePrice};
use tamesuke_domain::ids::PriceId;
use tamesuke_domain::money::Money;
use tamesuke_domain::ports::{Fault, Price, System};

use crate::Stripe;
use crate::client::Call;
use crate::error::Unreadable;
use crate::view::PriceView;

impl Stripe {
    pub(crate) async fn read_price(&self, id: &PriceId) -> Result<Price, Fault> {
        let operation = "read a price";
        let request = RetrievePrice::new(id.as_str()).build();
        let view: PriceView = self.client.send(Call { operation, request, key: None }).await?;
        let days = view.days();
        let amount_minor = view.unit_amount.ok_or_else(|| Fault::Refused {
            system: System::Stripe,
            operation,
            cause: Box::new(Unreadable::Field("unit_amount")),
        })?;
        Ok(Price {
            id: view.id.parse().unwrap_or_else(|_| id.clone()),
            money: Money { amount_minor, currency: view.currency },
            days,
            active: view.active,
        })
    }

    pub(crate) async fn check_key(&self) -> Result<(), Fault> {
        let request = ListPrice::new().limit(1).build();
        let call = Call { operation: "list prices", request, key: None };
        self.client.send::<serde::de::IgnoredAny>(call).await.map(|_| ())
    }
}
