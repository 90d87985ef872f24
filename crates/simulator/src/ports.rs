//! The ports over the in-memory world. Each is a whole implementation of its trait's promises; what is
//! special is only that time and faults are the world's.

mod billing;
mod clock;
mod entropy;
mod inventory;
mod lease;
mod link;
mod mailer;
mod provisioner;

use std::sync::Arc;

use tamesuke_engine::Ports;

pub use billing::FakeBilling;
pub use clock::FakeClock;
pub use entropy::FakeEntropy;
pub use inventory::FakeInventory;
pub use lease::FakeLease;
pub use link::Link;
pub use mailer::FakeMailer;
pub use provisioner::FakeProvisioner;

/// All ports of one process.
pub fn of_process(link: &Link) -> Ports {
    Ports {
        billing: Arc::new(FakeBilling(link.clone())),
        provisioner: Arc::new(FakeProvisioner(link.clone())),
        inventory: Arc::new(FakeInventory(link.clone())),
        mailer: Arc::new(FakeMailer(link.clone())),
        clock: Arc::new(FakeClock(link.clone())),
        entropy: Arc::new(FakeEntropy(link.clone())),
        lease: Arc::new(FakeLease(link.clone())),
    }
}
