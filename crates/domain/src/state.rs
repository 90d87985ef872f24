//! The state that people see, derived at every look and stored nowhere.

use std::fmt;

use crate::metadata::Reason;
use crate::time::Timestamp;
use crate::trial::Trial;

/// Steps of the provisioning script.
pub const STEPS: u8 = 10;

/// What people see of a trial.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    /// The payment page is open.
    Reserved,
    /// Paid, no run yet.
    Paid,
    /// A run was started.
    Provisioning,
    /// It answers.
    Ready,
    /// Over, and being removed.
    Ending,
    /// Over, and nothing left.
    Closed,
    /// The payment page lapsed.
    Expired,
    /// It could not be given; the money goes back.
    Refused,
    /// The operator has been told and must act.
    Stuck,
}

impl State {
    /// The name on the wire.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Reserved => "reserved",
            Self::Paid => "paid",
            Self::Provisioning => "provisioning",
            Self::Ready => "ready",
            Self::Ending => "ending",
            Self::Closed => "closed",
            Self::Expired => "expired",
            Self::Refused => "refused",
            Self::Stuck => "stuck",
        }
    }

    /// Whether a customer who watches need not watch on.
    pub const fn is_final(self) -> bool {
        matches!(self, Self::Ready | Self::Closed | Self::Expired | Self::Refused)
    }

    /// The state of a paid trial. `alerted` says that an alert stands for its name.
    pub fn of(trial: &Trial, alerted: bool, now: Timestamp) -> Self {
        if trial.record.refused.is_some() {
            return Self::Refused;
        }
        if trial.has_ended(now) {
            return if trial.is_closing() { Self::Closed } else { Self::Ending };
        }
        if alerted {
            return Self::Stuck;
        }
        if trial.is_ready() {
            return Self::Ready;
        }
        if trial.record.attempt.is_some() { Self::Provisioning } else { Self::Paid }
    }
}

impl fmt::Display for State {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What a watching customer is shown of a trial.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Progress {
    /// The state.
    pub state: State,
    /// Step of the run, 0 to [`STEPS`].
    pub step: u8,
    /// Which run it is, from 1; 0 before the first.
    pub attempt: u32,
    /// When it ends.
    pub ends_at: Option<Timestamp>,
    /// Why it was refused.
    pub refused: Option<Reason>,
}
