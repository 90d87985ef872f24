#![doc = include_str!("../README.md")]
// One checkout session is one literal of some 60 fields.
#![recursion_limit = "256"]
#![expect(clippy::too_many_lines, reason = "a table of routes or one object's fields reads best in one piece")]

mod certificates;
mod clock;
mod cloudflare;
mod container;
mod control;
mod faults;
mod files;
mod front;
mod ingress;
mod lies;
mod log;
mod mailbox;
mod options;
mod proxmox;
mod proxy;
mod seed;
mod smtp;
mod start;
mod stripe;
mod tls;
mod world;

pub use lies::Lie;
pub use options::{Addresses, Credentials, Options};
pub use start::{Sandbox, StartError, start};
