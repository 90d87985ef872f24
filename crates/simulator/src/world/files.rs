//! The file server: one metadata file for each name, written whole or not at all.

use std::collections::BTreeMap;

use super::cloudflare::Maker;

/// A metadata file.
#[derive(Debug, Clone)]
pub struct File {
    /// The container it was written for.
    pub vmid: u32,
    /// The tunnel whose token it holds.
    pub tunnel: usize,
    /// Whose it truly is.
    pub maker: Maker,
}

/// All files, by name.
#[derive(Debug, Default)]
pub struct Files {
    /// By the label they are named after.
    pub files: BTreeMap<String, File>,
}

impl Files {
    /// The tunnel whose token a guest of that host name reads at its start.
    pub fn token_of(&self, hostname: &str) -> Option<usize> {
        self.files.get(hostname).map(|file| file.tunnel)
    }
}
