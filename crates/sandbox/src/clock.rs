//! The world's clock: real time plus all jumps. Webhook signatures carry real time instead.

use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

/// The clock of everything outside.
#[derive(Debug, Default)]
pub(crate) struct WorldClock {
    offset_secs: AtomicI64,
}

/// Milliseconds since 1970 by this machine.
pub(crate) fn real_millis() -> i64 {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock the imitated world runs on")]
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_millis()).unwrap_or(i64::MAX)
}

/// Seconds since 1970 by this machine.
pub(crate) fn real_now() -> i64 {
    real_millis() / 1_000
}

impl WorldClock {
    pub(crate) fn now(&self) -> i64 {
        self.now_millis() / 1_000
    }

    pub(crate) fn now_millis(&self) -> i64 {
        real_millis() + self.offset_secs() * 1_000
    }

    pub(crate) fn offset_secs(&self) -> i64 {
        self.offset_secs.load(Ordering::SeqCst)
    }

    pub(crate) fn jump(&self, seconds: i64) {
        self.offset_secs.fetch_add(seconds, Ordering::SeqCst);
    }
}

/// `2026-11-24T10:00:00.000000Z`, as Cloudflare writes it.
pub(crate) fn iso(unix: i64) -> String {
    let (days, secs) = (unix.div_euclid(86_400), unix.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    format!("{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.000000Z", secs / 3_600, secs / 60 % 60, secs % 60)
}

/// `Tue, 24 Nov 2026 10:00:00 GMT`, as HTTP writes it.
pub(crate) fn http_date(unix: i64) -> String {
    const DAYS: [&str; 7] = ["Thu", "Fri", "Sat", "Sun", "Mon", "Tue", "Wed"];
    const MONTHS: [&str; 12] = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let (days, secs) = (unix.div_euclid(86_400), unix.rem_euclid(86_400));
    let (year, month, day) = civil(days);
    let weekday = usize::try_from(days.rem_euclid(7)).ok().and_then(|index| DAYS.get(index)).unwrap_or(&"Thu");
    let month = usize::try_from(month - 1).ok().and_then(|index| MONTHS.get(index)).unwrap_or(&"Jan");
    format!("{weekday}, {day:02} {month} {year:04} {:02}:{:02}:{:02} GMT", secs / 3_600, secs / 60 % 60, secs % 60)
}

/// Year, month and day of a day since 1970 (Hinnant's `civil_from_days`).
fn civil(days: i64) -> (i64, i64, i64) {
    let z = days + 719_468;
    let era = z.div_euclid(146_097);
    let doe = z.rem_euclid(146_097);
    let yoe = (doe - doe / 1_460 + doe / 36_524 - doe / 146_096) / 365;
    let doy = doe - (365 * yoe + yoe / 4 - yoe / 100);
    let mp = (5 * doy + 2) / 153;
    let month = if mp < 10 { mp + 3 } else { mp - 9 };
    let year = yoe + era * 400 + i64::from(month <= 2);
    (year, month, doy - (153 * mp + 2) / 5 + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_written_as_the_systems_write_them() {
        assert_eq!(iso(1_790_000_000), "2026-09-21T14:13:20.000000Z");
        assert_eq!(http_date(1_790_000_000), "Mon, 21 Sep 2026 14:13:20 GMT");
        assert_eq!(http_date(0), "Thu, 01 Jan 1970 00:00:00 GMT");
        assert_eq!(iso(1_709_164_800), "2024-02-29T00:00:00.000000Z");
    }
}
