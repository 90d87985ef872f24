//! Files that the configuration names. They are looked at once, at the start: a run that can't start would
//! cost a customer eight attempts and the operator a refund.

use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use tamesuke_provisioner::tls::{Trust, client_config};

use super::reader::Reader;

/// Where programs are looked for if nothing says so, as `execvp` does.
const PATH_DEFAULT: &str = "/bin:/usr/bin";

impl Reader {
    /// A file that must be there.
    pub(super) fn file(&mut self, name: &'static str) -> PathBuf {
        let path = PathBuf::from(self.text(name));
        if !path.is_file() {
            self.blame(name, format!("{} is no file", path.display()));
        }
        path
    }

    /// A program: a path, or a bare name that is found on the `PATH` which its process will get.
    pub(super) fn program(&mut self, name: &'static str) -> PathBuf {
        let path = PathBuf::from(self.text(name));
        let found = if path.components().count() > 1 {
            is_program(&path)
        } else {
            let folders = self.given.get("PATH").map_or(PATH_DEFAULT, String::as_str);
            std::env::split_paths(folders).any(|folder| is_program(&folder.join(&path)))
        };
        if !found {
            self.blame(name, format!("{} is no program that can be run", path.display()));
        }
        path
    }

    /// A file of certificates, if one is given and reads.
    pub(super) fn certificates(&mut self, name: &'static str) -> Option<PathBuf> {
        let path = PathBuf::from(self.optional(name)?);
        match client_config(&Trust::CaFile(path.clone())) {
            Ok(_) => Some(path),
            Err(error) => {
                let cause = std::error::Error::source(&error).map_or_else(String::new, |cause| format!(": {cause}"));
                self.blame(name, format!("{error}{cause}"));
                None
            }
        }
    }
}

fn is_program(path: &Path) -> bool {
    path.metadata().is_ok_and(|about| about.is_file() && about.permissions().mode() & 0o111 != 0)
}
