//! Ends TLS in front of a plain listener of ours.

use std::io::Error;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;
use tokio_rustls::TlsAcceptor;

/// The first byte of every TLS connection: a record of the handshake.
const HANDSHAKE: u8 = 22;
/// Longest head of a plain request that is read, in bytes.
const HEAD_MAX: usize = 8 * 1024;
/// How long a connection may take to begin, and a plain one to say what it wants.
const PLAIN_TIME_MAX: Duration = Duration::from_secs(10);

/// Accepts TLS for ever and hands what is inside to `inner`.
pub(crate) async fn terminate(listener: TcpListener, config: Arc<ServerConfig>, inner: SocketAddr) {
    let acceptor = TlsAcceptor::from(config);
    loop {
        match listener.accept().await {
            Ok((outer, _)) => {
                tokio::spawn(enter(acceptor.clone(), outer, inner));
            }
            Err(error) => tracing::warn!(%error, "a connection was not accepted"),
        }
    }
}

/// Ends the TLS of a connection; one that speaks plain HTTP is sent to https.
async fn enter(acceptor: TlsAcceptor, mut outer: TcpStream, inner: SocketAddr) {
    let mut first = [0];
    match timeout(PLAIN_TIME_MAX, outer.peek(&mut first)).await {
        Ok(Ok(_)) if first[0] != HANDSHAKE => {
            if let Ok(Err(error)) | Err(error) =
                timeout(PLAIN_TIME_MAX, redirect(&mut outer)).await.map_err(Error::from)
            {
                tracing::debug!(%error, "a plain connection ended early");
            }
        }
        Ok(Ok(_)) => hand_on(acceptor, outer, inner).await,
        Ok(Err(error)) => tracing::debug!(%error, "a connection ended before its first byte"),
        Err(_) => tracing::debug!("a connection said nothing"),
    }
}

/// Reads the head of a plain request and says where it belongs, as Proxmox does (contracts, 3.1).
async fn redirect(plain: &mut TcpStream) -> std::io::Result<()> {
    let mut head = Vec::new();
    while !head.windows(4).any(|end| end == b"\r\n\r\n") && head.len() < HEAD_MAX {
        if plain.read_buf(&mut head).await? == 0 {
            return Ok(());
        }
    }
    let own = plain.local_addr()?.to_string();
    plain.write_all(moved(&String::from_utf8_lossy(&head), &own).as_bytes()).await?;
    plain.shutdown().await
}

/// The answer to a plain request's head: the same at https, with the method kept where it is not GET or HEAD.
fn moved(head: &str, own: &str) -> String {
    let mut lines = head.split("\r\n");
    let mut request = lines.next().unwrap_or_default().split(' ');
    let (method, path) = (request.next().unwrap_or_default(), request.next().unwrap_or("/"));
    let is_host = |line: &&str| line.split(':').next().is_some_and(|name| name.eq_ignore_ascii_case("host"));
    let host = lines.find(is_host).and_then(|line| line.split_once(':')).map_or(own, |(_, host)| host.trim());
    let status = if matches!(method, "GET" | "HEAD") { "301 Moved Permanently" } else { "308 Permanent Redirect" };
    format!("HTTP/1.1 {status}\r\nLocation: https://{host}{path}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
}

/// Ends the TLS of one connection.
pub(crate) async fn hand_on<S>(acceptor: TlsAcceptor, outer: S, inner: SocketAddr)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let joined = async {
        let mut secret = acceptor.accept(outer).await?;
        let mut plain = TcpStream::connect(inner).await?;
        copy_bidirectional(&mut secret, &mut plain).await
    };
    if let Err(error) = joined.await {
        tracing::debug!(%error, "a TLS connection ended early");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(head: &str, status: &str, location: &str) {
        let answer = moved(head, "127.0.0.1:8006");
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{answer}");
        assert!(answer.contains(&format!("\r\nLocation: {location}\r\n")) && answer.ends_with("\r\n\r\n"), "{answer}");
    }

    #[test]
    fn a_plain_request_is_sent_to_https_with_its_method_kept() {
        check(
            "GET /api2/json/version?a=b HTTP/1.1\r\nHost: pve:8006\r\n\r\n",
            "301",
            "https://pve:8006/api2/json/version?a=b",
        );
        check("HEAD / HTTP/1.1\r\nAccept: */*\r\nhost: pve\r\n\r\n", "301", "https://pve/");
        check(
            "POST /api2/json/access/ticket HTTP/1.1\r\n\r\n",
            "308",
            "https://127.0.0.1:8006/api2/json/access/ticket",
        );
        check("rubbish", "308", "https://127.0.0.1:8006/");
    }
}
