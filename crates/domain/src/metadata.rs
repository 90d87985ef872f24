//! The keys on a Subscription and its Customer: read and written here and nowhere else.
//!
//! Stripe's metadata is the only store there is. Every write sets a value computed from what was
//! just seen, never an increment, so that writing twice is writing once. Marks of a canceled
//! subscription live on its Customer (some API versions refuse to change a canceled one), and are
//! read from there first.

mod read;
mod write;

use std::collections::BTreeMap;
use std::fmt;

pub use read::MetadataError;
pub use write::Change;

use crate::catalog::{ApplicationId, Days};
use crate::ids::{RefundId, TunnelId, Vmid};
use crate::letter::MailMark;
use crate::subdomain::Subdomain;
use crate::time::Timestamp;

/// Metadata as Stripe has it.
pub type Metadata = BTreeMap<String, String>;

/// Names of the keys.
pub mod key {
    /// The name.
    pub const SUBDOMAIN: &str = "subdomain";
    /// The application.
    pub const APPLICATION: &str = "oss_type";
    /// The period in days.
    pub const DAYS: &str = "duration_days";
    /// Who asked.
    pub const COMPANY: &str = "company_name";
    /// The container of a ready trial.
    pub const VMID: &str = "vmid";
    /// The address of a ready trial, as the script gave it.
    pub const URL: &str = "url";
    /// The tunnel of a ready trial.
    pub const TUNNEL: &str = "tunnel_id";
    /// The installation it belongs to.
    pub const INSTANCE: &str = "tmsk_inst";
    /// Count, first and last start of the runs.
    pub const ATTEMPT: &str = "tmsk_attempt";
    /// The verdict against a trial.
    pub const REFUSED: &str = "tmsk_refused";
    /// What became of the money.
    pub const REFUND: &str = "tmsk_refund";
    /// The newest mail.
    pub const MAIL: &str = "tmsk_mail";
}

/// The runs so far: the claim on a name, the limit, and the window in which things of ours were made.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Attempt {
    /// How many runs were started, from 1.
    pub count: u32,
    /// When the first was.
    pub first: Timestamp,
    /// When the last was.
    pub last: Timestamp,
}

/// Why a trial was refused. Terminal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Reason {
    /// The name belongs to another paid trial.
    Taken,
    /// Something that is not ours stands under the name.
    Foreign,
    /// Canceled before it was ever ready.
    NeverReady,
    /// All attempts failed.
    GaveUp,
    /// A ready trial's container, tunnel or record is gone.
    Lost,
}

impl Reason {
    /// All reasons.
    pub const ALL: [Self; 5] = [Self::Taken, Self::Foreign, Self::NeverReady, Self::GaveUp, Self::Lost];

    /// The stored name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Taken => "taken",
            Self::Foreign => "foreign",
            Self::NeverReady => "never_ready",
            Self::GaveUp => "gave_up",
            Self::Lost => "lost",
        }
    }
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A verdict and when it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Refusal {
    /// Why.
    pub reason: Reason,
    /// When.
    pub at: Timestamp,
}

/// What became of the money.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RefundMark {
    /// Given back.
    Refunded(RefundId),
    /// There was nothing to give back.
    Nothing,
    /// The customer's bank has it in dispute; it is the operator's to answer.
    Disputed,
}

/// What a ready trial is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recorded {
    /// Its container.
    pub vmid: Vmid,
    /// Its address.
    pub url: String,
    /// Its tunnel.
    pub tunnel: TunnelId,
}

/// Everything the keys say about one trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The name.
    pub subdomain: Subdomain,
    /// What is tried.
    pub application: ApplicationId,
    /// For how long.
    pub days: Days,
    /// Who asked; empty when it was removed by hand.
    pub company: String,
    /// All three of container, address and tunnel, or nothing.
    pub recorded: Option<Recorded>,
    /// The runs so far.
    pub attempt: Option<Attempt>,
    /// The verdict against it.
    pub refused: Option<Refusal>,
    /// What became of the money.
    pub refund: Option<RefundMark>,
    /// The newest mail.
    pub mail: Option<MailMark>,
}

/// The metadata a new Checkout Session and its Subscription carry.
pub fn of_order(order: &crate::order::Order, instance: &crate::instance::Instance) -> Metadata {
    [
        (key::SUBDOMAIN, order.subdomain.to_string()),
        (key::APPLICATION, order.application.to_string()),
        (key::DAYS, order.days.to_string()),
        (key::COMPANY, order.company.as_str().to_owned()),
        (key::INSTANCE, instance.to_string()),
    ]
    .into_iter()
    .map(|(name, value)| (name.to_owned(), value))
    .collect()
}

/// The subdomain that some object's metadata names, if the object is this installation's.
pub fn subdomain_of(metadata: &Metadata, instance: &crate::instance::Instance) -> Option<Subdomain> {
    (metadata.get(key::INSTANCE).map(String::as_str) == Some(instance.as_str()))
        .then(|| metadata.get(key::SUBDOMAIN)?.parse().ok())
        .flatten()
}
