//! How many streams of events may be open at once. Each holds a connection for up to an hour, and none
//! of the limits on requests sees that: without a limit of their own a single visitor's streams could
//! take every connection there is.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Most streams of one visitor: an office's worth of browsers behind one address. Whoever gets none
/// asks every few seconds instead.
pub const STREAMS_PER_VISITOR_MAX: usize = 16;

/// The places for streams.
#[derive(Debug)]
pub struct Streams {
    open: Mutex<Open>,
    all_max: usize,
}

#[derive(Debug, Default)]
struct Open {
    all: usize,
    by_visitor: BTreeMap<Option<IpAddr>, usize>,
}

/// A stream's place; free again when this is dropped, so the stream must own it.
#[derive(Debug)]
pub struct Place {
    streams: Arc<Streams>,
    visitor: Option<IpAddr>,
}

impl Streams {
    /// Places for at most `all_max` streams of all visitors together.
    pub fn new(all_max: usize) -> Arc<Self> {
        Arc::new(Self { open: Mutex::default(), all_max })
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A place for one more stream of a visitor, if one is left. All whose address is not known are one
    /// visitor.
    pub fn place(self: &Arc<Self>, visitor: Option<IpAddr>) -> Option<Place> {
        let mut open = self.lock();
        let of_visitor = open.by_visitor.get(&visitor).copied().unwrap_or_default();
        if open.all >= self.all_max || of_visitor >= STREAMS_PER_VISITOR_MAX {
            return None;
        }
        open.all += 1;
        open.by_visitor.insert(visitor, of_visitor + 1);
        Some(Place { streams: Arc::clone(self), visitor })
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut open = self.streams.lock();
        open.all = open.all.saturating_sub(1);
        let left = open.by_visitor.get(&self.visitor).map_or(0, |count| count.saturating_sub(1));
        if left == 0 {
            open.by_visitor.remove(&self.visitor);
        } else {
            open.by_visitor.insert(self.visitor, left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(streams: &Arc<Streams>, visitor: u8) -> Option<Place> {
        streams.place(Some(IpAddr::from([7, 7, 7, visitor])))
    }

    #[test]
    fn one_visitors_streams_leave_places_for_others_and_come_back_when_closed() {
        let streams = Streams::new(1_000);
        let mut places: Vec<_> = (0..STREAMS_PER_VISITOR_MAX).map(|_| place(&streams, 1).unwrap()).collect();
        assert!(place(&streams, 1).is_none());
        assert!(place(&streams, 2).is_some());
        places.pop();
        assert!(place(&streams, 1).is_some());
        places.clear();
        assert!(streams.lock().by_visitor.is_empty() && streams.lock().all == 0);
    }

    #[test]
    fn all_visitors_together_have_a_limit_too() {
        let streams = Streams::new(3);
        let places: Vec<_> = (0..4).map(|visitor| place(&streams, visitor)).collect();
        assert_eq!(places.iter().filter(|place| place.is_some()).count(), 3);
    }
}
