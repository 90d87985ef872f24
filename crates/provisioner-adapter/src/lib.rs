#![doc = include_str!("../README.md")]

pub mod bridge;
pub mod cloudflare;
pub mod file_server;
pub mod inventory;
pub mod proxmox;
pub mod tls;

mod budget;
mod http;
mod snapshot;

pub use bridge::{BridgeSettings, Runs};
pub use inventory::{Machines, Network};
