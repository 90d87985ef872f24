//! How often one visitor may ask, and who a visitor is: behind a tunnel every one has the tunnel's
//! address, so a proxy that is trusted is believed about whom it speaks for.

mod streams;

use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use actix_web::HttpRequest;
use moka::sync::Cache;

use crate::problem::Problem;

pub use streams::{Place, STREAMS_PER_VISITOR_MAX, Streams};

/// The bits of an IPv6 address that name a network: whoever has one address of it has all 2^64.
const NETWORK_BITS: u32 = 64;
/// Most visitors that are remembered.
const VISITORS_MAX: u64 = 100_000;

/// A limit of requests for each visitor, within a window that opens with a visitor's first one.
pub struct Limit {
    seen: Cache<IpAddr, Arc<AtomicU32>>,
    requests_max: u32,
    window: Duration,
}

/// A request's place in its visitor's count.
#[derive(Debug)]
pub struct Counted(Option<Arc<AtomicU32>>);

impl Counted {
    /// Takes the request out of the count again, as if it had not been made.
    pub fn give_back(self) {
        if let Some(count) = self.0 {
            // It was counted once and this can be called once, so it is never below one here.
            count.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Limit {
    /// A limit of requests within a window; 0 is none.
    pub fn new(requests_max: u32, window: Duration) -> Self {
        Self { seen: Cache::builder().max_capacity(VISITORS_MAX).time_to_live(window).build(), requests_max, window }
    }

    /// A limit of requests a minute; 0 is none.
    pub fn per_minute(requests_max: u32) -> Self {
        Self::new(requests_max, Duration::from_secs(60))
    }

    /// Counts a request, or refuses it; one that is refused is not counted.
    pub fn admit(&self, request: &HttpRequest, trusted: &[IpAddr]) -> Result<Counted, Problem> {
        if self.requests_max == 0 {
            return Ok(Counted(None));
        }
        let Some(visitor) = visitor(request, trusted) else {
            return Ok(Counted(None));
        };
        let count = self.seen.get_with(visitor, Arc::default);
        let one_more = |count: u32| (count < self.requests_max).then_some(count + 1);
        match count.fetch_update(Ordering::Relaxed, Ordering::Relaxed, one_more) {
            Ok(_) => Ok(Counted(Some(count))),
            Err(_) => Err(Problem::too_many(self.window.as_secs())),
        }
    }
}

/// The visitor: the peer's address, unless the peer is trusted to name another. Of an IPv6 address only
/// the network, and an IPv4 address that is written as an IPv6 one is that IPv4 address.
pub fn visitor(request: &HttpRequest, trusted: &[IpAddr]) -> Option<IpAddr> {
    address(request, trusted).map(network)
}

fn address(request: &HttpRequest, trusted: &[IpAddr]) -> Option<IpAddr> {
    // A listener on [::] shows an IPv4 peer as ::ffff:a.b.c.d.
    let peer = request.peer_addr()?.ip().to_canonical();
    let is_trusted = |ip: &IpAddr| trusted.iter().any(|proxy| proxy.to_canonical() == *ip);
    if !is_trusted(&peer) {
        return Some(peer);
    }
    let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
    let parsed = |text: &str| text.trim().parse::<IpAddr>().ok().map(|ip| ip.to_canonical());
    if let Some(address) = header("cf-connecting-ip").and_then(parsed) {
        return Some(address);
    }
    let forwarded = header("x-forwarded-for").unwrap_or_default();
    let nearest = forwarded.rsplit(',').filter_map(parsed).find(|ip| !is_trusted(ip));
    nearest.or(Some(peer))
}

fn network(address: IpAddr) -> IpAddr {
    match address {
        IpAddr::V4(_) => address,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() & !(u128::MAX >> NETWORK_BITS))),
    }
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
    fn an_ipv4_address_in_ipv6_clothes_is_that_address() {
        let trusted = ["127.0.0.1".parse().unwrap()];
        let seen = |peer, forwarded| visitor(&request(peer, forwarded), &trusted).unwrap().to_string();
        assert_eq!(seen("[::ffff:127.0.0.1]", "9.9.9.9, 8.8.8.8"), "8.8.8.8");
        assert_eq!(seen("[::ffff:127.0.0.1]", "9.9.9.9, ::ffff:127.0.0.1"), "9.9.9.9");
        assert_eq!(seen("[::ffff:7.7.7.7]", "9.9.9.9"), "7.7.7.7");
        let written_so = ["::ffff:127.0.0.1".parse().unwrap()];
        assert_eq!(visitor(&request("127.0.0.1", "9.9.9.9"), &written_so).unwrap().to_string(), "9.9.9.9");
        let named = TestRequest::default().peer_addr("127.0.0.1:1".parse().unwrap());
        let named = named.insert_header(("cf-connecting-ip", "::ffff:9.9.9.9")).to_http_request();
        assert_eq!(visitor(&named, &trusted).unwrap().to_string(), "9.9.9.9");
    }

    #[test]
    fn all_addresses_of_an_ipv6_network_are_one_visitor() {
        let trusted = ["::1".parse().unwrap()];
        let seen = |peer, forwarded| visitor(&request(peer, forwarded), &trusted).unwrap().to_string();
        assert_eq!(seen("[2001:db8:1:2:3:4:5:6]", ""), "2001:db8:1:2::");
        assert_eq!(seen("[::1]", "2001:db8:1:2:ffff::1"), "2001:db8:1:2::");
        assert_ne!(seen("[2001:db8:1:3::1]", ""), "2001:db8:1:2::");
        let limit = Limit::per_minute(1);
        assert!(limit.admit(&request("[2001:db8:1:2::1]", ""), &[]).is_ok());
        assert!(limit.admit(&request("[2001:db8:1:2::2]", ""), &[]).is_err());
        assert!(limit.admit(&request("[2001:db8:1:3::1]", ""), &[]).is_ok());
    }

    #[test]
    fn the_request_past_the_limit_is_refused() {
        let limit = Limit::per_minute(2);
        let request = request("7.7.7.7", "");
        assert!(limit.admit(&request, &[]).is_ok() && limit.admit(&request, &[]).is_ok());
        assert_eq!(limit.admit(&request, &[]).unwrap_err().code(), Code::TooManyRequests);
    }

    #[test]
    fn what_is_given_back_was_not_asked_for_however_many_were_refused_meanwhile() {
        let limit = Limit::per_minute(2);
        let request = request("7.7.7.7", "");
        let (first, _second) = (limit.admit(&request, &[]).unwrap(), limit.admit(&request, &[]).unwrap());
        assert!((0..5).all(|_| limit.admit(&request, &[]).is_err()));
        first.give_back();
        assert!(limit.admit(&request, &[]).is_ok(), "one more has room");
        assert!(limit.admit(&request, &[]).is_err(), "and no second one");
    }
}
