//! Authorization, API versions and idempotency.

use std::sync::Arc;

use base64::Engine as _;

use super::form::Params;
use super::routes::route;
use super::{API_VERSION, Origin, Stored, errors, page};
use crate::front::{Call, Reply};
use crate::world::{World, lock};

/// Keys are forgotten after a day.
const KEY_SECS: i64 = 86_400;

pub(super) fn answer(world: &Arc<World>, call: &Call, request_id: &str) -> Reply {
    let segments = call.segments();
    let parts: Vec<&str> = segments.iter().map(String::as_str).collect();
    if let ["c", "pay", id] = parts.as_slice() {
        return page::answer(world, call, id);
    }
    let ["v1", path @ ..] = parts.as_slice() else {
        return errors::invalid(
            404,
            None,
            None,
            &format!("Unrecognized request URL ({}: {}).", call.method, call.path),
        );
    };
    let key = api_key(call);
    if key != world.credentials.stripe_secret_key {
        return errors::unauthorized(&key);
    }
    if let Some(reply) = unknown_version(call.header("stripe-version")) {
        return reply;
    }
    if call.method != "POST" && !call.body.is_empty() {
        // Whether Stripe reads such a body is not documented: nobody shall rest on it.
        return errors::invalid(400, None, None, "This request takes its parameters in the query, not in a body.");
    }
    let (now, settings) = (world.clock.now(), world.settings());
    let params = Params::of(call);
    let mut state = lock(&world.stripe);
    state.now_ms = world.clock.now_millis();
    state.search_lag_ms = i64::try_from(settings.search_lag_ms).unwrap_or(i64::MAX);
    state.events_lag_ms = i64::try_from(settings.events_lag_ms).unwrap_or(i64::MAX);
    state.portal_configured = settings.portal_configured;
    let given = call.header("idempotency-key");
    let origin = Origin { request: request_id.to_owned(), key: (!given.is_empty()).then(|| given.to_owned()) };
    let Some(key) = key_of(call) else {
        state.origin = Some(origin);
        let reply = route(&mut state, call, path, &params, now);
        state.origin = None;
        return reply;
    };
    if state.running.contains(key) {
        return errors::key_in_use(key);
    }
    if key.len() > 255 {
        return errors::invalid(400, None, None, "Idempotency keys can be at most 255 characters long.");
    }
    let fingerprint = fingerprint(call, &params);
    if let Some(stored) = state.keys.get(key).filter(|stored| now - stored.at < KEY_SECS) {
        if stored.fingerprint != fingerprint {
            return errors::idempotency(key);
        }
        return stored.reply.clone().with_header("idempotent-replayed", "true").with_header("idempotency-key", key);
    }
    state.origin = Some(origin);
    let reply = route(&mut state, call, path, &params, now);
    state.origin = None;
    let validation = reply.status == 400 || reply.status == 401 || reply.status == 429;
    if !validation {
        let stored = Stored { fingerprint, reply: reply.clone(), at: now };
        state.keys.insert(key.to_owned(), stored);
    }
    reply.with_header("idempotency-key", key)
}

/// The idempotency key of a call that heeds one.
pub(super) fn key_of(call: &Call) -> Option<&str> {
    let key = call.header("idempotency-key");
    (call.method == "POST" && !key.is_empty()).then_some(key)
}

/// What must be the same for a key to be used again.
fn fingerprint(call: &Call, params: &Params) -> String {
    format!("{} {}", call.path, params.fingerprint())
}

/// A failure that came after the call had begun is stored under its key, and replayed, for a day.
pub(super) fn store(world: &Arc<World>, call: &Call, reply: &Reply) {
    if let Some(key) = key_of(call).filter(|_| reply.status >= 500) {
        let fingerprint = fingerprint(call, &Params::of(call));
        let stored = Stored { fingerprint, reply: reply.clone(), at: world.clock.now() };
        lock(&world.stripe).keys.insert(key.to_owned(), stored);
    }
}

/// Stripe refuses a version that it has not published [believed].
fn unknown_version(version: &str) -> Option<Reply> {
    let date: Vec<&str> = version.split('.').next().unwrap_or_default().split('-').collect();
    let lengths: Vec<usize> = date.iter().map(|part| part.len()).collect();
    let is_date = lengths == [4, 2, 2] && date.iter().all(|part| part.bytes().all(|b| b.is_ascii_digit()));
    let known = version.is_empty() || (is_date && version.get(..10) <= API_VERSION.get(..10));
    (!known).then(|| errors::invalid(400, None, None, &format!("Invalid Stripe API version: {version}")))
}

fn api_key(call: &Call) -> String {
    let header = call.header("authorization");
    if let Some(key) = header.strip_prefix("Bearer ") {
        return key.to_owned();
    }
    let basic = header.strip_prefix("Basic ").unwrap_or_default();
    let decoded = base64::engine::general_purpose::STANDARD.decode(basic).unwrap_or_default();
    String::from_utf8_lossy(&decoded).split(':').next().unwrap_or_default().to_owned()
}
