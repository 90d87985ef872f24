//! Everything that one look at a name can show, and what this process alone remembers of it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use crate::ids::SubscriptionId;
use crate::letter::MailKind;
use crate::parts::{Scene, VmidRange};
use crate::subdomain::Subdomain;
use crate::trial::Trial;

/// One look at a name.
#[derive(Debug, Clone)]
pub struct Look {
    /// The name.
    pub name: Subdomain,
    /// What Stripe shows.
    pub stripe: StripeView,
    /// What the provisioner shows.
    pub run: RunView,
    /// What Proxmox, Cloudflare and the file server show.
    pub world: World,
    /// Whether the trial's address gave our probe a 2xx or 3xx; none where it was not asked.
    pub answers: Option<bool>,
    /// What this process remembers.
    pub memory: Memory,
    /// The operator's settings that decisions rest on.
    pub policy: Policy,
}

/// What Stripe shows of a name.
#[derive(Debug, Clone)]
pub enum StripeView {
    /// It could not be read in full.
    Unread,
    /// A subscription of ours has keys that do not read; somebody edited them.
    Malformed(SubscriptionId, crate::metadata::MetadataError),
    /// All subscriptions of the name.
    Seen(Vec<Trial>),
}

/// What Proxmox, Cloudflare and the file server show of a name.
#[derive(Debug, Clone)]
pub enum World {
    /// Not asked in this pass yet.
    NotRead,
    /// At least one did not answer, or not in full. Never an absence.
    Unread,
    /// All answered.
    Seen(Scene),
}

/// A run of the provisioning script, as the provisioner shows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunView {
    /// None is alive, and none ended that is still of interest.
    None,
    /// One is alive, at that step; 0 where it is not known, as after a restart.
    Alive {
        /// 0 to 10.
        step: u8,
    },
    /// The last one ended well.
    Succeeded {
        /// How long ago.
        ago: Duration,
    },
    /// The last one failed.
    Failed {
        /// How long ago.
        ago: Duration,
    },
}

/// A kind of action on a subscription or on the name; the unit of backoff.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Deed {
    /// Setting the end.
    SetEnd,
    /// Writing a verdict.
    Refuse,
    /// Giving money back.
    Refund,
    /// Cancelling.
    Cancel,
    /// Naming the Customer.
    SetCustomer,
    /// Writing a mail's mark.
    MarkMail,
    /// Handing a mail over.
    SendMail,
    /// Removing a part.
    Remove,
    /// Putting a part back.
    Repair,
    /// Recording that a trial is ready.
    Record,
    /// Writing the attempt and starting a run.
    Run,
}

/// What this process knows of a mail whose `try n` it wrote itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HandOver {
    /// Not handed over yet.
    Pending,
    /// A server has taken it.
    Accepted,
    /// Definitely refused or the server was not reached; its wait goes on for that long.
    Refused {
        /// Until it may go again.
        again_in: Duration,
        /// The server said so for good (5xx) for more than 72 hours: given up.
        hopeless: bool,
    },
}

/// What only this process remembers. Losing all of it at any moment must be safe.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// Deeds that wait after a definite failure, with the subscription they were for.
    pub backing_off: BTreeSet<(Deed, Option<SubscriptionId>)>,
    /// Since this process began to act. What an earlier one sent last may still arrive.
    pub acting_for: Duration,
    /// How long a part of a ready trial has been seen missing.
    pub missing_for: Duration,
    /// How long a guest of ours has been seen locked.
    pub locked_for: Duration,
    /// How long a ready trial's container has been seen stopped.
    pub stopped_for: Duration,
    /// Mails this process has in hand.
    pub mails: BTreeMap<(SubscriptionId, MailKind), HandOver>,
    /// Another run is before its "container cloned".
    pub lane_busy: bool,
    /// A removal somewhere had an unknown outcome lately: no run may start.
    pub starts_paused: bool,
}

/// Times and limits, all of them settings. Seconds, unless said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// Container numbers of trials.
    pub vmids: VmidRange,
    /// How long an unknown outcome is waited for; longer than every client's time-out.
    pub hold_secs: u64,
    /// How long after a run's start its set may be silent; longer than a run can take.
    pub silence_secs: i64,
    /// The first spacing between runs; doubles.
    pub spacing_first_secs: i64,
    /// The longest spacing.
    pub spacing_max_secs: i64,
    /// Runs before giving up …
    pub attempts_max: u32,
    /// … if that long has passed since the first.
    pub give_up_secs: i64,
    /// A paid trial that is not ready after that long is given up.
    pub overdue_secs: i64,
    /// Cancelling waits that long past the end for Stripe to do it.
    pub end_grace_secs: i64,
    /// A ready trial whose container is gone is refused after that.
    pub lost_secs: u64,
    /// The same while its container lives.
    pub lost_alive_secs: u64,
    /// A lock on a guest of ours is told to the operator after that.
    pub locked_alert_secs: u64,
    /// A stopped container of a ready trial is started after being seen so for that long.
    pub stopped_repair_secs: u64,
    /// How far before its start and, until it is recorded, how far past its last start an attempt's
    /// window reaches back: clocks differ.
    pub window_slack_secs: i64,
    /// The sweeper leaves a name alone for that long after the last thing that happened to it.
    pub sweep_grace_secs: i64,
    /// Most parts that one sweep removes.
    pub sweep_deletions_max: u32,
    /// Whether mails can be sent at all.
    pub mails: bool,
}

impl Policy {
    /// The defaults for a range of container numbers.
    pub fn new(vmids: VmidRange) -> Self {
        Self {
            vmids,
            hold_secs: 60,
            silence_secs: 660,
            spacing_first_secs: 30,
            spacing_max_secs: 1_200,
            attempts_max: 8,
            give_up_secs: 7_200,
            overdue_secs: 86_400,
            end_grace_secs: 600,
            lost_secs: 3_600,
            lost_alive_secs: 86_400,
            locked_alert_secs: 900,
            stopped_repair_secs: 15,
            window_slack_secs: 60,
            sweep_grace_secs: 3_600,
            sweep_deletions_max: 10,
            mails: true,
        }
    }

    /// How long after the start of run `n` the next may start.
    pub fn spacing_secs(&self, n: u32) -> i64 {
        let doublings = n.saturating_sub(1).min(20);
        self.spacing_first_secs.saturating_mul(1_i64 << doublings).min(self.spacing_max_secs)
    }
}
