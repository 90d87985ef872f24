//! How one call ends, and which disturbances a replay leaves out.
//!
//! Every disturbance of a seed, whatever its kind, asks [`Muted`] first. A replay that mutes some of
//! them is how a failing seed's schedule is shrunk to what is needed.

use std::collections::BTreeSet;

use crate::op::{Nature, Op};

/// How one call ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fate {
    /// As asked for.
    Fine,
    /// Definitely refused; nothing happened.
    Refused,
    /// Refused by a limit of calls, with a time to wait.
    Limited,
    /// It happened, but no answer came.
    Lost,
    /// No answer came, and it happens seconds later.
    Late,
    /// As asked for, after long.
    Slow,
    /// Answered with success, and nothing happened.
    Hollow,
}

impl Fate {
    /// All of them.
    pub const ALL: [Self; 7] =
        [Self::Fine, Self::Refused, Self::Limited, Self::Lost, Self::Late, Self::Slow, Self::Hollow];

    /// The faults that can befall a call.
    pub fn of(op: Op) -> &'static [Self] {
        match op.nature() {
            Nature::Read => &[Self::Refused, Self::Limited, Self::Lost, Self::Slow],
            Nature::Write if op == Op::StartRun => &[Self::Refused, Self::Slow],
            Nature::Write | Nature::Mail => &[Self::Refused, Self::Limited, Self::Lost, Self::Late, Self::Slow],
            Nature::Removal => &[Self::Refused, Self::Limited, Self::Lost, Self::Late, Self::Slow, Self::Hollow],
        }
    }
}

/// A kind of disturbance.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A call goes wrong.
    Call,
    /// A system is down for a while.
    Outage,
    /// A webhook is lost, doubled or late, or an event shows late.
    Webhook,
    /// The process dies.
    Crash,
    /// A second process starts and the first one is told to stop.
    Handover,
    /// The script fails or dies.
    Script,
    /// A customer cancels, renews, disputes or is deleted.
    Customer,
    /// The operator edits, deletes, stops or copies something.
    Operator,
    /// Somebody else's things appear.
    Foreign,
    /// A clock is off or jumps.
    Clock,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Call,
        Self::Outage,
        Self::Webhook,
        Self::Crash,
        Self::Handover,
        Self::Script,
        Self::Customer,
        Self::Operator,
        Self::Foreign,
        Self::Clock,
    ];
}

/// What a test has arranged for a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Arranged {
    /// A definite no, for good.
    Refused,
    /// A definite no, for now.
    NotNow,
    /// Refused by a limit of calls, with a minute to wait.
    NotSoon,
    /// It happens, and its answer is lost.
    Unheard,
    /// It has no answer, and happens only after whoever asked has given up.
    Late,
}

impl Arranged {
    /// How the call fares.
    pub const fn fate(self) -> Fate {
        match self {
            Self::Refused | Self::NotNow => Fate::Refused,
            Self::NotSoon => Fate::Limited,
            Self::Unheard => Fate::Lost,
            Self::Late => Fate::Late,
        }
    }
}

/// Disturbances that a replay leaves out.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Muted {
    /// Whole kinds.
    pub kinds: BTreeSet<Kind>,
    /// Single ones: the kind and which of that kind, from 0.
    pub single: BTreeSet<(Kind, u32)>,
}

impl Muted {
    /// Whether the `nth` disturbance of a kind is left out.
    pub fn leaves_out(&self, kind: Kind, nth: u32) -> bool {
        self.kinds.contains(&kind) || self.single.contains(&(kind, nth))
    }
}
