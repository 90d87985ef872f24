//! What happened, as one hash always and as lines where somebody wants to read them.

use std::collections::VecDeque;

/// Lines that are kept for a report.
const KEPT_MAX: usize = 20_000;

/// How much of a seed is written down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Detail {
    /// The hash alone.
    Hash,
    /// Lines too.
    Lines,
}

/// What happened.
#[derive(Debug)]
pub struct Trace {
    hash: u64,
    detail: Detail,
    lines: VecDeque<String>,
}

impl Trace {
    /// Nothing yet.
    pub fn new(detail: Detail) -> Self {
        Self { hash: 0xCBF2_9CE4_8422_2325, detail, lines: VecDeque::new() }
    }

    /// Notes something: what, and two numbers that tell it from others; `text` is asked for only where
    /// lines are kept.
    pub fn note(&mut self, now: u64, what: &'static str, (a, b): (u64, u64), text: impl FnOnce() -> String) {
        let first = what.as_bytes().first().copied().unwrap_or(0);
        let word = u64::from(first) ^ (u64::try_from(what.len()).unwrap_or(0) << 8);
        for part in [now, word, a, b] {
            self.hash = (self.hash ^ part).wrapping_mul(0x0100_0000_01B3).rotate_left(23);
        }
        if self.detail == Detail::Lines {
            if self.lines.len() == KEPT_MAX {
                self.lines.pop_front();
            }
            let (secs, millis) = (now / 1_000, now % 1_000);
            self.lines.push_back(format!("{secs:>7}.{millis:03} {what:<9} {}", text()));
        }
    }

    /// Whether lines are kept.
    pub fn has_lines(&self) -> bool {
        self.detail == Detail::Lines
    }

    /// The hash of everything so far.
    pub fn hash(&self) -> u64 {
        self.hash
    }

    /// The lines kept.
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.lines.iter().map(String::as_str)
    }
}
