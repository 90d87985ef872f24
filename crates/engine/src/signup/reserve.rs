//! Creates a Checkout Session, and looks afterwards: whoever creates and then lists sees a rival's session, or
//! is seen.

use tamesuke_domain::checkout::{Checkout, CheckoutStatus, EmailRefused, Expired, NewCheckout, OPEN_SECS};
use tamesuke_domain::ids::CheckoutId;
use tamesuke_domain::metadata;
use tamesuke_domain::order::Order;
use tamesuke_domain::ports::{Fault, Price, System};
use tamesuke_domain::subdomain::Subdomain;
use tamesuke_domain::time::Timestamp;

use super::{Availability, PaymentPage, SignUpError};
use crate::engine::Engine;

impl Engine {
    /// Reserves a name that nobody seems to have.
    pub(super) async fn reserve(
        &self,
        order: &Order,
        reference: &str,
        price: &Price,
    ) -> Result<PaymentPage, SignUpError> {
        let name = &order.subdomain;
        let now = self.ports.clock.now();
        let newest = self.names.newest_session();
        let wanted = NewCheckout {
            price: price.id.clone(),
            email: order.email.clone(),
            reference: Some(reference.to_owned()),
            metadata: metadata::of_order(order, &self.settings.instance),
            expires: now.plus_secs(OPEN_SECS),
            success_url: self.settings.success_url.clone(),
            cancel_url: self.settings.cancel_url.clone(),
            idempotency_key: self.ports.entropy.key(),
        };
        let created = self.ports.billing.create_checkout(&wanted).await;
        let unknown = created.as_ref().is_err_and(Fault::is_unknown);
        let mine = match created {
            Ok(checkout) => Some(checkout),
            Err(fault) if unknown => {
                tracing::warn!(subdomain = %name, error = %fault.chain(), "it is looked whether a session of {name} was made");
                None
            }
            Err(fault) if refuses_email(&fault) => return Err(SignUpError::Email(fault)),
            Err(fault) => return Err(fault.into()),
        };
        self.look_after_writing(name, &wanted, mine, (newest, now)).await
    }

    /// Lists what was created since: a rival's session makes ours give way.
    async fn look_after_writing(
        &self,
        name: &Subdomain,
        wanted: &NewCheckout,
        mine: Option<Checkout>,
        (newest, before): (Option<CheckoutId>, Timestamp),
    ) -> Result<PaymentPage, SignUpError> {
        let instance = &self.settings.instance;
        let since = before.plus_secs(-OPEN_SECS);
        let listed = self.ports.billing.checkouts_after(newest.as_ref(), since).await;
        let listed = match listed {
            Ok(listed) => {
                self.names.note_listed(&listed);
                listed
            }
            Err(fault) => {
                // Not looked, so not sold: the next form of this browser takes it back and begins anew, else
                // it lapses by itself.
                if let Some(mine) = mine {
                    self.see_session(name, &mine);
                    self.names.set_unlooked(&mine.id);
                }
                return Err(fault.into());
            }
        };
        let (mut own, mut rivals) = (mine, Vec::new());
        for checkout in listed {
            match metadata::subdomain_of(&checkout.metadata, instance) {
                Some(of) if of == *name => {}
                // Made by another process: a list from now on begins after it, so it is kept now or never.
                Some(other) => {
                    self.see_session(&other, &checkout);
                    continue;
                }
                None => continue,
            }
            if checkout.status == CheckoutStatus::Expired {
                continue;
            }
            match &own {
                Some(known) if known.id == checkout.id => {}
                None if is_for(&checkout, wanted) => own = Some(checkout),
                Some(_) | None => rivals.push(checkout),
            }
        }
        let rival = rivals.into_iter().next();
        match (own, rival) {
            (Some(own), None) => {
                self.see_session(name, &own);
                let until = own.expires;
                own.url.map(|url| PaymentPage { url, until }).ok_or(SignUpError::AlreadyPaid)
            }
            (own, Some(rival)) => {
                self.see_session(name, &rival);
                if let Some(own) = own {
                    self.give_way(name, &own).await?;
                }
                Err(SignUpError::Unavailable(Availability::Reserved { until: rival.expires }))
            }
            (None, None) => Err(SignUpError::Outside(Fault::Retryable {
                system: System::Stripe,
                operation: "create a checkout session",
                retry_after: None,
                cause: "no session was made".into(),
            })),
        }
    }

    async fn give_way(&self, name: &Subdomain, own: &Checkout) -> Result<(), SignUpError> {
        match self.ports.billing.expire_checkout(&own.id).await? {
            Expired::Free => Ok(()),
            Expired::Paid(checkout) => {
                self.see_session(name, &checkout);
                self.queue.add(name);
                Err(SignUpError::AlreadyPaid)
            }
        }
    }
}

/// Whether a session is what was asked for, and not what the same browser asked for before.
fn is_for(checkout: &Checkout, wanted: &NewCheckout) -> bool {
    checkout.reference == wanted.reference
        && checkout.email.as_ref() == Some(&wanted.email)
        && wanted.metadata.iter().all(|(key, value)| checkout.metadata.get(key) == Some(value))
}

fn refuses_email(fault: &Fault) -> bool {
    std::error::Error::source(fault).and_then(|cause| cause.downcast_ref::<EmailRefused>()).is_some()
}
