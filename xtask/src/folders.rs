//! Folders of what tasks run: state, locks and logs. All are made here, so that none stays behind when
//! all went well, and all that a failure left are named.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;

/// How much of a log is repeated.
const LINES: usize = 40;

/// Those that are there.
static MADE: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Makes a folder, or gives the one that was made for the same purpose before.
pub(crate) fn make(purpose: &str) -> anyhow::Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("tamesuke-{purpose}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("{} can't be made", folder.display()))?;
    MADE.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.clone());
    Ok(folder)
}

/// Removes the folder of a world that went well, so that a failure of another one names its own alone.
pub(crate) fn remove(folder: &Path) {
    MADE.lock().unwrap_or_else(PoisonError::into_inner).remove(folder);
    if let Err(error) = std::fs::remove_dir_all(folder) {
        eprintln!("{} stays behind: {error}", folder.display());
    }
}

/// Removes all that were made since the last call, or keeps those with a log and says where they are and how
/// the log ends. It is said nowhere else, so that it is said once.
pub(crate) fn settle(went_well: bool) {
    let made = MADE.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if went_well {
        for folder in &made {
            remove(folder);
        }
        return;
    }
    MADE.lock().unwrap_or_else(PoisonError::into_inner).clear();
    for folder in &made {
        let log = folder.join("server.log");
        if log.exists() {
            // Where the folder goes with the machine, as in CI, these lines are all there is.
            eprintln!("kept: {}, which ends with:\n{}", log.display(), last_lines(&log));
        } else {
            // Nothing was said in it; best effort.
            let _gone = std::fs::remove_dir_all(folder);
        }
    }
}

/// The end of a log.
fn last_lines(log: &Path) -> String {
    let text = match std::fs::read(log) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => return format!("{} can't be read: {error}", log.display()),
    };
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LINES)..].join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_well_leaves_nothing_and_a_failure_leaves_its_log() {
        let good = make("folders-good").unwrap();
        assert_eq!(good, make("folders-good").unwrap());
        let other = make("folders-other").unwrap();
        remove(&good);
        assert!(!good.exists() && other.exists());
        settle(true);
        assert!(!other.exists());
        let (said, silent) = (make("folders-said").unwrap(), make("folders-silent").unwrap());
        std::fs::write(said.join("server.log"), "why").unwrap();
        settle(false);
        assert!(said.exists() && !silent.exists());
        std::fs::remove_dir_all(said).unwrap();
    }

    #[test]
    fn of_a_log_the_end_is_repeated_whatever_bytes_are_in_it() {
        // No folder of those above: the other test removes them all.
        let log = std::env::temp_dir().join(format!("tamesuke-log-{}", std::process::id()));
        let lines: Vec<String> = (0..=LINES).map(|n| format!("line {n}")).collect();
        std::fs::write(&log, lines.join("\n")).unwrap();
        assert_eq!(last_lines(&log), lines[1..].join("\n"));
        std::fs::write(&log, b"why\xff\nnot\n").unwrap();
        assert_eq!(last_lines(&log), "why\u{fffd}\nnot");
        std::fs::remove_file(&log).unwrap();
        assert!(last_lines(&log).contains("can't be read"));
    }
}
