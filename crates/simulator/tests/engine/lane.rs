//! Who waits for the clone, and in which order.

use std::time::Duration;

use tamesuke_simulator::fate::{Arranged, Fate};
use tamesuke_simulator::op::Op;
use tamesuke_simulator::ports::Link;

use crate::{acting, bought_as, run, run_beside_engine, wait};

/// What a look at a name reads at Stripe.
const READS: [Op; 2] = [Op::ReadCheckout, Op::ReadSubscription];

/// Those whose runs have begun, in that order.
fn cloned(link: &Link) -> Vec<String> {
    link.world().lock().runs.runs.iter().map(|run| run.name.to_string()).collect()
}

/// Lets Stripe refuse the next read of a name, and only that one.
async fn refuse_one_read(link: &Link) {
    for op in READS {
        link.world().lock().arranged.insert(op, Arranged::NotSoon);
    }
    let refused = || {
        let world = link.world().lock();
        READS.iter().any(|op| world.tally.calls.contains_key(&(*op, Fate::Limited)))
    };
    while !refused() {
        // Less than any call takes.
        wait(link, Duration::from_millis(5)).await;
    }
    link.world().lock().arranged.clear();
}

#[test]
fn whoever_pays_first_is_cloned_first_whatever_the_name() {
    let link = acting();
    let its = link.clone();
    run_beside_engine(&link, async move {
        let names = ["echo", "delta", "charlie", "bravo", "alfa"];
        for name in names {
            bought_as(&its, name).await;
            // Heard of before the next one pays.
            wait(&its, Duration::from_secs(6)).await;
        }
        assert_eq!(cloned(&its), ["echo"], "all others wait");
        wait(&its, Duration::from_secs(1_200)).await;
        assert_eq!(cloned(&its), names);
    });
}

#[test]
fn who_is_called_and_cannot_start_leaves_the_lane_to_the_next() {
    let link = acting();
    let its = link.clone();
    run_beside_engine(&link, async move {
        for name in ["alfa", "bravo", "charlie"] {
            bought_as(&its, name).await;
            wait(&its, Duration::from_secs(6)).await;
        }
        assert_eq!(cloned(&its), ["alfa"]);
        let charlie_waits_since = its.world().lock().now - 6_000;
        refuse_one_read(&its).await;
        assert_eq!(cloned(&its), ["alfa"], "bravo is called, and its read is refused");
        wait(&its, Duration::from_secs(10)).await;
        let waited = its.world().lock().now - charlie_waits_since;
        assert!(waited < 60_000, "it would look by itself after a minute, and {waited} ms have passed");
        assert_eq!(cloned(&its), ["alfa", "charlie"]);
        wait(&its, Duration::from_secs(600)).await;
        assert_eq!(cloned(&its), ["alfa", "charlie", "bravo"]);
    });
}

#[test]
fn a_restart_does_not_send_whoever_paid_first_to_the_end_of_the_line() {
    let link = acting();
    let its = link.clone();
    let names = ["echo", "delta", "charlie", "bravo", "alfa"];
    run(&link, async move {
        for name in names {
            bought_as(&its, name).await;
            wait(&its, Duration::from_secs(6)).await;
        }
    });
    let its = link.clone();
    run_beside_engine(&link, async move {
        wait(&its, Duration::from_secs(1_200)).await;
        let cloned = cloned(&its);
        // Stripe lists the newest first, and whoever is looked at while the lane is free need not wait.
        let (first, others) = cloned.split_first().unwrap();
        let in_line: Vec<_> = names.iter().filter(|name| *name != first).collect();
        assert_eq!(others.iter().collect::<Vec<_>>(), in_line, "after {first}");
    });
}
