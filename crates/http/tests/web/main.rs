//! The web side over real TCP.

#![expect(clippy::unwrap_used, clippy::expect_used, reason = "a test that can't go on fails")]

mod client;
mod malformed;
mod orders;
mod serve;
mod slow;
mod strangers;
mod streams;
mod webhooks;
mod world;
