//! What was asked of every system. The newest hundred thousand requests are kept.

use std::collections::VecDeque;
use std::sync::Mutex;

use serde::Serialize;

use crate::world::lock;

const KEPT_MAX: usize = 100_000;

#[derive(Debug, Clone, Serialize)]
pub(crate) struct Entry {
    pub(crate) seq: u64,
    pub(crate) at_ms: i64,
    pub(crate) world_now: i64,
    pub(crate) service: &'static str,
    pub(crate) method: String,
    pub(crate) path: String,
    pub(crate) query: String,
    pub(crate) user_agent: String,
    pub(crate) body: Option<String>,
    pub(crate) status: u16,
    /// The answer, where the settings ask for it to be kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) answer: Option<String>,
    pub(crate) duration_us: u64,
    pub(crate) fault: Option<u64>,
}

#[derive(Debug, Default)]
pub(crate) struct RequestLog(Mutex<(u64, VecDeque<Entry>)>);

impl RequestLog {
    pub(crate) fn push(&self, mut entry: Entry) {
        let mut log = lock(&self.0);
        log.0 += 1;
        entry.seq = log.0;
        if log.1.len() >= KEPT_MAX {
            log.1.pop_front();
        }
        log.1.push_back(entry);
    }

    pub(crate) fn since(&self, seq: u64, service: Option<&str>) -> Vec<Entry> {
        let wanted = |entry: &&Entry| entry.seq > seq && service.is_none_or(|service| entry.service == service);
        lock(&self.0).1.iter().filter(wanted).cloned().collect()
    }

    pub(crate) fn clear(&self) {
        lock(&self.0).1.clear();
    }
}
