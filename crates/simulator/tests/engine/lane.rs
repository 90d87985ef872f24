//! Who waits for the clone, and in which order.

use std::time::Duration;

use tamesuke_simulator::executor::{Executor, Role};

use crate::{acting, bought_as, engine, run_beside, wait};

#[test]
fn whoever_pays_first_is_cloned_first_whatever_the_name() {
    let link = acting();
    let engine = engine(&link);
    let mut executor = Executor::default();
    executor.add(link.pid(), Role::Engine, Box::pin(async move { engine.run(std::future::pending()).await }));
    let its = link.clone();
    run_beside(executor, &link, async move {
        let names = ["echo", "delta", "charlie", "bravo", "alfa"];
        for name in names {
            bought_as(&its, name).await;
            // Heard of before the next one pays; a clone takes longer than all of them together.
            wait(&its, Duration::from_secs(6)).await;
        }
        wait(&its, Duration::from_secs(1_200)).await;
        let cloned: Vec<_> = its.world().lock().runs.runs.iter().map(|run| run.name.to_string()).collect();
        assert_eq!(cloned, names);
    });
}
