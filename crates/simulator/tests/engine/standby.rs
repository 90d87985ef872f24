//! What people are shown of a trial, by a process that acts and by one that stands by while another one acts.

use tamesuke_domain::metadata::{Metadata, key};
use tamesuke_domain::state::State;
use tamesuke_simulator::fate::Fate;
use tamesuke_simulator::op::Op;
use tamesuke_simulator::options::MINUTE;
use tamesuke_simulator::ports::Link;
use tamesuke_simulator::world::{Shared, World};

use crate::{acting, bought, engine, run, shown};

#[test]
fn a_process_that_stands_by_shows_what_the_acting_one_has_done() {
    let world = Shared::new(World::still(1));
    let acting = world.lock().birth();
    let standby = world.lock().birth();
    world.lock().lease = Some(acting);
    let link = Link::new(world.clone(), standby);
    let its = link.clone();
    run(&link, async move {
        let engine = engine(&its);
        let (session, sub) = bought(&its).await;
        assert_eq!(shown(&engine, &session).await, State::Paid);
        let attempt = Metadata::from([(key::ATTEMPT.to_owned(), "1:1790000000:1790000000".to_owned())]);
        its.world().lock().stripe.subs[sub].metadata.extend(attempt);
        assert_eq!(shown(&engine, &session).await, State::Paid, "Stripe is not asked at every look");
        its.world().lock().pass(MINUTE);
        assert_eq!(shown(&engine, &session).await, State::Provisioning, "it is not shown as it once was for ever");

        its.world().lock().lease = Some(standby);
        its.world().lock().stripe.subs[sub].metadata.remove(key::ATTEMPT);
        its.world().lock().pass(MINUTE);
        assert_eq!(shown(&engine, &session).await, State::Provisioning, "who acts knows it by its own passes");
    });
}

#[test]
fn what_does_not_read_is_asked_for_once_however_often_it_is_looked_at() {
    let link = acting();
    let its = link.clone();
    run(&link, async move {
        let engine = engine(&its);
        let (session, sub) = bought(&its).await;
        its.world().lock().stripe.subs[sub].metadata.insert(key::DAYS.to_owned(), "soon".to_owned());
        let reads = || its.world().lock().tally.calls.get(&(Op::ReadSubscription, Fate::Fine)).copied();
        assert_eq!(shown(&engine, &session).await, State::Stuck);
        let after_one = reads();
        assert_eq!(shown(&engine, &session).await, State::Stuck);
        assert_eq!(reads(), after_one, "each look of anybody's would be a call to Stripe");
        its.world().lock().stripe.subs[sub].metadata.insert(key::DAYS.to_owned(), "7".to_owned());
        engine.pass(&"acme".parse().unwrap()).await;
        assert_ne!(shown(&engine, &session).await, State::Stuck, "a look shows that it was mended");
    });
}

#[test]
fn a_run_is_shown_as_soon_as_it_has_begun() {
    let link = acting();
    let its = link.clone();
    run(&link, async move {
        let engine = engine(&its);
        let (session, _sub) = bought(&its).await;
        assert_eq!(shown(&engine, &session).await, State::Paid);
        engine.pass(&"acme".parse().unwrap()).await;
        assert_eq!(
            shown(&engine, &session).await,
            State::Provisioning,
            "the next look may be as late as the run's end"
        );
    });
}
