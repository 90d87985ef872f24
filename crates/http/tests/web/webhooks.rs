//! Webhooks: what costs memory is read only for those who may be Stripe.

use std::net::SocketAddr;

use tokio::io::AsyncWriteExt as _;
use tokio::net::TcpStream;

use crate::client::{Answer, PATIENCE, SIGNED, Then, WEBHOOK, goes_on, one_answer, send};
use crate::serve::{serve, serve_patiently};

fn head(more: &[u8], length: usize) -> Vec<u8> {
    let end = format!("Content-Length: {length}\r\n\r\n");
    [format!("POST {WEBHOOK} HTTP/1.1\r\nHost: x\r\n").as_bytes(), more, end.as_bytes()].concat()
}

async fn answer(address: SocketAddr, more: &[u8], body: &[u8]) -> Answer {
    let more = [&b"Connection: close\r\n"[..], more].concat();
    let request = [&head(&more, body.len())[..], body].concat();
    send(address, &request, Then::Wait).await
}

#[actix_web::test]
async fn only_a_signature_that_reads_and_fits_is_taken() {
    let address = serve().await;
    let long = format!("Stripe-Signature: {}\r\n", "a".repeat(2_049));
    for refused in
        [&b""[..], b"Stripe-Signature: \r\n", b"Stripe-Signature: go\xffod\r\n", long.as_bytes(), SIGNED.as_bytes()]
    {
        answer(address, refused, b"{}").await.is(400, "signature_invalid");
    }
    let taken = answer(address, b"Stripe-Signature: good\r\n", b"{}").await;
    assert_eq!((taken.status, taken.body.as_str()), (200, r#"{"received":true}"#));
}

#[actix_web::test]
async fn an_unsigned_webhook_is_refused_before_its_body_comes() {
    let address = serve().await;
    let long = format!("Stripe-Signature: {}\r\n", "a".repeat(2_049));
    for unsigned in [&b""[..], b"Stripe-Signature: go\xffod\r\n", long.as_bytes()] {
        let mut connection = TcpStream::connect(address).await.unwrap();
        connection.write_all(&head(unsigned, 1_000_000)).await.unwrap();
        one_answer(&mut connection).await.is(400, "signature_invalid");
    }
    goes_on(address).await;
}

#[actix_web::test]
async fn of_large_bodies_only_so_many_are_read_at_once() {
    const LARGE: usize = 40_000;
    let (address, _) = serve_patiently().await;
    let mut waiting = Vec::new();
    for _ in 0..64 {
        let mut connection = TcpStream::connect(address).await.unwrap();
        connection.write_all(&head(SIGNED.as_bytes(), LARGE + 1)).await.unwrap();
        connection.write_all(&vec![b' '; LARGE]).await.unwrap();
        waiting.push(connection);
    }
    // The service may not have read all of them yet: until it has, one more finds a place.
    let full = async {
        loop {
            let refused = answer(address, SIGNED.as_bytes(), &vec![b' '; LARGE]).await;
            if refused.status == 503 {
                break refused;
            }
        }
    };
    tokio::time::timeout(PATIENCE, full).await.expect("no place is left").is(503, "busy");
    let small = answer(address, b"Stripe-Signature: good\r\n", b"{}").await;
    assert_eq!(small.status, 200, "{}", small.body);
    let mut first = waiting.pop().unwrap();
    first.write_all(b" ").await.unwrap();
    one_answer(&mut first).await.is(400, "signature_invalid");
    let large = [&vec![b' '; LARGE][..], b"{}"].concat();
    let large = answer(address, b"Stripe-Signature: good\r\n", &large).await;
    assert_eq!(large.status, 200, "{}", large.body);
}
