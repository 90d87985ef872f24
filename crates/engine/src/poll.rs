//! Reads Stripe's events: a lost webhook costs at most one poll, and of a dispute no webhook is asked for.

use std::time::Duration;

use tamesuke_domain::planted::{self, Planted};
use tamesuke_domain::ports::{Fault, Role};
use tamesuke_domain::time::Timestamp;

use crate::backoff;
use crate::cursor::Cursor;
use crate::engine::Engine;

/// The event list is asked again at most that long after it failed.
const POLL_FAILED_MAX: Duration = Duration::from_secs(60);

/// How far the reading has come.
struct Reading {
    cursor: Cursor,
    /// This process acts, and has told of the disputes that were open when it began to.
    tells: bool,
}

impl Engine {
    /// Asks for Stripe's events for ever.
    pub(crate) async fn poll_for_ever(&self, from: Timestamp) {
        let mut reading = Reading { cursor: Cursor::at(from), tells: false };
        let mut failures = 0;
        loop {
            let wait = if failures == 0 {
                self.settings.poll_every
            } else {
                backoff::wait(failures, POLL_FAILED_MAX, self.ports.entropy.as_ref()).max(self.settings.poll_every)
            };
            self.nap(wait).await;
            match self.poll(&mut reading).await {
                Ok(()) => failures = 0,
                Err(fault) => {
                    failures += 1;
                    tracing::warn!(error = %fault.chain(), "stripe's events could not be read");
                }
            }
        }
    }

    async fn poll(&self, reading: &mut Reading) -> Result<(), Fault> {
        let (_, asked) = self.now();
        let events = self.ports.billing.events_since(reading.cursor.since()).await?;
        reading.cursor.read(asked);
        for event in events.into_iter().filter(|_| !planted::has(Planted::OnlyInMemory)) {
            // Whoever stands by reads on too, and a note is not sent twice.
            if event.disputed && reading.tells && !self.heard.knows(&event.id) {
                self.take_up_dispute(&event).await;
            } else {
                self.hint(&event);
            }
        }
        self.heard.forget_before(reading.cursor.forgotten());
        if !reading.tells && self.ports.lease.role() == Role::Worker {
            self.take_up_open_disputes(asked).await?;
            reading.tells = true;
        }
        Ok(())
    }
}
