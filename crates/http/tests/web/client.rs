//! A caller with bare hands: it writes bytes and reads what comes.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// Nothing here may hang; a test that does fails.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or_else(|_| panic!("no JSON: {} {:?}", self.status, self.body))
    }

    #[track_caller]
    pub(crate) fn is(&self, status: u16, code: &str) {
        assert_eq!(self.status, status, "{}", self.body);
        let body = self.json();
        assert_eq!(body["code"], code, "{body}");
        assert!(body["detail"].as_str().is_some_and(|detail| detail.len() > 5), "{body}");
    }

    pub(crate) fn read(text: &[u8]) -> Self {
        let text = String::from_utf8(text.to_vec()).expect("the service speaks UTF-8");
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or_else(|| panic!("no answer: {text:?}"));
        let status = head.split(' ').nth(1).and_then(|status| status.parse().ok()).expect("a status line");
        Self { status, head: head.to_ascii_lowercase(), body: body.to_owned() }
    }
}

/// What a caller does once the request is written.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Then {
    /// Waits for the answer.
    Wait,
    /// Says that nothing more comes.
    Close,
}

/// Writes bytes and reads to the end of the connection.
pub(crate) async fn send(address: SocketAddr, request: &[u8], then: Then) -> Answer {
    let exchange = async {
        let (mut from, mut to) = TcpStream::connect(address).await.unwrap().into_split();
        // The service may answer and close before all is written; what it said is still to be read.
        let written = async {
            if to.write_all(request).await.is_ok() && then == Then::Close {
                let _ = to.shutdown().await;
            }
            to
        };
        let mut answer = Vec::new();
        let (_to, _ended) = tokio::join!(written, from.read_to_end(&mut answer));
        answer
    };
    Answer::read(&tokio::time::timeout(PATIENCE, exchange).await.expect("an answer and the end of the connection"))
}

pub(crate) fn get(target: &str) -> Vec<u8> {
    format!("GET {target} HTTP/1.1\r\nHost: x\r\nAccept-Language: en\r\nConnection: close\r\n\r\n").into_bytes()
}

pub(crate) fn post(path: &str, content_type: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: x\r\nAccept-Language: en\r\nConnection: close\r\nContent-Type: {content_type}\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    [head.as_bytes(), body].concat()
}

pub(crate) const JSON: &str = "application/json";
pub(crate) const ORDER: &str = "/api/create-checkout";
pub(crate) const WEBHOOK: &str = "/webhook/stripe";
/// A signature that does not fit.
pub(crate) const SIGNED: &str = "Stripe-Signature: t=1,v1=00\r\n";

/// The service still does what it should.
pub(crate) async fn goes_on(address: SocketAddr) {
    let answer = send(address, &get("/api/check-subdomain?subdomain=acme"), Then::Wait).await;
    assert_eq!(answer.status, 200, "{} {}", answer.head, answer.body);
    assert_eq!(answer.json()["available"], true);
}

/// Reads one answer off a connection that stays open.
pub(crate) async fn one_answer(from: &mut (impl tokio::io::AsyncRead + Unpin)) -> Answer {
    let (mut seen, mut piece) = (Vec::new(), [0_u8; 4096]);
    loop {
        let read = from.read(&mut piece).await.unwrap();
        assert!(read > 0, "the connection ended: {:?}", String::from_utf8_lossy(&seen));
        seen.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&seen).into_owned();
        let length = text.split_once("\r\n\r\n").and_then(|(head, body)| {
            let length = head
                .to_ascii_lowercase()
                .split_once("content-length: ")?
                .1
                .split("\r\n")
                .next()?
                .parse::<usize>()
                .ok()?;
            (body.len() >= length).then_some(length)
        });
        if length.is_some() {
            return Answer::read(&seen);
        }
    }
}

/// Writes pieces until the service has had enough; gives how many bytes it let itself be sent.
pub(crate) async fn until_closed(
    to: &mut (impl tokio::io::AsyncWrite + Unpin),
    piece: &[u8],
    pause: Duration,
) -> usize {
    let mut sent = 0;
    while to.write_all(piece).await.is_ok() {
        sent += piece.len();
        tokio::time::sleep(pause).await;
    }
    sent
}
