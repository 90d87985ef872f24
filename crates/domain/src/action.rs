//! What one look calls for: a value, so that a log line and a dry run print the same words.

use std::fmt;
use std::time::Duration;

use crate::ids::{SubscriptionId, TunnelId, Vmid};
use crate::letter::{MailKind, MailMark};
use crate::look::Deed;
use crate::metadata::{Attempt, Reason};
use crate::parts::Part;
use crate::time::Timestamp;

/// How a trial's end is set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EndBy {
    /// With its Price's period, which is as long as the trial.
    Period,
    /// At a date, without proration, because the Price's period is longer.
    Date(Timestamp),
}

/// What a ready trial gets back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repair {
    /// A DNS record that leads to its tunnel.
    Record(TunnelId),
    /// Its metadata file, with the token read from Cloudflare.
    File(Vmid, TunnelId),
    /// Its container, started.
    Start(Vmid),
}

/// What the operator is told.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum AlertKind {
    /// A subscription's keys were edited so that they do not read.
    Malformed,
    /// A part of a ready trial is gone.
    Missing,
    /// A guest of ours has been locked for long.
    Locked,
    /// A mail has been refused for long; it goes on being tried.
    MailRefused,
    /// A mail could not be delivered, and is given up.
    MailLost,
    /// A payment is disputed.
    Disputed,
    /// A removal fails again and again.
    RemovalFails,
    /// Stripe refuses again and again what a trial's money hangs on.
    StripeRefuses,
    /// A trial was refused.
    Refused,
}

impl AlertKind {
    /// Whether it tells of a state, and is told again while that lasts; the others tell of something that
    /// happened once.
    pub const fn stands(&self) -> bool {
        match self {
            Self::Malformed
            | Self::Missing
            | Self::Locked
            | Self::MailRefused
            | Self::RemovalFails
            | Self::StripeRefuses => true,
            Self::MailLost | Self::Disputed | Self::Refused => false,
        }
    }
}

/// Why a name rests until something changes by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waiting {
    /// A run is alive.
    Run,
    /// A run failed a moment ago: what it sent last may still arrive.
    Settle,
    /// A guest is locked.
    Locked,
    /// Everything stands, but the address does not answer yet.
    Answer,
    /// No run can or may start just now.
    Start,
    /// A run could start, but another one is at the clone; who waits for that is called.
    Lane,
    /// Not paid yet.
    Payment,
    /// A container seems stopped; it is looked at twice.
    Stopped,
}

/// What could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// Stripe.
    Stripe,
    /// Proxmox, Cloudflare or the file server.
    World,
}

/// The one thing to do next for a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Action {
    /// Look again later: something was not read.
    Backoff(Unread),
    /// Make it end by itself.
    SetEnd(SubscriptionId, EndBy),
    /// Write a verdict.
    Refuse(SubscriptionId, Reason),
    /// Give the money back and note it.
    Refund(SubscriptionId),
    /// Cancel now.
    Cancel(SubscriptionId),
    /// Name the Customer.
    SetCustomer(SubscriptionId),
    /// Write how far a mail has come.
    MarkMail(SubscriptionId, MailMark),
    /// Hand a mail over.
    SendMail(SubscriptionId, MailKind),
    /// Remove one part of ours.
    Remove(Part),
    /// Put a part of a ready trial back.
    Repair(SubscriptionId, Repair),
    /// Write down that it is ready; the first mark of its welcome rides along.
    Record(SubscriptionId, Vmid, TunnelId, MailMark),
    /// Note the attempt, then start a run.
    Run(SubscriptionId, Attempt),
    /// Tell the operator, then wait.
    Alert(AlertKind, String),
    /// Look again after that long.
    Wait(Waiting, Duration),
    /// Nothing to do before that moment, if any; and whether nothing of the name is left anywhere.
    Rest {
        /// When to look again, by Stripe's clock.
        until: Option<Timestamp>,
        /// Whether the name can be sold again.
        free: bool,
    },
}

impl Action {
    /// The deed whose failure makes this one wait, with the subscription it is for.
    pub fn deed(&self) -> Option<(Deed, Option<SubscriptionId>)> {
        let (deed, id) = match self {
            Self::SetEnd(id, _) => (Deed::SetEnd, Some(id)),
            Self::Refuse(id, _) => (Deed::Refuse, Some(id)),
            Self::Refund(id) => (Deed::Refund, Some(id)),
            Self::Cancel(id) => (Deed::Cancel, Some(id)),
            Self::SetCustomer(id) => (Deed::SetCustomer, Some(id)),
            Self::MarkMail(id, _) => (Deed::MarkMail, Some(id)),
            Self::SendMail(id, _) => (Deed::SendMail, Some(id)),
            Self::Repair(id, _) => (Deed::Repair, Some(id)),
            Self::Record(id, ..) => (Deed::Record, Some(id)),
            Self::Run(id, _) => (Deed::Run, Some(id)),
            Self::Remove(_) => (Deed::Remove, None),
            Self::Backoff(_) | Self::Alert(..) | Self::Wait(..) | Self::Rest { .. } => return None,
        };
        Some((deed, id.cloned()))
    }
}

impl fmt::Display for Action {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Backoff(Unread::Stripe) => f.write_str("back off, Stripe was not read"),
            Self::Backoff(Unread::World) => f.write_str("back off, the machines were not read in full"),
            Self::SetEnd(id, EndBy::Period) => write!(f, "set the end of {id} to its period's end"),
            Self::SetEnd(id, EndBy::Date(at)) => write!(f, "set the end of {id} to {at}"),
            Self::Refuse(id, reason) => write!(f, "refuse {id} as {reason}"),
            Self::Refund(id) => write!(f, "refund {id}"),
            Self::Cancel(id) => write!(f, "cancel {id}"),
            Self::SetCustomer(id) => write!(f, "name the customer of {id}"),
            Self::MarkMail(id, mark) => write!(f, "mark the {} mail of {id}", mark.kind),
            Self::SendMail(id, kind) => write!(f, "send the {kind} mail of {id}"),
            Self::Remove(part) => write!(f, "remove {part}"),
            Self::Repair(id, Repair::Record(_)) => write!(f, "put back the DNS record of {id}"),
            Self::Repair(id, Repair::File(..)) => write!(f, "put back the metadata file of {id}"),
            Self::Repair(id, Repair::Start(vmid)) => write!(f, "start container {vmid} of {id}"),
            Self::Record(id, vmid, ..) => write!(f, "record {id} as ready in container {vmid}"),
            Self::Run(id, attempt) => write!(f, "run {} of {id}", attempt.count),
            Self::Alert(kind, detail) => write!(f, "tell the operator: {kind:?}, {detail}"),
            Self::Wait(why, wait) => write!(f, "wait {} s, {why:?}", wait.as_secs()),
            Self::Rest { until: Some(at), .. } => write!(f, "rest until {at}"),
            Self::Rest { until: None, .. } => f.write_str("rest"),
        }
    }
}
