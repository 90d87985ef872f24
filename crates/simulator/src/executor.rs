//! Polls futures on one thread, in an order that the seed draws. No runtime, no timer of its own.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use crate::world::{Pid, Shared};

/// A future that belongs to a process.
pub type Work = Pin<Box<dyn Future<Output = ()>>>;

/// Whose future it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// The engine's own.
    Engine,
    /// One request's.
    Request,
    /// A test's, of what happens beside an engine.
    Story,
}

struct Task {
    pid: Pid,
    role: Role,
    work: Work,
    woken: Arc<Flag>,
    waker: Waker,
}

struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.0.store(true, Ordering::Release);
    }
}

/// Polls and events of one story; more is something that goes round and round.
const HAPPENINGS_MAX: usize = 100_000;

/// Why a story never ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Hangs {
    /// Nothing is left that could happen.
    #[error("it waits for what never happens")]
    Asleep,
    /// Things go on happening.
    #[error("it is not done after {HAPPENINGS_MAX} happenings")]
    Awake,
}

/// All futures of all processes.
#[derive(Default)]
pub struct Executor {
    tasks: Vec<Task>,
}

impl Executor {
    /// Adds a future, to be polled soon.
    pub fn add(&mut self, pid: Pid, role: Role, work: Work) {
        let woken = Arc::new(Flag(AtomicBool::new(true)));
        let waker = Waker::from(Arc::clone(&woken));
        self.tasks.push(Task { pid, role, work, woken, waker });
    }

    /// Polls one future that was woken, the one that `draw` picks of so many; gives whether there was
    /// one, and what ended by it.
    pub fn poll_one(&mut self, draw: impl FnOnce(usize) -> usize) -> (bool, Option<(Pid, Role)>) {
        let woken = self.tasks.iter().filter(|task| task.woken.0.load(Ordering::Acquire)).count();
        if woken == 0 {
            return (false, None);
        }
        let nth = if woken == 1 { 0 } else { draw(woken) };
        let mut ready =
            (0..self.tasks.len()).filter(|at| self.tasks.get(*at).is_some_and(|t| t.woken.0.load(Ordering::Acquire)));
        let Some(place) = ready.nth(nth) else {
            return (false, None);
        };
        let Some(task) = self.tasks.get_mut(place) else {
            return (false, None);
        };
        task.woken.0.store(false, Ordering::Release);
        let mut context = Context::from_waker(&task.waker);
        match task.work.as_mut().poll(&mut context) {
            Poll::Pending => (true, None),
            Poll::Ready(()) => {
                let done = self.tasks.swap_remove(place);
                (true, Some((done.pid, done.role)))
            }
        }
    }

    /// Polls, and lets the world's time pass where nobody can go on, until a story ends.
    ///
    /// # Errors
    /// Where it never would: it waits for what no event brings, or goes round and round.
    pub fn play(&mut self, world: &Shared) -> Result<(), Hangs> {
        for _ in 0..HAPPENINGS_MAX {
            match self.poll_one(|_| 0) {
                (_, Some((_, Role::Story))) => return Ok(()),
                (true, _) => {}
                (false, _) if world.lock().advance() => {}
                (false, _) => return Err(Hangs::Asleep),
            }
        }
        Err(Hangs::Awake)
    }

    /// Drops every future of a process where it stands.
    pub fn drop_all_of(&mut self, pid: Pid) {
        self.tasks.retain(|task| task.pid != pid);
    }
}
