//! The limit of calls: so many in five minutes, and everything is blocked for the next five (contracts,
//! section 4). Off unless the settings say how many.

use std::collections::VecDeque;

use super::denied;
use crate::front::Reply;
use crate::world::{World, lock};

/// Both the window and the block.
const WINDOW_SECS: i64 = 300;

/// The calls of the last five minutes, and until when everything is blocked.
#[derive(Debug, Default)]
pub(crate) struct Limit {
    calls: VecDeque<i64>,
    blocked_until: i64,
}

/// Counts a call; the refusal of one too many.
pub(super) fn blocked(world: &World) -> Option<Reply> {
    let calls_max = world.settings().cloudflare_calls_max;
    if calls_max == 0 {
        return None;
    }
    let now = world.clock.now();
    let mut state = lock(&world.cloudflare);
    let limit = &mut state.limit;
    while limit.calls.front().is_some_and(|at| *at <= now - WINDOW_SECS) {
        limit.calls.pop_front();
    }
    limit.calls.push_back(now);
    if limit.blocked_until <= now && limit.calls.len() > calls_max {
        limit.blocked_until = now + WINDOW_SECS;
    }
    (limit.blocked_until > now).then(|| {
        let wait = (limit.blocked_until - now).to_string();
        denied(429, 10_429, "More than the allowed number of requests; please wait and consider throttling")
            .with_header("retry-after", wait)
    })
}

/// How many calls are left.
pub(super) fn left(world: &World) -> usize {
    let calls_max = world.settings().cloudflare_calls_max;
    if calls_max == 0 { 1_199 } else { calls_max.saturating_sub(lock(&world.cloudflare).limit.calls.len()) }
}
