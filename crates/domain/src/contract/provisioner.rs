//! The promises of [`Provisioner`].

use std::task::Poll;

use async_trait::async_trait;

use super::{given, parsed};
use crate::look::RunView;
use crate::ports::{Provisioner, RunOrder};
use crate::subdomain::Subdomain;

/// From this step on a run's container number is taken for good, and runs may go side by side.
const CLONED: u8 = 8;
/// The last step that a run is seen at before it ends.
const LAST_SEEN: u8 = 9;
/// Most changes that one wait goes through.
const CHANGES_MAX: usize = 1_000;

/// How a run comes to its end by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// The script returns what it made.
    Well,
    /// The script fails.
    Failed,
}

/// What a test makes happen to runs.
#[async_trait]
pub trait ProvisionerWorld: Send + Sync {
    /// An order for a name that was not ordered before.
    async fn order(&self, name: &Subdomain) -> RunOrder;
    /// Lets the name's live run go on until that step is done; a world may not be able to keep it there.
    async fn reach(&self, name: &Subdomain, step: u8);
    /// Lets the name's live run come to its end.
    async fn finish(&self, name: &Subdomain, ending: Ending);
    /// How many runs of the name have begun to work so far.
    async fn begun(&self, name: &Subdomain) -> usize;
    /// Whether nothing lives any more of what runs of the name are and have started.
    async fn is_gone(&self, name: &Subdomain) -> bool;
    /// Another process of the same host, as in a restart.
    async fn another(&self) -> Box<dyn Provisioner>;
}

/// Sees that all promises are kept.
///
/// # Panics
/// Where one is broken.
pub async fn check(provisioner: &dyn Provisioner, world: &dyn ProvisionerWorld) {
    a_name_without_a_run_shows_none(provisioner).await;
    a_run_is_seen_step_by_step_to_its_end(provisioner, world).await;
    a_failed_run_is_seen_and_another_may_follow(provisioner, world).await;
    a_second_run_of_a_name_is_not_started(provisioner, world).await;
    of_two_starts_at_once_one_is_refused(provisioner, world).await;
    a_stopped_run_is_gone_and_another_may_follow(provisioner, world).await;
    all_runs_are_stopped(provisioner, world).await;
    a_run_of_another_process_is_shown_as_alive(provisioner, world).await;
}

/// Waits until the name is told of and its run is seen so.
async fn until(provisioner: &dyn Provisioner, name: &Subdomain, seen: impl Fn(RunView) -> bool) -> RunView {
    for _ in 0..CHANGES_MAX {
        let told = provisioner.changed().await;
        let view = provisioner.look(name);
        if told == *name && seen(view) {
            return view;
        }
    }
    panic!("{name}: after {CHANGES_MAX} changes its run is {:?}", provisioner.look(name));
}

/// Lets the run reach that step and waits until it is seen there.
async fn at(provisioner: &dyn Provisioner, world: &dyn ProvisionerWorld, name: &Subdomain, step: u8) {
    world.reach(name, step).await;
    let view = until(provisioner, name, |view| step_of(view).is_none_or(|seen| seen >= step)).await;
    assert!(step_of(view).is_some(), "{name}: it was to be at step {step} and is {view:?}");
}

/// The step of a live run.
fn step_of(view: RunView) -> Option<u8> {
    match view {
        RunView::Alive { step } => Some(step),
        RunView::None | RunView::Succeeded { .. } | RunView::Failed { .. } => None,
    }
}

/// Starts a run of a new name, which is alive from then on.
async fn started(provisioner: &dyn Provisioner, world: &dyn ProvisionerWorld, name: &Subdomain) -> RunOrder {
    let order = world.order(name).await;
    start(provisioner, name, &order).await;
    order
}

async fn start(provisioner: &dyn Provisioner, name: &Subdomain, order: &RunOrder) {
    given("a start", provisioner.start(order.clone()).await);
    assert!(step_of(provisioner.look(name)).is_some(), "{name}: a run that was started is alive at once");
    assert!(provisioner.lane_busy(), "{name}: a run that has just started keeps the lane");
}

/// Lets a run end well and sees that it has.
async fn ends_well(provisioner: &dyn Provisioner, world: &dyn ProvisionerWorld, name: &Subdomain) {
    world.finish(name, Ending::Well).await;
    let view = until(provisioner, name, |view| step_of(view).is_none()).await;
    let RunView::Succeeded { ago } = view else {
        panic!("{name}: it ended well and is {view:?}");
    };
    let later = provisioner.look(name);
    assert!(matches!(later, RunView::Succeeded { ago: since } if since >= ago), "{name}: {later:?} after {view:?}");
    assert!(world.is_gone(name).await, "{name}: an ended run leaves nothing behind");
}

async fn a_name_without_a_run_shows_none(provisioner: &dyn Provisioner) {
    let nobody = parsed("nobody");
    provisioner.stop(&nobody).await;
    assert_eq!(provisioner.look(&nobody), RunView::None, "where none was started none is shown");
    assert!(!provisioner.lane_busy(), "and none keeps the lane");
}

async fn a_run_is_seen_step_by_step_to_its_end(provisioner: &dyn Provisioner, world: &dyn ProvisionerWorld) {
    let name = parsed("steps");
    started(provisioner, world, &name).await;
    let mut last = 0;
    for step in 1..=LAST_SEEN {
        at(provisioner, world, &name, step).await;
        let seen = step_of(provisioner.look(&name)).unwrap_or_default();
        assert!(seen >= step.max(last), "steps come in their order: {seen} after {last}");
        assert_eq!(
            provisioner.lane_busy(),
            seen < CLONED,
            "step {seen}: the lane is busy until the container is cloned"
        );
        last = seen;
    }
    ends_well(provisioner, world, &name).await;
    assert!(!provisioner.lane_busy(), "an ended run keeps no lane");
    assert_eq!(world.begun(&name).await, 1, "one start is one run");
}

