//! The engine in worlds of which each test arranges one thing.

#![expect(clippy::unwrap_used, reason = "a test that panics says what it lacks")]

mod cleaning;
mod disputes;
mod lane;
mod orders;
mod standby;
mod told;

use std::time::Duration;

use tamesuke_domain::checkout::{NewCheckout, OPEN_SECS};
use tamesuke_domain::ids::CheckoutId;
use tamesuke_domain::metadata::key;
use tamesuke_domain::state::State;
use tamesuke_engine::Engine;
use tamesuke_simulator::executor::{Executor, Role};
use tamesuke_simulator::payments;
use tamesuke_simulator::ports::{Link, of_process};
use tamesuke_simulator::settings;
use tamesuke_simulator::world::stripe::{instance, session_index};
use tamesuke_simulator::world::{Shared, World};

fn run(link: &Link, story: impl Future<Output = ()> + 'static) {
    run_beside(Executor::default(), link, story);
}

/// Runs a story beside what the executor has already, until something ends.
fn run_beside(mut executor: Executor, link: &Link, story: impl Future<Output = ()> + 'static) {
    executor.add(link.pid(), Role::Story, Box::pin(story));
    executor.play(link.world()).unwrap();
}

/// Runs a story beside the engine of the process that acts.
fn run_beside_engine(link: &Link, story: impl Future<Output = ()> + 'static) {
    let engine = engine(link);
    let mut executor = Executor::default();
    executor.add(link.pid(), Role::Engine, Box::pin(async move { engine.run(std::future::pending()).await }));
    run_beside(executor, link, story);
}

async fn bought(link: &Link) -> (CheckoutId, usize) {
    bought_as(link, "acme").await
}

async fn bought_as(link: &Link, name: &str) -> (CheckoutId, usize) {
    let metadata =
        [(key::SUBDOMAIN, name), (key::APPLICATION, "nginx"), (key::DAYS, "7"), (key::INSTANCE, instance().as_str())];
    let wanted = NewCheckout {
        price: "price_7".parse().unwrap(),
        email: "taro@example.jp".parse().unwrap(),
        reference: None,
        metadata: metadata.map(|(key, value)| (key.to_owned(), value.to_owned())).into(),
        expires: link.world().lock().stripe_now().plus_secs(OPEN_SECS),
        success_url: "https://tamesuke.example/".to_owned(),
        cancel_url: "https://tamesuke.example/".to_owned(),
        idempotency_key: format!("key {name}"),
    };
    let open = of_process(link).billing.create_checkout(&wanted).await.unwrap();
    let sub = payments::pay(&mut link.world().lock(), session_index(&open.id).unwrap()).unwrap();
    (open.id, sub)
}

async fn wait(link: &Link, time: Duration) {
    let clock = of_process(link).clock;
    clock.sleep_until(clock.monotonic().plus(time)).await;
}

async fn shown(engine: &Engine, id: &CheckoutId) -> State {
    engine.trial(id).await.unwrap().unwrap().progress.state
}

/// A process that acts, alone.
fn acting() -> Link {
    let world = Shared::new(World::still(1));
    let pid = world.lock().birth();
    world.lock().lease = Some(pid);
    Link::new(world, pid)
}

fn engine(link: &Link) -> Engine {
    Engine::new(settings::of_world(&link.world().lock()).unwrap(), of_process(link))
}
