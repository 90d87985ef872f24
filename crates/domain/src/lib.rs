#![doc = include_str!("../README.md")]

pub mod action;
pub mod catalog;
pub mod checkout;
#[cfg(feature = "test-support")]
pub mod contract;
pub mod decide;
#[cfg(any(test, feature = "test-support"))]
pub mod drawn;
#[cfg(test)]
mod fixture;
pub mod ids;
pub mod instance;
pub mod letter;
pub mod look;
pub mod metadata;
pub mod money;
pub mod order;
pub mod ownership;
pub mod parts;
pub mod planted;
pub mod ports;
pub mod state;
pub mod subdomain;
pub mod sweep;
pub mod time;
pub mod trial;

pub use decide::decide;
