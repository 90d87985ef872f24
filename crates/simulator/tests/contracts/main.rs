//! The in-memory ports, put to the contracts that the real adapters keep against the sandbox: what the
//! seeds show of the engine holds for the real world only as far as these fakes are like it.

#![expect(clippy::unwrap_used, reason = "a test that panics says what it lacks")]

mod billing;
mod inventory;
mod mailer;
mod process;
mod provisioner;

use tamesuke_simulator::executor::{Executor, Role};
use tamesuke_simulator::ports::Link;
use tamesuke_simulator::world::{Shared, World};

/// A process's line to a world in which nothing goes wrong but what is arranged.
fn line() -> Link {
    let world = Shared::new(World::still(1));
    let pid = world.lock().birth();
    Link::new(world, pid)
}

/// Polls a contract on the simulator's own executor until it is done; time is the world's.
#[track_caller]
fn keeps(link: &Link, contract: impl Future<Output = ()> + 'static) {
    let mut executor = Executor::default();
    executor.add(link.pid(), Role::Story, Box::pin(contract));
    executor.play(link.world()).unwrap();
}
