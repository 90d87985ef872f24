//! Callers who are slow, or never come to an end: they get an answer where there is somebody to answer,
//! and hold their connection no longer than the limits.

use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::client::{Answer, JSON, ORDER, PATIENCE, SIGNED, Then, goes_on, one_answer, send, until_closed};
use crate::serve::{REQUEST_TIME_MAX, STALL_TIME_MAX, serve};

#[actix_web::test]
async fn a_body_that_does_not_come_is_waited_for_no_longer_than_the_limit() {
    let address = serve().await;
    for path in [ORDER, "/webhook/stripe"] {
        let head =
            format!("POST {path} HTTP/1.1\r\nHost: x\r\n{SIGNED}Content-Type: {JSON}\r\nContent-Length: 100\r\n\r\n{{");
        send(address, head.as_bytes(), Then::Wait).await.is(408, "request_timeout");
    }
    goes_on(address).await;
}

#[actix_web::test]
async fn a_body_that_drips_does_not_win_time_with_each_drop() {
    let address = serve().await;
    let (mut from, mut to) = TcpStream::connect(address).await.unwrap().into_split();
    let head = format!("POST {ORDER} HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nContent-Length: 10000\r\n\r\n");
    to.write_all(head.as_bytes()).await.unwrap();
    let drips = async {
        // More drops than fit into the limit, far fewer than the announced length.
        while to.write_all(b" ").await.is_ok() {
            tokio::time::sleep(REQUEST_TIME_MAX / 20).await;
        }
    };
    let mut answer = Vec::new();
    let read = async { from.read_to_end(&mut answer).await };
    tokio::time::timeout(PATIENCE, async {
        // A drop that finds the door closed is no end: the answer may still be on its way.
        let drips = async {
            drips.await;
            std::future::pending::<()>().await;
        };
        tokio::select! { _ = read => {}, () = drips => {} }
    })
    .await
    .expect("an end");
    Answer::read(&answer).is(408, "request_timeout");
}

#[actix_web::test]
async fn a_head_that_does_not_come_ends_its_connection() {
    let address = serve().await;
    for begun in ["GET /health HTTP/1.1\r\nHost: x\r\nX-Slow: ", "G", "POST /webhook/stripe HTTP/1.1\r\n"] {
        let answer = send(address, begun.as_bytes(), Then::Wait).await;
        assert_eq!((answer.status, answer.body.as_str()), (408, ""));
    }
    goes_on(address).await;
}

#[actix_web::test]
async fn a_second_head_that_drips_in_ends_its_connection() {
    let address = serve().await;
    let (mut from, mut to) = TcpStream::connect(address).await.unwrap().into_split();
    to.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\nGET /health HTTP/1.1\r\nX-Slow: ").await.unwrap();
    one_answer(&mut from).await;
    let drips = until_closed(&mut to, b"a", STALL_TIME_MAX / 30);
    tokio::time::timeout(PATIENCE, drips).await.expect("an end");
    goes_on(address).await;
}

#[actix_web::test]
async fn a_refused_body_that_goes_on_for_ever_ends_its_connection() {
    let address = serve().await;
    let (mut from, mut to) = TcpStream::connect(address).await.unwrap().into_split();
    let head =
        format!("POST {ORDER} HTTP/1.1\r\nHost: x\r\nContent-Type: text/plain\r\nTransfer-Encoding: chunked\r\n\r\n");
    to.write_all(head.as_bytes()).await.unwrap();
    one_answer(&mut from).await.is(400, "body_malformed");
    let flood = until_closed(&mut to, b"5\r\naaaaa\r\n", STALL_TIME_MAX / 30);
    tokio::time::timeout(PATIENCE, flood).await.expect("an end");
    goes_on(address).await;
}

#[actix_web::test]
async fn an_answer_that_nobody_takes_ends_its_connection() {
    let address = serve().await;
    let (_from, mut to) = TcpStream::connect(address).await.unwrap().into_split();
    // Answers pile up until neither side has room for more; none is ever read.
    let asks = until_closed(&mut to, b"GET /assets/js/texts.js HTTP/1.1\r\nHost: x\r\n\r\n", Duration::ZERO);
    tokio::time::timeout(PATIENCE, asks).await.expect("an end");
    goes_on(address).await;
}

#[actix_web::test]
async fn a_connection_at_rest_is_not_taken_for_a_stalled_one() {
    let address = serve().await;
    let (mut from, mut to) = TcpStream::connect(address).await.unwrap().into_split();
    for _ in 0..2 {
        to.write_all(b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n").await.unwrap();
        assert_eq!(one_answer(&mut from).await.status, 200);
        // Not a limit that is asserted on: the pause is longer than the stall limit, that is all.
        tokio::time::sleep(STALL_TIME_MAX + STALL_TIME_MAX / 5).await;
    }
}
