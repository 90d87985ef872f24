//! How a check speaks: a line for each thing, and under what fails the command or setting that mends it.

use std::io::Write as _;

/// The lines on standard output, and whether all was well.
pub(super) struct Report {
    pub(super) well: bool,
}

impl Report {
    pub(super) fn line(&mut self, what: &str, verdict: Result<String, String>, mend: &str) -> std::io::Result<()> {
        let mut out = std::io::stdout().lock();
        match verdict {
            Ok(detail) => writeln!(out, "✓ {what}: {detail}"),
            Err(why) => {
                self.well = false;
                writeln!(out, "✗ {what}: {why}\n    mend it: {mend}")
            }
        }
    }

    /// Something that works, but hardly as the operator wants it: no failure.
    #[expect(clippy::unused_self, reason = "an aside is part of a report, though it changes no verdict")]
    pub(super) fn aside(&self, what: &str, detail: &str, better: &str) -> std::io::Result<()> {
        writeln!(std::io::stdout().lock(), "– {what}: {detail}\n    better: {better}")
    }
}
