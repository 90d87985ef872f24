//! What can be bought and for how much: the catalogue joined with Stripe's Prices, cached.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tamesuke_domain::catalog::{Application, ApplicationId, Days};
use tamesuke_domain::ids::PriceId;
use tamesuke_domain::ports::{Fault, Price};
use tamesuke_domain::time::Monotonic;

use crate::engine::Engine;

/// How long a Price is believed.
const FRESH_FOR: Duration = Duration::from_secs(600);

/// Prices read lately.
#[derive(Debug, Default)]
pub(crate) struct PriceCache(Mutex<BTreeMap<PriceId, (Monotonic, Price)>>);

/// Why a period of an application can't be bought.
#[derive(Debug, thiserror::Error)]
pub enum OfferError {
    /// No such application.
    #[error("application {0} is not known")]
    UnknownApplication(ApplicationId),
    /// Announced, but not for sale yet.
    #[error("application {0} is not available yet")]
    Unavailable(ApplicationId),
    /// Not for that many days.
    #[error("a period of {0} days is not sold")]
    PeriodNotSold(Days),
    /// The Price could not be read.
    #[error("the price could not be read")]
    Price(#[source] Fault),
}

/// One application with the price of each of its periods; no price where none could be read.
#[derive(Debug, Clone)]
pub struct Offer {
    /// The catalogue's entry.
    pub application: Application,
    /// Its periods, each with its Price.
    pub periods: Vec<(Days, Option<Price>)>,
}

impl Engine {
    /// Everything that is offered. Prices that can't be read just now are left open.
    pub async fn offers(&self) -> Vec<Offer> {
        let mut offers = Vec::new();
        for application in self.settings.catalog.applications() {
            let mut periods = Vec::new();
            for days in application.periods.iter().filter(|_| application.available) {
                match self.offer(&application.id, *days).await {
                    Ok(price) => periods.push((*days, Some(price))),
                    Err(OfferError::Price(fault)) => {
                        tracing::warn!(application = %application.id, days = %days, error = %fault.chain(), "the price of {} for {days} days could not be read", application.id);
                        periods.push((*days, None));
                    }
                    Err(error) => {
                        tracing::debug!(application = %application.id, days = %days, %error, "not offered");
                    }
                }
            }
            offers.push(Offer { application: application.clone(), periods });
        }
        offers
    }

    /// The Price of a period, if it is sold.
    pub async fn offer(&self, application: &ApplicationId, days: Days) -> Result<Price, OfferError> {
        let entry = self
            .settings
            .catalog
            .find(application)
            .ok_or_else(|| OfferError::UnknownApplication(application.clone()))?;
        if !entry.available {
            return Err(OfferError::Unavailable(application.clone()));
        }
        let id = self
            .settings
            .prices
            .get(&(application.clone(), days))
            .filter(|_| entry.periods.contains(&days))
            .ok_or(OfferError::PeriodNotSold(days))?;
        let price = self.price(id).await.map_err(OfferError::Price)?;
        // A shorter period would be charged twice before the trial's end.
        let sold = price.active && price.days.is_some_and(|period| period >= u32::from(days.get()));
        if sold { Ok(price) } else { Err(OfferError::PeriodNotSold(days)) }
    }

    async fn price(&self, id: &PriceId) -> Result<Price, Fault> {
        let now = self.ports.clock.monotonic();
        let cached = {
            let prices = self.prices.0.lock().unwrap_or_else(PoisonError::into_inner);
            prices.get(id).filter(|(read, _)| now.since(*read) < FRESH_FOR).map(|(_, price)| price.clone())
        };
        if let Some(price) = cached {
            return Ok(price);
        }
        let price = self.ports.billing.price(id).await?;
        self.prices.0.lock().unwrap_or_else(PoisonError::into_inner).insert(id.clone(), (now, price.clone()));
        Ok(price)
    }
}
