//! The outside as this service needs it: object-safe traits that adapters and fakes implement.
//!
//! Each promises what its doc comments say and nothing else. Errors are one type for all of them,
//! [`Fault`], because callers ask the same three questions of each: was it refused, may it be tried
//! again, or may it have happened?

mod billing;
mod clock;
mod entropy;
mod fault;
mod inventory;
mod lease;
mod mailer;
mod provisioner;
mod witness;

pub use billing::{
    Billing, EVENTS_KEPT_DAYS, EVENTS_LATE_MAX_SECS, EventHint, Price, RefundOutcome, SubscriptionPage, Subscriptions,
};
pub use clock::Clock;
pub use entropy::Entropy;
pub use fault::{Cause, Fault, RETRY_AFTER_MAX, System};
pub use inventory::{Inventory, Listing, Removal};
pub use lease::{Lease, Role};
pub use mailer::{Delivery, Letter, Mailer, Note};
pub use provisioner::{Provisioner, RunOrder};
pub use witness::Witness;
