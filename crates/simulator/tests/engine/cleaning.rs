//! What is left of a trial that is over.

use std::time::Duration;

use tamesuke_simulator::fate::Fate;
use tamesuke_simulator::op::Op;
use tamesuke_simulator::options::LIST_LAG_MAX;
use tamesuke_simulator::payments;

use crate::{acting, bought, run_beside_engine, wait};

#[test]
fn what_a_list_still_shows_is_not_removed_over_and_over() {
    let link = acting();
    {
        let mut world = link.world().lock();
        (world.options.tunnels_lag, world.options.records_lag) = (LIST_LAG_MAX.into(), LIST_LAG_MAX.into());
    }
    let its = link.clone();
    run_beside_engine(&link, async move {
        let calls = |op| its.world().lock().tally.calls.get(&(op, Fate::Fine)).copied().unwrap_or(0);
        let (_, sub) = bought(&its).await;
        wait(&its, Duration::from_secs(300)).await;
        assert_eq!(its.world().lock().cloudflare.tunnels.len(), 1, "it was provisioned");
        payments::cancel(&mut its.world().lock(), sub);
        let before = calls(Op::ListTunnels);
        wait(&its, Duration::from_secs(120)).await;
        let world = its.world().lock();
        assert!(world.cloudflare.tunnels.is_empty() && world.cloudflare.records.is_empty());
        drop(world);
        let listed = calls(Op::ListTunnels) - before;
        assert!(listed < 30, "the tunnels were listed {listed} times");
    });
}