async fn a_failed_run_is_seen_and_another_may_follow(provisioner: &dyn Provisioner, world: &dyn ProvisionerWorld) {
    let name = parsed("failing");
    let order = started(provisioner, world, &name).await;
    at(provisioner, world, &name, 2).await;
    world.finish(&name, Ending::Failed).await;
    let view = until(provisioner, &name, |view| step_of(view).is_none()).await;
    assert!(matches!(view, RunView::Failed { .. }), "a failed run is seen as failed: {view:?}");
    assert!(!provisioner.lane_busy(), "a failed run keeps no lane");
    start(provisioner, &name, &order).await;
    at(provisioner, world, &name, 1).await;
    ends_well(provisioner, world, &name).await;
    assert_eq!(world.begun(&name).await, 2, "the newest run is the one that is shown");
}

async fn a_second_run_of_a_name_is_not_started(provisioner: &dyn Provisioner, world: &dyn ProvisionerWorld) {
    let name = parsed("second");
    let order = started(provisioner, world, &name).await;
    at(provisioner, world, &name, 1).await;
    let second = provisioner.start(order).await;
    assert!(second.is_err_and(|fault| !fault.is_unknown()), "a second run is refused while the first one lives");
    assert!(step_of(provisioner.look(&name)).is_some(), "the first one lives on");
    at(provisioner, world, &name, 3).await;
    ends_well(provisioner, world, &name).await;
    assert_eq!(world.begun(&name).await, 1, "nothing else was started");
}

async fn of_two_starts_at_once_one_is_refused(provisioner: &dyn Provisioner, world: &dyn ProvisionerWorld) {
    let name = parsed("at-once");
    let order = world.order(&name).await;
    let mut starts = [provisioner.start(order.clone()), provisioner.start(order)];
    let mut outcomes = [None, None];
    std::future::poll_fn(|context| {
        for (start, outcome) in starts.iter_mut().zip(&mut outcomes) {
            if outcome.is_none()
                && let Poll::Ready(ended) = start.as_mut().poll(context)
            {
                *outcome = Some(ended);
            }
        }
        if outcomes.iter().all(Option::is_some) { Poll::Ready(()) } else { Poll::Pending }
    })
    .await;
    let begun = outcomes.iter().flatten().filter(|outcome| outcome.is_ok()).count();
    assert_eq!(begun, 1, "one of two starts at once is refused: {outcomes:?}");
    at(provisioner, world, &name, 1).await;
    ends_well(provisioner, world, &name).await;
    assert_eq!(world.begun(&name).await, 1, "nothing else was started");
}

async fn a_stopped_run_is_gone_and_another_may_follow(provisioner: &dyn Provisioner, world: &dyn ProvisionerWorld) {
    let name = parsed("stopped");
    let order = started(provisioner, world, &name).await;
    at(provisioner, world, &name, 3).await;
    for stop in ["the first stop", "the second stop"] {
        provisioner.stop(&name).await;
        let view = provisioner.look(&name);
        assert!(matches!(view, RunView::Failed { .. }), "{stop}: a stopped run has ended: {view:?}");
        assert!(!provisioner.lane_busy(), "{stop}: a stopped run keeps no lane");
        assert!(world.is_gone(&name).await, "{stop}: what the run had started is gone with it");
    }
    start(provisioner, &name, &order).await;
    at(provisioner, world, &name, 1).await;
    ends_well(provisioner, world, &name).await;
}

async fn all_runs_are_stopped(provisioner: &dyn Provisioner, world: &dyn ProvisionerWorld) {
    let names: [Subdomain; 2] = [parsed("all-1"), parsed("all-2")];
    for name in &names {
        started(provisioner, world, name).await;
        at(provisioner, world, name, 1).await;
    }
    provisioner.stop_all().await;
    for name in &names {
        let view = provisioner.look(name);
        assert!(matches!(view, RunView::Failed { .. }), "{name}: it was stopped with all others: {view:?}");
        assert!(world.is_gone(name).await, "{name}: what the run had started is gone with it");
    }
    assert!(!provisioner.lane_busy(), "no run keeps the lane");
}

async fn a_run_of_another_process_is_shown_as_alive(provisioner: &dyn Provisioner, world: &dyn ProvisionerWorld) {
    let name = parsed("restart");
    let order = started(provisioner, world, &name).await;
    at(provisioner, world, &name, 3).await;
    let other = world.another().await;
    assert!(step_of(other.look(&name)).is_some(), "a run of another process that lives is shown as alive");
    let second = other.start(order.clone()).await;
    assert!(second.is_err_and(|fault| !fault.is_unknown()), "no second run is started beside it");
    assert!(step_of(provisioner.look(&name)).is_some(), "the first one lives on");
    ends_well(provisioner, world, &name).await;
    assert_eq!(world.begun(&name).await, 1, "nothing else was started");
    assert_eq!(other.look(&name), RunView::None, "what another process has ended is not alive");
    start(other.as_ref(), &name, &order).await;
    other.stop_all().await;
    assert!(world.is_gone(&name).await, "what another process has started it can stop");
}
