//! Runs: started in the world, shown from this process's own table, or, where an earlier process's run
//! still lives, from its lock.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use tamesuke_domain::look::RunView;
use tamesuke_domain::ports::{Fault, Provisioner, RunOrder};
use tamesuke_domain::subdomain::Subdomain;

use super::Link;
use crate::op::Op;
use crate::script;
use crate::world::World;

/// The port `Provisioner`.
pub struct FakeProvisioner(pub Link);

impl FakeProvisioner {
    fn view(&self, world: &World, name: &Subdomain) -> RunView {
        let own = world.processes.get(&self.0.pid()).and_then(|process| process.runs.get(name));
        match own.and_then(|run| world.runs.runs.get(*run)) {
            Some(run) if run.alive => RunView::Alive { step: run.step },
            Some(run) => {
                let (well, at) = run.ended.unwrap_or_default();
                let ago = Duration::from_millis(world.own_now().saturating_sub(at));
                if well { RunView::Succeeded { ago } } else { RunView::Failed { ago } }
            }
            None if world.runs.alive(name).is_some() => RunView::Alive { step: 0 },
            None => RunView::None,
        }
    }

    fn stop_where(&self, which: impl Fn(&script::Run) -> bool) {
        let mut world = self.0.world().lock();
        let mine: Vec<usize> = (0..world.runs.runs.len())
            .filter(|index| {
                world.runs.runs.get(*index).is_some_and(|run| run.alive && run.parent == self.0.pid() && which(run))
            })
            .collect();
        for run in mine {
            script::end(&mut world, run, false);
        }
    }
}

#[async_trait]
impl Provisioner for FakeProvisioner {
    async fn start(&self, order: RunOrder) -> Result<(), Fault> {
        let (name, pid) = (order.subdomain.clone(), self.0.pid());
        let started = self.0.call(Op::StartRun, move |world, _| {
            if world.runs.alive(&name).is_some() {
                script::second_start(world, &name);
                return Err(Op::StartRun.retryable("a run of this name is alive"));
            }
            let Some(sub) = script::sub_of(world, &name) else {
                return Err(Op::StartRun.refused("no subscription claims this name"));
            };
            script::start(world, pid, &name, sub);
            Ok(())
        });
        started.await
    }

    fn look(&self, name: &Subdomain) -> RunView {
        self.view(&self.0.world().lock(), name)
    }

    fn lane_busy(&self) -> bool {
        let world = self.0.world().lock();
        world.runs.any_at_clone(|run| run.parent == self.0.pid())
    }

    async fn stop(&self, name: &Subdomain) {
        self.stop_where(|run| run.name == *name);
    }

    async fn stop_all(&self) {
        self.stop_where(|_| true);
    }

    async fn changed(&self) -> Subdomain {
        loop {
            let bell = {
                let mut world = self.0.world().lock();
                world
                    .processes
                    .get_mut(&self.0.pid())
                    .map(|process| process.changed.pop_front().ok_or_else(|| Arc::clone(&process.changed_bell)))
            };
            match bell {
                Some(Ok(name)) => return name,
                Some(Err(bell)) => bell.notified().await,
                None => std::future::pending().await,
            }
        }
    }
}
