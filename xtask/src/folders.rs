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

/// Removes all that were made since the last call, or keeps them and says where they are.
pub(crate) fn settle(went_well: bool) {
    let made = MADE.lock().unwrap_or_else(PoisonError::into_inner).clone();
    if went_well {
        for folder in &made {
            remove(folder);
        }
        return;
    }
    MADE.lock().unwrap_or_else(PoisonError::into_inner).clear();
    // Most failures have one; of hundreds of worlds each names the number of its port.
    let said: Vec<_> = made.iter().filter(|folder| folder.join("server.log").exists()).collect();
    for folder in &said {
        eprintln!("kept: {}", folder.display());
    }
    // Where the folder goes with the machine, as in CI, these lines are all there is.
    if let [folder] = said[..] {
        eprintln!("{}", last_lines(&folder.join("server.log")));
    }
    for folder in made.iter().filter(|folder| !folder.join("server.log").exists()) {
        // Nothing was said in it; best effort.
        let _gone = std::fs::remove_dir_all(folder);
    }
}

/// The end of a log.
fn last_lines(log: &Path) -> String {
    let text = match std::fs::read(log) {
        Ok(bytes) => String::from_utf8_lossy(&bytes).into_owned(),
        Err(error) => return format!("{} can't be read: {error}", log.display()),
    };
    let lines: Vec<&str> = text.lines().collect();
    format!("its last lines:\n{}", lines[lines.len().saturating_sub(LINES)..].join("\n"))
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
        assert_eq!(last_lines(&said.join("server.log")), "its last lines:\nwhy");
        std::fs::remove_dir_all(said).unwrap();
    }
}
