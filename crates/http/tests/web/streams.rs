//! Streams of events: each visitor gets a share of the connections, not all of them.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{Answer, PATIENCE, goes_on};
use crate::serve::serve;
use crate::world::OPEN;
use tamesuke_http::limits::STREAMS_PER_VISITOR_MAX;

/// Opens a stream as a visitor; gives what was answered at first, and the connection.
async fn watch(address: SocketAddr, visitor: &str) -> (Answer, TcpStream) {
    let mut connection = TcpStream::connect(address).await.unwrap();
    let request = format!(
        "GET /api/trials/{OPEN}/events HTTP/1.1\r\nHost: x\r\nAccept-Language: en\r\nCF-Connecting-IP: {visitor}\r\n\r\n"
    );
    connection.write_all(request.as_bytes()).await.unwrap();
    let (mut seen, mut piece) = (Vec::new(), [0_u8; 4096]);
    // A refusal's body and a stream's first event both end with one of these.
    while !(seen.ends_with(b"}") || seen.ends_with(b"\n\n\r\n")) {
        let read = tokio::time::timeout(PATIENCE, connection.read(&mut piece)).await.expect("an answer").unwrap();
        assert!(read > 0, "the connection ended: {:?}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&piece[..read]);
    }
    (Answer::read(&seen), connection)
}

#[actix_web::test]
async fn a_visitors_seventeenth_stream_is_refused_until_one_is_closed() {
    let address = serve().await;
    let mut open = Vec::new();
    for _ in 0..STREAMS_PER_VISITOR_MAX {
        let (answer, connection) = watch(address, "7.7.7.7").await;
        assert_eq!(answer.status, 200, "{}", answer.body);
        assert!(answer.body.contains("event: trial"), "{}", answer.body);
        open.push(connection);
    }
    let (refused, _) = watch(address, "7.7.7.7").await;
    refused.is(429, "too_many_requests");
    assert!(refused.json()["retry_after"].as_u64().is_some_and(|secs| secs > 0), "{}", refused.body);
    let (other, _) = watch(address, "8.8.8.8").await;
    assert_eq!(other.status, 200, "{}", other.body);
    // Closed hard, as by a tunnel that drops it: noticed at once. A soft end shows when a write fails.
    open.pop().unwrap().set_zero_linger().unwrap();
    let freed = async {
        while watch(address, "7.7.7.7").await.0.status != 200 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, freed).await.expect("a place that is free again");
    goes_on(address).await;
}
