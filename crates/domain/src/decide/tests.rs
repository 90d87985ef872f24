//! Every row of the table: when it applies, and when it must not.

mod backoff;
mod edges;
mod mail;
mod money;
mod parts;
mod ready;
mod run;

use std::time::Duration;

use super::decide;
use crate::action::{Action, Waiting};
use crate::fixture::at;
use crate::look::Look;

#[track_caller]
fn check(look: &Look, secs: i64, expected: &Action) {
    assert_eq!(decide(look, at(secs)), *expected);
}

fn wait(why: Waiting, secs: u64) -> Action {
    Action::Wait(why, Duration::from_secs(secs))
}
