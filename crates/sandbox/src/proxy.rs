//! An HTTP proxy for `CONNECT` that leads every name of the service domain to the ingress and refuses
//! all others: what waits for `https://{name}.{domain}` to answer gets there with no DNS.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

const HEAD_MAX: usize = 8_192;

pub(crate) async fn serve(listener: TcpListener, config: Arc<ServerConfig>, ingress: SocketAddr, domain: String) {
    let acceptor = TlsAcceptor::from(config);
    loop {
        match listener.accept().await {
            Ok((client, _)) => {
                tokio::spawn(connect(client, acceptor.clone(), ingress, domain.clone()));
            }
            Err(error) => tracing::warn!(%error, "a connection was not accepted"),
        }
    }
}

async fn connect(mut client: TcpStream, acceptor: TlsAcceptor, ingress: SocketAddr, domain: String) {
    let head = match read_head(&mut client).await {
        Ok(head) => head,
        Err(error) => return tracing::debug!(%error, "no request came through the proxy"),
    };
    let first = head.lines().next().unwrap_or_default();
    let target = first.strip_prefix("CONNECT ").and_then(|rest| rest.split(' ').next()).unwrap_or_default();
    let known = target.strip_suffix(":443").is_some_and(|host| host.ends_with(&format!(".{domain}")));
    let answer = if known {
        "HTTP/1.1 200 Connection established\r\n\r\n"
    } else {
        "HTTP/1.1 403 Only names of the service domain\r\nContent-Length: 0\r\n\r\n"
    };
    if let Err(error) = client.write_all(answer.as_bytes()).await {
        return tracing::debug!(%error, "the proxy's client is gone");
    }
    if known {
        crate::tls::hand_on(acceptor, client, ingress).await;
    }
}

async fn read_head(client: &mut TcpStream) -> std::io::Result<String> {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        if head.len() >= HEAD_MAX {
            return Err(std::io::ErrorKind::InvalidData.into());
        }
        head.push(client.read_u8().await?);
    }
    Ok(String::from_utf8_lossy(&head).into_owned())
}
