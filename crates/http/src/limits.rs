//! How often one visitor may ask, and who a visitor is: behind a tunnel every one has the tunnel's
//! address, so a proxy that is trusted is believed about whom it speaks for.

mod streams;

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use actix_web::HttpRequest;
use moka::sync::Cache;

use crate::problem::Problem;

pub use streams::{Place, STREAMS_PER_VISITOR_MAX, Streams};

/// The window that requests are counted in.
const WINDOW: Duration = Duration::from_secs(60);
/// Most visitors that are remembered.
const VISITORS_MAX: u64 = 100_000;

/// A limit of requests a minute for each visitor.
pub struct Limit {
    seen: Cache<IpAddr, Arc<AtomicU32>>,
    per_minute: u32,
}

impl Limit {
    /// A limit; 0 is none.
    pub fn per_minute(per_minute: u32) -> Self {
        Self { seen: Cache::builder().max_capacity(VISITORS_MAX).time_to_live(WINDOW).build(), per_minute }
    }

    /// Counts a request, or refuses it.
    pub fn admit(&self, request: &HttpRequest, trusted: &[IpAddr]) -> Result<(), Problem> {
        if self.per_minute == 0 {
            return Ok(());
        }
        let Some(visitor) = visitor(request, trusted) else {
            return Ok(());
        };
        let count = self.seen.get_with(visitor, Arc::default);
        if count.fetch_add(1, Ordering::Relaxed) < self.per_minute {
            return Ok(());
        }
        Err(Problem::too_many(WINDOW.as_secs()))
    }
}

/// The visitor's address: the peer's, unless the peer is trusted to name another.
pub fn visitor(request: &HttpRequest, trusted: &[IpAddr]) -> Option<IpAddr> {
    let peer = request.peer_addr()?.ip();
    if !trusted.contains(&peer) {
        return Some(peer);
    }
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    if let Some(address) = header("cf-connecting-ip").and_then(|text| text.trim().parse().ok()) {
        return Some(address);
    }
    let forwarded = header("x-forwarded-for").unwrap_or_default();
    let nearest = forwarded.rsplit(',').filter_map(|text| text.trim().parse().ok()).find(|ip| !trusted.contains(ip));
    nearest.or(Some(peer))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::problem::Code;
    use actix_web::test::TestRequest;

    fn request(peer: &str, forwarded: &str) -> HttpRequest {
        let request = TestRequest::default().peer_addr(format!("{peer}:1").parse().unwrap());
        request.insert_header(("x-forwarded-for", forwarded)).to_http_request()
    }

    #[test]
    fn only_a_trusted_proxy_is_believed_about_the_visitor() {
        let trusted = ["127.0.0.1".parse().unwrap()];
        let seen = |peer, forwarded| visitor(&request(peer, forwarded), &trusted).unwrap().to_string();
        assert_eq!(seen("127.0.0.1", "9.9.9.9, 8.8.8.8"), "8.8.8.8");
        assert_eq!(seen("127.0.0.1", "9.9.9.9, 127.0.0.1"), "9.9.9.9");
        assert_eq!(seen("7.7.7.7", "9.9.9.9"), "7.7.7.7");
        assert_eq!(seen("127.0.0.1", "nonsense"), "127.0.0.1");
    }

    #[test]
    fn the_request_past_the_limit_is_refused() {
        let limit = Limit::per_minute(2);
        let request = request("7.7.7.7", "");
        assert!(limit.admit(&request, &[]).is_ok() && limit.admit(&request, &[]).is_ok());
        assert_eq!(limit.admit(&request, &[]).unwrap_err().code(), Code::TooManyRequests);
    }
}
