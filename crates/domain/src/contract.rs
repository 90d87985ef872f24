//! What each port promises, as tests that every implementation must pass: the real adapter against an
//! imitated world, and whatever stands in for it elsewhere. So that none of them can drift apart.
//!
//! A suite is a list of clauses over a port and a *world*: a small trait by which the test makes happen
//! what nobody can do through the port (somebody pays, a container starts, a mail server says no). The
//! suites know no adapter, no runtime and no protocol; they panic where a promise is broken.
//!
//! Behind the feature `test-support`, never in the service.

pub mod billing;
pub mod clock;
pub mod entropy;
pub mod inventory;
pub mod lease;
pub mod mailer;
pub mod provisioner;

use crate::ports::Fault;

/// What a call gave, or a broken promise named by its clause.
#[track_caller]
fn given<T>(clause: &str, outcome: Result<T, Fault>) -> T {
    match outcome {
        Ok(value) => value,
        Err(fault) => panic!("{clause}: {}", fault.chain()),
    }
}

/// A text as the identifier it is meant to be.
#[track_caller]
fn parsed<T: std::str::FromStr>(text: &str) -> T {
    text.parse().unwrap_or_else(|_| panic!("{text} does not read"))
}
