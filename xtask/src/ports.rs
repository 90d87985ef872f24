//! Ports of the services that tasks start.

use std::collections::hash_map::RandomState;
use std::hash::BuildHasher as _;
use std::net::TcpListener;
use std::ops::Range;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::bail;

/// Ports that the system gives to nobody who asks for any (Linux and macOS begin above them): between the asking
/// and a service's start none of the many connections of other worlds can take one.
const PORTS: Range<u16> = 20_000..32_000;

/// A port that is free now, and that no other world of this process is given.
pub(crate) fn free_port() -> anyhow::Result<u16> {
    // Other processes begin elsewhere.
    static NEXT: LazyLock<AtomicU64> =
        LazyLock::new(|| AtomicU64::new(RandomState::new().hash_one(std::process::id())));
    let many = u64::from(PORTS.end - PORTS.start);
    for _ in PORTS {
        let nth = NEXT.fetch_add(1, Ordering::Relaxed) % many;
        let port = PORTS.start + u16::try_from(nth)?;
        if TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return Ok(port);
        }
    }
    bail!("no port of {PORTS:?} is free")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nobody_is_given_a_port_that_another_has_or_was_given() {
        let held: Vec<TcpListener> =
            (0..50).map(|_| TcpListener::bind(("127.0.0.1", free_port().unwrap())).unwrap()).collect();
        let given: Vec<u16> = (0..50).map(|_| free_port().unwrap()).collect();
        let mut all: Vec<u16> = held.iter().map(|held| held.local_addr().unwrap().port()).chain(given).collect();
        all.sort_unstable();
        all.dedup();
        assert_eq!(all.len(), 100);
        assert!(all.iter().all(|port| PORTS.contains(port)));
    }
}
