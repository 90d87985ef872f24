//! Where the reading of Stripe's events goes on. It moves with Stripe's clock and not with our own events:
//! an account that sells other things too has many events and few of ours, and whatever lies behind the
//! cursor is read again at every poll.

use tamesuke_domain::ports::EVENTS_LATE_MAX_SECS;
use tamesuke_domain::time::Timestamp;

/// What our idea of Stripe's clock may be ahead of the one that stamps events.
const CLOCK_AHEAD_MAX_SECS: i64 = 60;
/// A cursor that lies further ahead of a poll was led there by a wrong clock.
const ASTRAY_SECS: i64 = 300;

/// All events made before that moment, less what may still show late, were read.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cursor {
    at: Timestamp,
    /// Where it was before it last moved on.
    before: Timestamp,
    /// Where it would have gone by the poll before, which found it far ahead.
    instead: Option<Timestamp>,
}

impl Cursor {
    /// Whoever starts here reads what is made from now on.
    pub(crate) fn at(start: Timestamp) -> Self {
        Self { at: start, before: start, instead: None }
    }

    /// From where the list is asked for next.
    pub(crate) fn since(self) -> Timestamp {
        self.at.plus_secs(-EVENTS_LATE_MAX_SECS)
    }

    /// A complete list was read that was asked for at that moment of Stripe's, taken *before* the call: an
    /// event made while it went on may not be in it.
    ///
    /// A cursor that lies far ahead would be asked about the future, for ever. So it falls back, but only at
    /// the second poll in a row that says so: one clock that is behind by days would dig up days of events.
    pub(crate) fn read(&mut self, asked: Timestamp) {
        let next = asked.plus_secs(-CLOCK_AHEAD_MAX_SECS);
        let found_astray = self.instead.take();
        if self.at.secs_since(next) <= ASTRAY_SECS {
            if next > self.at {
                (self.before, self.at) = (self.at, next);
            }
            return;
        }
        match found_astray {
            None => self.instead = Some(next),
            // Not to this poll's moment: what was made since the wrong clock was asked for by nobody.
            Some(first) => self.at = self.before.min(first).min(next),
        }
    }

    /// No list shows what was made before that any more.
    pub(crate) fn forgotten(self) -> Timestamp {
        self.at.plus_secs(-2 * EVENTS_LATE_MAX_SECS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(secs: i64) -> Timestamp {
        Timestamp::from_unix(secs)
    }

    /// Whether somebody who polls at these moments, by a clock that is `ahead`, is shown an event.
    fn is_read(polls: &[i64], ahead: i64, created: i64, visible: i64) -> bool {
        let mut cursor = Cursor::at(at(ahead));
        polls.iter().any(|&now| {
            let shown = created >= cursor.since().as_unix() && visible <= now;
            cursor.read(at(now + ahead));
            shown
        })
    }

    #[test]
    fn no_event_is_missed_however_late_it_shows_and_whenever_polls_succeed() {
        let steady: Vec<i64> = (0..500).map(|nth| nth * 5).collect();
        let rare: Vec<i64> = (0..6).map(|nth| nth * 411).collect();
        let burst: Vec<i64> = (0..40).chain(2_000..2_040).collect();
        for polls in [steady, rare, burst] {
            for ahead in [-1_800, -2, 0, 1, CLOCK_AHEAD_MAX_SECS] {
                for created in 0..1_600 {
                    for late in [0, 1, 199, 200, 299, EVENTS_LATE_MAX_SECS] {
                        let read = is_read(&polls, ahead, created, created + late);
                        assert!(read, "made at {created}, shown {late} s later, our clock {ahead} s ahead");
                    }
                }
            }
        }
    }

    #[test]
    fn what_is_read_again_is_a_few_minutes_however_long_nothing_of_ours_happens() {
        let mut cursor = Cursor::at(at(0));
        for now in (0..7 * 86_400).step_by(5) {
            cursor.read(at(now));
            let again = now - cursor.since().as_unix();
            assert!(again <= EVENTS_LATE_MAX_SECS + CLOCK_AHEAD_MAX_SECS, "{again} s are read again at {now}");
            assert!(cursor.forgotten() < cursor.since(), "what is listed again is known again");
        }
    }

    #[test]
    fn a_clock_that_falls_back_a_little_or_once_moves_nothing_back() {
        let mut cursor = Cursor::at(at(10_000));
        cursor.read(at(20_000));
        let before = cursor.since();
        for asked in [19_800, 19_900, 12_000, 20_000, 12_000, 19_999] {
            cursor.read(at(asked));
            assert_eq!(cursor.since(), before, "asked at {asked}");
        }
    }

    #[test]
    fn no_event_is_missed_after_a_clock_that_was_once_far_ahead() {
        for every in [5, 60, 4_000] {
            for wrong in [0, 7] {
                let now = |nth: i64| nth * every;
                let mut cursor = Cursor::at(at(0));
                let mut read_from = Vec::new();
                for nth in 0..20 {
                    read_from.push((now(nth), cursor.since().as_unix()));
                    cursor.read(at(now(nth) + if nth == wrong { 90 * 86_400 } else { 0 }));
                }
                for created in now(wrong)..now(18) {
                    let read = read_from.iter().any(|&(now, since)| created >= since && created <= now);
                    assert!(read, "made at {created}, polled every {every} s, wrong at poll {wrong}");
                }
            }
        }
    }
}
