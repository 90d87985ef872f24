#![doc = include_str!("../README.md")]

pub mod engine;
pub mod names;
pub mod offers;
pub mod progress;
pub mod queue;
mod session;
mod settings;
pub mod signup;
pub mod sweep;

mod act;
mod backoff;
mod cursor;
mod dispute;
mod heard;
mod lane;
mod listed;
mod memory;
mod observe;
mod poll;
mod reconcile;
mod resync;
mod strangers;
mod watched;
mod worker;

pub use engine::{Engine, Health, Ports};
pub use settings::Settings;
