//! Starts all listeners and the one task that lets time pass.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, OnceLock, RwLock};
use std::time::Duration;

use actix_web::dev::ServerHandle;
use actix_web::{App, HttpServer, web};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

use crate::certificates::Certificates;
use crate::clock::WorldClock;
use crate::control::{self, Control};
use crate::front::{self, BODY_MAX, Front, System};
use crate::options::{Addresses, Credentials, Options};
use crate::world::{Settings, World};
use crate::{cloudflare, files, ingress, mailbox, proxmox, proxy, smtp, stripe, tls};

/// How often due things happen even if nothing pokes.
const TICK: Duration = Duration::from_millis(50);

/// Why a sandbox did not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// A port is taken, or the address is not this machine's.
    #[error("cannot listen")]
    Listen(#[source] std::io::Error),
    /// The directory for certificates can't be written.
    #[error("cannot write the data directory")]
    DataDir(#[source] std::io::Error),
    /// The certificates could not be made.
    #[error("cannot make certificates")]
    Certificates(#[source] Box<dyn std::error::Error + Send + Sync>),
}

/// A running sandbox.
pub struct Sandbox {
    /// Where everything listens.
    pub addresses: Addresses,
    servers: Vec<ServerHandle>,
    tasks: Vec<JoinHandle<()>>,
    _folder: Folder,
}

/// Where certificates are written. One that nobody asked for is removed with the sandbox.
struct Folder {
    path: PathBuf,
    is_own: bool,
}

impl Drop for Folder {
    fn drop(&mut self) {
        if self.is_own {
            // Best effort: certificates of a world that is gone harm nobody.
            let _gone = std::fs::remove_dir_all(&self.path);
        }
    }
}

impl Sandbox {
    /// Stops everything and waits.
    pub async fn stop(self) {
        // The listeners first: one whose task is gone might never answer that it has stopped.
        for server in &self.servers {
            server.stop(false).await;
        }
        for task in &self.tasks {
            task.abort();
        }
    }
}

struct Starting {
    world: Arc<World>,
    servers: Vec<ServerHandle>,
    tasks: Vec<JoinHandle<()>>,
}

impl Starting {
    /// Serves a system on an address; gives where it listens.
    fn serve(&mut self, address: SocketAddr, system: impl System) -> Result<SocketAddr, StartError> {
        let front = web::Data::new(Front { world: Arc::clone(&self.world), system: Arc::new(system) });
        self.listener(address, move |app| {
            app.app_data(front.clone()).default_service(web::to(front::serve));
        })
    }

    fn control(&mut self, address: SocketAddr, addresses: &Arc<OnceLock<Addresses>>) -> Result<SocketAddr, StartError> {
        let (world, known) = (Arc::clone(&self.world), Arc::clone(addresses));
        self.listener(address, move |app| {
            let (world, known) = (Arc::clone(&world), Arc::clone(&known));
            app.default_service(web::to(move |request, body| {
                let (world, known) = (Arc::clone(&world), Arc::clone(&known));
                async move {
                    match known.get() {
                        Some(addresses) => {
                            let control = web::Data::new(Control { world, addresses: addresses.clone() });
                            control::serve(&request, &body, &control)
                        }
                        None => actix_web::HttpResponse::ServiceUnavailable().finish(),
                    }
                }
            }));
        })
    }

    /// Listens on an address with what `configure` adds; gives where.
    fn listener(
        &mut self,
        address: SocketAddr,
        configure: impl Fn(&mut web::ServiceConfig) + Clone + Send + 'static,
    ) -> Result<SocketAddr, StartError> {
        let server = HttpServer::new(move || {
            App::new().app_data(web::PayloadConfig::new(BODY_MAX)).configure(configure.clone())
        })
        .workers(1)
        .disable_signals()
        .shutdown_timeout(0)
        .bind(address)
        .map_err(StartError::Listen)?;
        let bound = server.addrs().first().copied().unwrap_or(address);
        let server = server.run();
        self.servers.push(server.handle());
        self.tasks.push(tokio::spawn(async move {
            if let Err(error) = server.await {
                tracing::error!(%error, "the listener on {bound} ended");
            }
        }));
        Ok(bound)
    }
}

async fn listen(address: SocketAddr) -> Result<(TcpListener, SocketAddr), StartError> {
    let listener = TcpListener::bind(address).await.map_err(StartError::Listen)?;
    let bound = listener.local_addr().map_err(StartError::Listen)?;
    Ok((listener, bound))
}

fn folder(options: &Options) -> Result<Folder, StartError> {
    let fresh = || std::env::temp_dir().join(format!("tamesuke-sandbox-{}", uuid::Uuid::new_v4().simple()));
    let path = options.data_dir.clone().unwrap_or_else(fresh);
    std::fs::create_dir_all(&path).map_err(StartError::DataDir)?;
    Ok(Folder { path, is_own: options.data_dir.is_none() })
}

/// Starts a sandbox: when it returns, everything listens.
pub async fn start(options: Options) -> Result<Sandbox, StartError> {
    // Set by whoever is first in this process; ring either way.
    let _known = rustls::crypto::ring::default_provider().install_default();
    let credentials = Credentials::random();
    let folder = folder(&options)?;
    let certificates = Certificates::make(&folder.path, &options.service_domain)?;
    let clock = WorldClock::default();
    let now_ms = clock.now_millis();
    let settings = Settings { lie: options.lie, ..Settings::new(options.time_scale) };
    let world = Arc::new(World {
        stripe: Mutex::new(stripe::Stripe::new(&credentials, options.webhook_url.clone(), now_ms / 1_000)),
        proxmox: Mutex::new(proxmox::Proxmox::new(now_ms)),
        cloudflare: Mutex::default(),
        files: Mutex::default(),
        mailbox: Mutex::default(),
        clock,
        faults: crate::faults::Faults::default(),
        log: crate::log::RequestLog::default(),
        settings: RwLock::new(settings),
        credentials: credentials.clone(),
        service_domain: options.service_domain.clone(),
        advanced: Mutex::default(),
        wake: tokio::sync::Notify::new(),
    });
    let mut starting = Starting { world: Arc::clone(&world), servers: Vec::new(), tasks: Vec::new() };
    let at = |port| SocketAddr::new(options.host, port);
    let known = Arc::new(OnceLock::new());
    let control = starting.control(at(options.control_port), &known)?;
    let stripe = starting.serve(at(options.stripe_port), stripe::StripeSystem)?;
    let cloudflare = starting.serve(at(options.cloudflare_port), cloudflare::CloudflareSystem)?;
    let file_server = starting.serve(at(options.files_port), files::FileSystem)?;
    let ingress = starting.serve(at(options.ingress_port), ingress::Ingress)?;
    let mail = starting.serve(at(options.mail_port), mailbox::MailPages)?;
    let proxmox_inner = starting.serve(at(0), proxmox::ProxmoxSystem)?;
    let (proxmox_listener, proxmox) = listen(at(options.proxmox_port)).await?;
    let (proxy_listener, proxy) = listen(at(options.proxy_port)).await?;
    let (smtp_listener, smtp) = listen(at(options.smtp_port)).await?;
    let domain = options.service_domain.clone();
    starting.tasks.extend([
        tokio::spawn(tls::terminate(proxmox_listener, Arc::clone(&certificates.machines), proxmox_inner)),
        tokio::spawn(proxy::serve(proxy_listener, Arc::clone(&certificates.trials), ingress, domain)),
        tokio::spawn(smtp::serve(smtp_listener, Arc::clone(&certificates.machines), Arc::clone(&world))),
        tokio::spawn(pass_time(Arc::clone(&world))),
        tokio::spawn(stripe::deliver_for_ever(Arc::clone(&world))),
    ]);
    stripe::set_base(&world, &format!("http://{stripe}"));
    let addresses = Addresses {
        control: format!("http://{control}"),
        stripe: format!("http://{stripe}"),
        proxmox: proxmox.to_string(),
        proxmox_ca_file: certificates.ca_file,
        proxmox_fingerprint: certificates.fingerprint,
        cloudflare: format!("http://{cloudflare}/client/v4"),
        file_server: file_server.to_string(),
        ingress: format!("http://{ingress}"),
        trial_url: format!("http://{{subdomain}}.localhost:{}/", ingress.port()),
        proxy: format!("http://{proxy}"),
        smtp: smtp.to_string(),
        mail: format!("http://{mail}/"),
        credentials,
    };
    // Set once, right here.
    let _first = known.set(addresses.clone());
    Ok(Sandbox { addresses, servers: starting.servers, tasks: starting.tasks, _folder: folder })
}

async fn pass_time(world: Arc<World>) {
    let mut tick = tokio::time::interval(TICK);
    loop {
        tokio::select! {
            // Cancel-safe: both only wait.
            _ = tick.tick() => {}
            () = world.wake.notified() => {}
        }
        world.advance();
    }
}
