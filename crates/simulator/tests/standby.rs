//! What a process that stands by shows and tells, while another one acts.

#![expect(clippy::unwrap_used, reason = "a test that panics says what it lacks")]

use std::time::Duration;

use tamesuke_domain::checkout::{NewCheckout, OPEN_SECS};
use tamesuke_domain::ids::CheckoutId;
use tamesuke_domain::metadata::{Metadata, key};
use tamesuke_domain::state::State;
use tamesuke_engine::Engine;
use tamesuke_simulator::executor::{Executor, Role};
use tamesuke_simulator::options::MINUTE;
use tamesuke_simulator::ports::{Link, of_process};
use tamesuke_simulator::world::stripe::{instance, session_index};
use tamesuke_simulator::world::{Shared, World};
use tamesuke_simulator::{payments, settings};

/// Things that may happen meanwhile; more is something that hangs.
const HAPPENINGS_MAX: usize = 100_000;

fn run(link: &Link, story: impl Future<Output = ()> + 'static) {
    run_beside(Executor::default(), link, story);
}

/// Runs a story beside what the executor has already, until something ends.
fn run_beside(mut executor: Executor, link: &Link, story: impl Future<Output = ()> + 'static) {
    executor.add(link.pid(), Role::Engine, Box::pin(story));
    for _ in 0..HAPPENINGS_MAX {
        match executor.poll_one(|_| 0) {
            (_, Some(_done)) => return,
            (true, None) => {}
            (false, None) => assert!(link.world().lock().advance(), "it waits for what never happens"),
        }
    }
    panic!("it is not done after {HAPPENINGS_MAX} happenings");
}

async fn bought(link: &Link) -> (CheckoutId, usize) {
    let metadata =
        [(key::SUBDOMAIN, "acme"), (key::APPLICATION, "nginx"), (key::DAYS, "7"), (key::INSTANCE, instance().as_str())];
    let wanted = NewCheckout {
        price: "price_7".parse().unwrap(),
        email: "taro@example.jp".parse().unwrap(),
        reference: None,
        metadata: metadata.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        expires: link.world().lock().stripe_now().plus_secs(OPEN_SECS),
        success_url: "https://tamesuke.example/".to_owned(),
        cancel_url: "https://tamesuke.example/".to_owned(),
        idempotency_key: "key".to_owned(),
    };
    let open = of_process(link).billing.create_checkout(&wanted).await.unwrap();
    let sub = payments::pay(&mut link.world().lock(), session_index(&open.id).unwrap()).unwrap();
    (open.id, sub)
}

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

async fn wait(link: &Link, time: Duration) {
    let clock = of_process(link).clock;
    clock.sleep_until(clock.monotonic().plus(time)).await;
}

async fn shown(engine: &Engine, id: &CheckoutId) -> State {
    engine.trial(id).await.unwrap().unwrap().progress.state
}

#[test]
fn a_process_that_stands_by_shows_what_the_acting_one_has_done() {
    let world = Shared::new(World::still(1));
    let acting = world.lock().birth();
    let standby = world.lock().birth();
    world.lock().lease = Some(acting);
    let link = Link::new(world.clone(), standby);
    let its = link.clone();
    run(&link, async move {
        let settings = settings::of_world(&its.world().lock()).unwrap();
        let engine = Engine::new(settings, of_process(&its));
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
fn a_dispute_is_told_to_the_operator_by_the_process_that_acts_alone() {
    let world = Shared::new(World::still(1));
    let acting = world.lock().birth();
    let standby = world.lock().birth();
    world.lock().lease = Some(acting);
    let link = Link::new(world.clone(), standby);
    let engine = Engine::new(settings::of_world(&world.lock()).unwrap(), of_process(&link));
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
        let engine = Engine::new(settings::of_world(&world.lock()).unwrap(), of_process(&link));
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
        let mut executor = Executor::default();
        executor.add(pid, Role::Engine, Box::pin(async move { engine.run(std::future::pending()).await }));
        let its = link.clone();
        run_beside(executor, &link, async move {
            wait(&its, Duration::from_secs(900)).await;
            assert_eq!(notes(&its), told, "settled: {settled}");
        });
    }
}
