//! Two kinds of time that must never be mixed.
//!
//! [`Timestamp`] is Stripe's clock and is what gets stored and compared with Stripe's objects;
//! [`Monotonic`] is this process's own and is what guards (holds, backoffs, grace periods).

use std::fmt;
use std::time::Duration;

/// Seconds in a day.
pub const DAY_SECS: i64 = 86_400;

/// A moment by Stripe's clock: seconds since 1970 in UTC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

impl Timestamp {
    /// From seconds since 1970.
    pub const fn from_unix(seconds: i64) -> Self {
        Self(seconds)
    }

    /// Seconds since 1970.
    pub const fn as_unix(self) -> i64 {
        self.0
    }

    /// This moment moved by `seconds`, which may be negative.
    pub const fn plus_secs(self, seconds: i64) -> Self {
        Self(self.0.saturating_add(seconds))
    }

    /// Seconds from `earlier` to this; negative when it is later.
    pub const fn secs_since(self, earlier: Self) -> i64 {
        self.0.saturating_sub(earlier.0)
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.0)
    }
}

/// A moment by the process's monotonic clock: time since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Monotonic(Duration);

impl Monotonic {
    /// The start of the process.
    pub const START: Self = Self(Duration::ZERO);

    /// From the time since the process started.
    pub const fn from_start(elapsed: Duration) -> Self {
        Self(elapsed)
    }

    /// Time since the process started.
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// This moment moved later.
    pub fn plus(self, wait: Duration) -> Self {
        Self(self.0.saturating_add(wait))
    }

    /// Time from `earlier` to this, zero when it is later.
    pub fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}
