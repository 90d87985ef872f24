//! Serves until it is told to stop, then stops in order: the engine first, for it may have work in
//! hand, then the web side.

use std::net::TcpListener;
use std::sync::Arc;
use std::time::Duration;

use actix_web::web;
use anyhow::Context as _;
use tamesuke_http::{Outside, ServerSettings, Web};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use crate::settings::Settings;
use crate::wire;

/// A request may go without any answer for that long; the slowest sign-up waits for Stripe for less.
const STALL_TIME_MAX: Duration = Duration::from_secs(180);

/// Serves. An engine that ends by itself is an error.
pub(crate) async fn serve(settings: Settings) -> anyhow::Result<()> {
    let listener = TcpListener::bind(settings.web.bind)
        .with_context(|| format!("cannot listen on {}; set BIND to another address", settings.web.bind))?;
    let address = listener.local_addr().context("the listener has no address")?;
    let service = wire::service(&settings)?;
    // Now and not when the lease is taken: a service that can never act had better not start.
    service.lease.open()?;
    let outside: Arc<dyn Outside> = service.clock.clone();
    let state = web::Data::new(Web::new(Arc::clone(&service.engine), service.proof, outside, service.web));
    let limits = ServerSettings {
        workers: settings.web.workers,
        connections_max: settings.web.connections_max,
        head_time_max: settings.web.request_time_max,
        stall_time_max: STALL_TIME_MAX,
    };
    let server = tamesuke_http::serve(listener, state, limits).context("the web side did not start")?;
    let handle = server.handle();
    let mut web_side = tokio::spawn(server);
    let (stop, mut stopped) = watch::channel(false);
    let engine = Arc::clone(&service.engine);
    let mut work = tokio::spawn(async move {
        engine
            .run(async move {
                // A sender that is gone means the same as a stop.
                let _stopped = stopped.wait_for(|stop| *stop).await;
            })
            .await;
    });
    tracing::info!(%address, "listening on http://{address}");
    let mut terminate = signal(SignalKind::terminate()).context("no signals")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("no signals")?;
    let ended = tokio::select! {
        // Cancel-safe: all only wait; what goes on is stopped below.
        _ = terminate.recv() => None,
        _ = interrupt.recv() => None,
        ended = &mut work => Some(ended.context("the engine died")),
        ended = &mut web_side => Some(ended.context("the web side died").map(|_| ())),
    };
    tracing::info!("stopping");
    stop.send_replace(true);
    if !work.is_finished() {
        (&mut work).await.context("the engine died while it stopped")?;
    }
    handle.stop(true).await;
    match ended {
        None => Ok(()),
        Some(Ok(())) => anyhow::bail!("the engine or the web side ended by itself"),
        Some(Err(error)) => Err(error),
    }
}
