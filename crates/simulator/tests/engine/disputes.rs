//! Disputes, and who tells the operator of them.

use std::time::Duration;

use tamesuke_simulator::executor::{Executor, Role};
use tamesuke_simulator::payments;
use tamesuke_simulator::ports::Link;
use tamesuke_simulator::world::{Shared, World};

use crate::{bought, engine, run, run_beside, run_beside_engine, wait};

/// Whoever acts is gone, and the lease is free.
fn hand_over(link: &Link) {
    let bell = {
        let mut world = link.world().lock();
        world.lease = None;
        world.lease_bell.clone()
    };
    bell.notify_waiters();
}

/// Notes that the operator was sent.
fn notes(link: &Link) -> usize {
    link.world().lock().post.boxes.iter().filter(|mail| mail.to == "operator").count()
}

#[test]
fn a_dispute_is_told_to_the_operator_by_the_process_that_acts_alone() {
    let world = Shared::new(World::still(1));
    let acting = world.lock().birth();
    let standby = world.lock().birth();
    world.lock().lease = Some(acting);
    let link = Link::new(world.clone(), standby);
    let engine = engine(&link);
    let mut executor = Executor::default();
    let works = async move { engine.run(std::future::pending()).await };
    executor.add(standby, Role::Engine, Box::pin(works));
    let its = link.clone();
    run_beside(executor, &link, async move {
        let (_, sub) = bought(&its).await;
        wait(&its, Duration::from_secs(60)).await;
        payments::dispute(&mut its.world().lock(), sub);
        wait(&its, Duration::from_secs(60)).await;
        assert_eq!(notes(&its), 0, "who stands by tells nothing");
        hand_over(&its);
        wait(&its, Duration::from_secs(60)).await;
        assert_eq!(notes(&its), 1, "who begins to act does not know whether anybody has told of it");
        wait(&its, Duration::from_secs(900)).await;
        assert_eq!(notes(&its), 1, "it tells once");
    });
}

#[test]
fn a_dispute_that_was_made_while_nobody_acted_is_told_of_unless_it_is_settled() {
    for (settled, told) in [(false, 1), (true, 0)] {
        let world = Shared::new(World::still(1));
        let pid = world.lock().birth();
        let link = Link::new(world.clone(), pid);
        let its = link.clone();
        run(&link, async move {
            let (_, sub) = bought(&its).await;
            payments::dispute(&mut its.world().lock(), sub);
            if settled {
                payments::settle_dispute(&mut its.world().lock(), sub);
            }
            // Longer than the polls read back.
            wait(&its, Duration::from_secs(400)).await;
        });
        let its = link.clone();
        run_beside_engine(&link, async move {
            wait(&its, Duration::from_secs(900)).await;
            assert_eq!(notes(&its), told, "settled: {settled}");
        });
    }
}
