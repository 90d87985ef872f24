//! Events that were heard of, by webhook or in Stripe's list: each calls for one look, whichever of the
//! two comes first and however often it comes. Losing all of it costs a few looks.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tamesuke_domain::ids::EventId;
use tamesuke_domain::time::Timestamp;

/// Most events that are kept; past it the oldest go.
const KEPT_MAX: usize = 10_000;

#[derive(Debug, Default)]
pub(crate) struct Heard(Mutex<BTreeMap<EventId, Timestamp>>);

impl Heard {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<EventId, Timestamp>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn knows(&self, id: &EventId) -> bool {
        self.lock().contains_key(id)
    }

    pub(crate) fn keep(&self, id: &EventId, created: Timestamp) {
        let mut events = self.lock();
        events.insert(id.clone(), created);
        if events.len() > KEPT_MAX {
            let mut moments: Vec<Timestamp> = events.values().copied().collect();
            let (_, middle, _) = moments.select_nth_unstable(KEPT_MAX / 2);
            let middle = *middle;
            events.retain(|_, created| *created > middle);
        }
    }

    /// Drops what no list will show any more.
    pub(crate) fn forget_before(&self, moment: Timestamp) {
        self.lock().retain(|_, created| *created >= moment);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_flood_of_events_pushes_out_the_oldest_half() {
        let heard = Heard::default();
        let id = |n: i64| format!("evt_{n}").parse::<EventId>().unwrap();
        let all = i64::try_from(KEPT_MAX).unwrap() + 1;
        (0..all).for_each(|n| heard.keep(&id(n), Timestamp::from_unix(n)));
        assert!(heard.knows(&id(all - 1)));
        assert!(!heard.knows(&id(0)));
        assert!(heard.lock().len() <= KEPT_MAX / 2);
    }
}
