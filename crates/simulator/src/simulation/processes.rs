//! The service's processes in a seed: started, told to stop, killed, and asked by customers.

use std::sync::Arc;

use tamesuke_engine::Engine;

use super::Simulation;
use crate::customers;
use crate::executor::Role;
use crate::invariants::Invariant;
use crate::ports::{self, Link};
use crate::settings;
use crate::world::{Command, Pid};

impl Simulation {
    pub(super) fn obey(&mut self, command: Command) {
        match command {
            Command::Start => self.start(),
            Command::Kill(pid) => self.kill(pid),
            Command::Stop(pid) => {
                let mut world = self.world.lock();
                if let Some(process) = world.processes.get_mut(&pid) {
                    process.stopping = true;
                    process.stop_bell.notify_one();
                }
            }
            Command::SignUp(number) => self.sign_up(number),
            Command::Release(number) => self.release(number),
            Command::Webhook(hint) => match self.someone() {
                Some((_, engine)) => engine.hint(&hint),
                // Stripe sends it again.
                None => self.world.lock().command_after(90_000, Command::Webhook(hint)),
            },
        }
    }

    fn start(&mut self) {
        let (pid, settings) = {
            let mut world = self.world.lock();
            let Ok(settings) = settings::of_world(&world) else {
                return world.violate(Invariant::Converged, "the settings do not read".to_owned());
            };
            (world.birth(), settings)
        };
        let link = Link::new(self.world.clone(), pid);
        let engine = Arc::new(Engine::new(settings, ports::of_process(&link)));
        self.engines.insert(pid, Arc::clone(&engine));
        let bell = self.world.lock().processes.get(&pid).map(|process| Arc::clone(&process.stop_bell));
        let work = async move {
            engine
                .run(async move {
                    match bell {
                        Some(bell) => bell.notified().await,
                        None => std::future::pending().await,
                    }
                })
                .await;
        };
        self.executor.add(pid, Role::Engine, Box::pin(work));
    }

    fn kill(&mut self, pid: Pid) {
        if !self.engines.contains_key(&pid) {
            return;
        }
        self.world.lock().tally.crashes += 1;
        self.end(pid);
    }

    /// A process is gone, with everything it had in hand.
    pub(super) fn end(&mut self, pid: Pid) {
        let Some(engine) = self.engines.remove(&pid) else {
            return;
        };
        self.executor.drop_all_of(pid);
        let mut world = self.world.lock();
        world.tally.add_rows(&engine.rows());
        world.death(pid);
        if self.engines.is_empty() {
            let wait = world.chance.between(1_000, 90_000);
            world.command_after(wait, Command::Start);
        }
    }

    /// One of the processes that serve.
    fn someone(&self) -> Option<(Pid, Arc<Engine>)> {
        let many = u64::try_from(self.engines.len()).unwrap_or(0);
        let nth = if many > 1 { self.world.lock().chance.below(many) } else { 0 };
        let chosen = self.engines.iter().nth(usize::try_from(nth).unwrap_or(0));
        chosen.map(|(pid, engine)| (*pid, Arc::clone(engine)))
    }

    fn sign_up(&mut self, number: usize) {
        let Some((pid, engine)) = self.someone() else {
            let mut world = self.world.lock();
            let wait = world.chance.between(5_000, 30_000);
            return world.command_after(wait, Command::SignUp(number));
        };
        let (world, wish) = {
            let mut locked = self.world.lock();
            locked.tally.forms += 1;
            (self.world.clone(), locked.orders.wishes.get(number).cloned())
        };
        let Some(wish) = wish else {
            return;
        };
        let work = async move {
            let answer = engine.sign_up(&wish.order, &wish.reference).await;
            customers::answered(&mut world.lock(), number, answer.map(|page| page.url));
        };
        self.executor.add(pid, Role::Request, Box::pin(work));
    }

    fn release(&mut self, number: usize) {
        let reference = self.world.lock().orders.wishes.get(number).map(|wish| wish.reference.clone());
        let (Some((pid, engine)), Some(reference)) = (self.someone(), reference) else {
            return;
        };
        let work = async move {
            // Whatever came of it, the customer sends the form again.
            let _released = engine.release(&reference).await;
        };
        self.executor.add(pid, Role::Request, Box::pin(work));
    }
}
