//! A Checkout Session: the reservation of a name between form and payment.

use crate::ids::{CheckoutId, PriceId, SubscriptionId};
use crate::metadata::Metadata;
use crate::order::Email;
use crate::ports::Cause;
use crate::time::Timestamp;
use crate::trial::Subscription;

/// How long a session stays open, in seconds. Stripe's lower limit is 30 minutes; one more keeps
/// clear of it when clocks differ.
pub const OPEN_SECS: i64 = 31 * 60;

/// Where a session stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CheckoutStatus {
    /// It can be paid.
    Open,
    /// It was paid, or is being paid by a slow method.
    Complete,
    /// It lapsed or was expired.
    Expired,
}

/// A Checkout Session as Stripe shows it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkout {
    /// Its id.
    pub id: CheckoutId,
    /// Where it stands.
    pub status: CheckoutStatus,
    /// The page to pay on; only while it is open.
    pub url: Option<String>,
    /// When it was made.
    pub created: Timestamp,
    /// When it lapses.
    pub expires: Timestamp,
    /// The browser it was made for (`client_reference_id`).
    pub reference: Option<String>,
    /// The address it was made with.
    pub email: Option<Email>,
    /// The subscription it became.
    pub subscription: Option<SubscriptionId>,
    /// Its metadata.
    pub metadata: Metadata,
}

/// A session and what it became, read in one call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SeenCheckout {
    /// The session.
    pub checkout: Checkout,
    /// Its subscription; none where it has none yet, or one that is not ours.
    pub subscription: Option<Subscription>,
}

/// What a new session is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewCheckout {
    /// What is bought.
    pub price: PriceId,
    /// Prefilled on the payment page.
    pub email: Email,
    /// Proves "same browser" later: the form's cookie.
    pub reference: Option<String>,
    /// On the session and, through `subscription_data`, on the Subscription.
    pub metadata: Metadata,
    /// When it lapses, by Stripe's clock.
    pub expires: Timestamp,
    /// Where a payer is sent; holds the literal `{CHECKOUT_SESSION_ID}`.
    pub success_url: String,
    /// Where one who turns back is sent.
    pub cancel_url: String,
    /// Random, made once, used again only to resend the same bytes.
    pub idempotency_key: String,
}

/// The cause of a refusal to make a session: the address is none that mails can go to.
#[derive(Debug, thiserror::Error)]
#[error("the customer's address is refused")]
pub struct EmailRefused {
    /// What was answered; without the address.
    #[source]
    pub cause: Cause,
}

/// What came of expiring a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Expired {
    /// It is expired now, or was before.
    Free,
    /// It has been paid.
    Paid(Checkout),
}
