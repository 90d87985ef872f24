//! Folders of what tasks run: state, locks and logs. All are made here, so that none stays behind when
//! all went well, and all that a failure left are named.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::sync::{Mutex, PoisonError};

use anyhow::Context as _;

/// Those that are there.
static MADE: Mutex<BTreeSet<PathBuf>> = Mutex::new(BTreeSet::new());

/// Makes a folder, or gives the one that was made for the same purpose before.
pub(crate) fn make(purpose: &str) -> anyhow::Result<PathBuf> {
    let folder = std::env::temp_dir().join(format!("tamesuke-{purpose}-{}", std::process::id()));
    std::fs::create_dir_all(&folder).with_context(|| format!("{} can't be made", folder.display()))?;
    MADE.lock().unwrap_or_else(PoisonError::into_inner).insert(folder.clone());
    Ok(folder)
}

/// Removes all that were made since the last call, or keeps them and says where they are.
pub(crate) fn settle(went_well: bool) {
    let made = std::mem::take(&mut *MADE.lock().unwrap_or_else(PoisonError::into_inner));
    if went_well {
        for folder in made {
            if let Err(error) = std::fs::remove_dir_all(&folder) {
                eprintln!("{} stays behind: {error}", folder.display());
            }
        }
        return;
    }
    // Most failures have one; of hundreds of worlds each names the number of its port.
    for folder in made.iter().filter(|folder| folder.join("server.log").exists()) {
        eprintln!("kept: {}", folder.display());
    }
    for folder in made.iter().filter(|folder| !folder.join("server.log").exists()) {
        // Nothing was said in it; best effort.
        let _gone = std::fs::remove_dir_all(folder);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_went_well_leaves_nothing_and_a_failure_leaves_its_log() {
        let good = make("folders-good").unwrap();
        assert_eq!(good, make("folders-good").unwrap());
        settle(true);
        assert!(!good.exists());
        let (said, silent) = (make("folders-said").unwrap(), make("folders-silent").unwrap());
        std::fs::write(said.join("server.log"), "why").unwrap();
        settle(false);
        assert!(said.exists() && !silent.exists());
        std::fs::remove_dir_all(said).unwrap();
    }
}
