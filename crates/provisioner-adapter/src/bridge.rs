//! Runs the operator's `provisioner.py`, unchanged, each time in a process and process group of its own.

pub mod process;
pub mod run;
pub mod steps;

pub use process::BridgeSettings;
pub use run::Runs;
