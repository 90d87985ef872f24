//! The web side as a server: the routes behind limits of time and number, so that callers who send
//! slowly, or not at all, hold little and not for long.
//!
//! It is put together from actix's parts, as `HttpServer` does it, for that one leaves no room between
//! the socket and the protocol, where `Stalling` has its place.

use std::io;
use std::net::TcpListener;
use std::time::Duration;

use actix_http::error::DispatchError;
use actix_http::{HttpService, Protocol};
use actix_server::Server;
use actix_service::{IntoServiceFactory as _, ServiceFactoryExt as _, fn_service, map_config};
use actix_web::dev::AppConfig;
use actix_web::rt::net::TcpStream;
use actix_web::{App, web};

use crate::app::{Web, configure};
use crate::stall::Stalling;

/// A connection at rest is kept that long for another request.
const KEEP_ALIVE: Duration = Duration::from_secs(15);
/// What is left of a caller who was refused is listened to that long, so that the answer arrives.
const LINGER: Duration = Duration::from_secs(1);
/// Open streams are given that long when the web side stops.
const DRAIN_SECS: u64 = 2;

/// How the server is set up.
#[derive(Debug, Clone, Copy)]
pub struct ServerSettings {
    /// Threads that serve.
    pub workers: usize,
    /// Most connections at once, over all threads; more wait in the system's queue.
    pub connections_max: usize,
    /// How long a connection's first head may take to arrive.
    pub head_time_max: Duration,
    /// How long a request may go without any answer, and an answer without being taken. Longer than
    /// the slowest of our own answers, which waits for Stripe.
    pub stall_time_max: Duration,
}

/// Begins to serve on a listener. Signals are the caller's to hear.
pub fn serve(listener: TcpListener, state: web::Data<Web>, settings: ServerSettings) -> io::Result<Server> {
    let workers = settings.workers.max(1);
    let address = listener.local_addr()?;
    let builder = Server::build()
        .workers(workers)
        .max_concurrent_connections(settings.connections_max.div_ceil(workers))
        .disable_signals()
        .shutdown_timeout(DRAIN_SECS);
    let stopping = builder.graceful_shutdown_signal();
    let factory = move || {
        let stopping = stopping.clone();
        let app = App::new().configure(configure(state.clone())).into_factory();
        let app = app.map_err(|error: actix_web::Error| error.error_response());
        let http = HttpService::build()
            .graceful_shutdown_signal(move || {
                let stopping = stopping.clone();
                async move { stopping.notified().await }
            })
            .keep_alive(KEEP_ALIVE)
            .client_request_timeout(settings.head_time_max)
            .client_disconnect_timeout(LINGER)
            .local_addr(address)
            .finish(map_config(app, |()| AppConfig::default()));
        let guarded = fn_service(move |io: TcpStream| async move {
            let peer = io.peer_addr().ok();
            Ok::<_, DispatchError>((Stalling::new(io, settings.stall_time_max), Protocol::Http1, peer))
        });
        guarded.and_then(http)
    };
    Ok(builder.listen("web", listener, factory)?.run())
}
