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
    /// Not paid yet: the payment page is open, or a slow payment is on its way.
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
    /// Never paid, and it is too late for that: the payment page lapsed, or a slow payment failed.
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

    /// The state of a trial that was bought, if not paid yet. `alerted` says that an alert stands for its name.
    pub fn of(trial: &Trial, alerted: bool, now: Timestamp) -> Self {
        if trial.record.refused.is_some() {
            return Self::Refused;
        }
        let has_begun = trial.is_ready() || trial.record.attempt.is_some();
        if (trial.has_ended(now) || trial.is_forgotten()) && !has_begun && !trial.is_paid() {
            return Self::Expired;
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
        match (has_begun, trial.is_paid()) {
            (true, _) => Self::Provisioning,
            (false, true) => Self::Paid,
            (false, false) => Self::Reserved,
        }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fixture::{at, trial};
    use crate::time::DAY_SECS;
    use crate::trial::Status;

    #[track_caller]
    fn check(trial: &Trial, days: i64, expected: State) {
        assert_eq!(State::of(trial, false, at(days * DAY_SECS)), expected, "{trial:?} after {days} days");
    }

    fn unpaid() -> Trial {
        trial().with(|t| t.subscription.invoice.as_mut().unwrap().paid = false)
    }

    #[test]
    fn nobody_is_thanked_for_a_payment_that_has_not_arrived() {
        check(&unpaid(), 1, State::Reserved);
        check(&trial(), 1, State::Paid);
        check(&unpaid().with(|t| t.subscription.status = Status::Incomplete), 1, State::Reserved);
    }

    #[test]
    fn a_payment_that_never_came_lapses_and_ends_no_trial() {
        check(&unpaid().canceled(), 1, State::Expired);
        check(&unpaid().with(|t| t.subscription.status = Status::IncompleteExpired), 1, State::Expired);
        check(&unpaid(), 8, State::Expired);
        check(&trial().canceled(), 1, State::Ending);
        check(&trial(), 8, State::Ending);
    }

    #[test]
    fn what_has_begun_is_shown_whatever_became_of_the_invoice() {
        check(&unpaid().attempted(1, 10), 1, State::Provisioning);
        check(&unpaid().ready(), 1, State::Ready);
        check(&unpaid().ready().canceled(), 1, State::Ending);
    }
}
