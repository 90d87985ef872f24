//! Ends TLS in front of a plain listener of ours.

use std::net::SocketAddr;
use std::sync::Arc;

use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;

/// Accepts TLS for ever and hands what is inside to `inner`.
pub(crate) async fn terminate(listener: TcpListener, config: Arc<ServerConfig>, inner: SocketAddr) {
    let acceptor = TlsAcceptor::from(config);
    loop {
        match listener.accept().await {
            Ok((outer, _)) => {
                tokio::spawn(hand_on(acceptor.clone(), outer, inner));
            }
            Err(error) => tracing::warn!(%error, "a connection was not accepted"),
        }
    }
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
