//! Joins ports and adapters: the only place that knows all of them.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use secrecy::SecretString;
use tamesuke_domain::instance::Instance;
use tamesuke_domain::ports::{Clock, Entropy, EventHint, Witness};
use tamesuke_engine::{Engine, Ports};
use tamesuke_http::{OperatorPages, Rejection, WebSettings, WebhookProof};
use tamesuke_mailer::{Smtp, SmtpSettings};
use tamesuke_provisioner::bridge::process::ScriptSettings;
use tamesuke_provisioner::cloudflare::{Cloudflare, CloudflareSettings};
use tamesuke_provisioner::file_server::FileServer;
use tamesuke_provisioner::proxmox::{Proxmox, ProxmoxSettings};
use tamesuke_provisioner::tls::client_config;
use tamesuke_provisioner::{BridgeSettings, Machines, Network, Runs};
use tamesuke_stripe::webhook::{self, WebhookError};
use tamesuke_stripe::{Client, Connection, Stripe};

use crate::clock::{StripeClock, local_now};
use crate::lease::FileLease;
use crate::settings::Settings;

/// How this program names itself to every outside system.
const USER_AGENT: &str = concat!("tamesuke/", env!("CARGO_PKG_VERSION"));
/// A connection is made within that long or not at all.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// Names that may wait.
const QUEUE_MAX: usize = 100_000;
/// The longest backoff.
const BACKOFF_MAX: Duration = Duration::from_secs(300);

/// Everything, joined.
pub(crate) struct Service {
    pub(crate) engine: Arc<Engine>,
    pub(crate) proof: Arc<dyn WebhookProof>,
    pub(crate) clock: Arc<StripeClock>,
    pub(crate) lease: Arc<FileLease>,
    pub(crate) web: WebSettings,
}

/// The adapters themselves, for a check of the set-up.
pub(crate) struct Adapters {
    pub(crate) stripe: Arc<Stripe>,
    pub(crate) machines: Arc<Machines>,
    pub(crate) mailer: Arc<Smtp>,
    pub(crate) clock: Arc<StripeClock>,
}

struct Chance;

impl Entropy for Chance {
    fn bits(&self) -> u64 {
        // The operating system's generator does not fail once it is seeded, which it is long before
        // any service starts; a number from the clock is good enough for jitter should it all the same.
        getrandom::u64().unwrap_or_else(|_| u64::from_ne_bytes(local_now().as_unix().to_ne_bytes()))
    }
}

struct Proof {
    secrets: Vec<SecretString>,
    instance: Instance,
}

impl WebhookProof for Proof {
    fn prove(&self, header: &str, body: &[u8]) -> Result<Option<EventHint>, Rejection> {
        let secrets: Vec<&str> = self.secrets.iter().map(secrecy::ExposeSecret::expose_secret).collect();
        let rejected = |error: WebhookError| match error {
            WebhookError::Header | WebhookError::Signature => Rejection::Signature,
            WebhookError::Stale => Rejection::Stale,
            WebhookError::Body => Rejection::Body,
        };
        webhook::verify(&secrets, header, body, local_now().as_unix()).map_err(rejected)?;
        webhook::hint(body, &self.instance).map_err(rejected)
    }
}

/// Names below `localhost` are this machine (RFC 6761), whatever its resolver says.
struct Loopback;

impl reqwest::dns::Resolve for Loopback {
    fn resolve(&self, name: reqwest::dns::Name) -> reqwest::dns::Resolving {
        Box::pin(async move {
            let host = name.as_str().to_owned();
            if host.ends_with(".localhost") {
                let here: reqwest::dns::Addrs =
                    Box::new(std::iter::once(std::net::SocketAddr::from(([127, 0, 0, 1], 0))));
                return Ok(here);
            }
            let found: Vec<_> = tokio::net::lookup_host((host, 0)).await?.collect();
            let found: reqwest::dns::Addrs = Box::new(found.into_iter());
            Ok(found)
        })
    }
}

fn http() -> reqwest::ClientBuilder {
    reqwest::Client::builder()
        .user_agent(USER_AGENT)
        .connect_timeout(CONNECT_TIMEOUT)
        .redirect(reqwest::redirect::Policy::none())
        .pool_idle_timeout(Duration::from_secs(60))
}

fn instance(settings: &Settings) -> Instance {
    Instance::new(&settings.cloudflare.zone_id, &settings.web.service_domain)
}

/// Makes the adapters.
pub(crate) fn adapters(settings: &Settings) -> anyhow::Result<Adapters> {
    let clock = Arc::new(StripeClock::new());
    let witness: Arc<dyn Witness> = clock.clone();
    let shared = http().build().context("the HTTP client can't be set up")?;
    let connection = Connection {
        base: settings.stripe.base.clone(),
        key: settings.stripe.key.clone(),
        timeout: settings.stripe.timeout,
    };
    let stripe = Stripe::new(Client::new(shared.clone(), connection, Arc::clone(&witness)), instance(settings));
    let tls = client_config(&settings.proxmox.trust).context("PROXMOX_CA_FILE or PROXMOX_FINGERPRINT can't be used")?;
    let proxmox_http = http().tls_backend_preconfigured(tls).build().context("Proxmox's client can't be set up")?;
    let ticking: Arc<dyn Clock> = clock.clone();
    let proxmox = Proxmox::new(
        proxmox_http,
        ProxmoxSettings {
            base: settings.proxmox.base.clone(),
            user: settings.proxmox.user.clone(),
            password: settings.proxmox.password.clone(),
            node: settings.proxmox.node.clone(),
            timeout: settings.proxmox.timeout,
        },
        Arc::clone(&witness),
        Arc::clone(&ticking),
    );
    let cloudflare = Cloudflare::new(
        shared.clone(),
        CloudflareSettings {
            base: settings.cloudflare.base.clone(),
            token: settings.cloudflare.token.clone(),
            account_id: settings.cloudflare.account_id.clone(),
            zone_id: settings.cloudflare.zone_id.clone(),
            timeout: settings.cloudflare.timeout,
        },
        Arc::clone(&witness),
    );
    let files =
        FileServer::new(shared, settings.file_server.base.clone(), settings.file_server.timeout, Arc::clone(&witness));
    let probe = http().dns_resolver(Loopback).build().context("the probe can't be set up")?;
    let machines = Machines::new((proxmox, cloudflare, files), network(settings), probe, ticking);
    let mailer = Smtp::new(mail_settings(settings), witness).context("the mailer can't be set up")?;
    Ok(Adapters { stripe: Arc::new(stripe), machines: Arc::new(machines), mailer: Arc::new(mailer), clock })
}

fn network(settings: &Settings) -> Network {
    let sold = settings.catalog.applications().iter().filter(|application| application.available);
    let templates: BTreeMap<_, _> = sold.filter_map(|a| Some((a.id.to_string(), a.template?))).collect();
    Network {
        service_domain: settings.web.service_domain.clone(),
        trial_url: settings.web.trial_url.clone(),
        vmids: settings.work.policy.vmids,
        templates,
        tunnels_max: settings.cloudflare.tunnels_max,
        probe_timeout: settings.web.probe_timeout,
    }
}

fn mail_settings(settings: &Settings) -> SmtpSettings {
    let smtp = &settings.smtp;
    SmtpSettings {
        host: smtp.host.clone(),
        port: smtp.port,
        user: smtp.user.clone(),
        password: smtp.password.clone(),
        encryption: smtp.encryption,
        ca_pem: smtp.ca_pem.clone(),
        timeout: smtp.timeout,
        from: smtp.from.clone(),
        operator: smtp.operator.clone(),
        support: settings.web.support.clone(),
        service_domain: settings.web.service_domain.clone(),
        trial_url: settings.web.trial_url.clone(),
        app_url: settings.web.app_url.to_string(),
    }
}

fn bridge(settings: &Settings) -> anyhow::Result<BridgeSettings> {
    let script = &settings.script;
    Ok(BridgeSettings {
        python: script.python.clone(),
        script: std::path::absolute(&script.path).context("PROVISIONER can't be made absolute")?,
        state_dir: std::path::absolute(&script.state_dir).context("STATE_DIR can't be made absolute")?,
        timeout: script.timeout,
        script_settings: ScriptSettings {
            proxmox_host: settings.proxmox.host.clone(),
            proxmox_user: settings.proxmox.user.clone(),
            proxmox_node: settings.proxmox.node.clone(),
            cloudflare_account_id: settings.cloudflare.account_id.clone(),
            cloudflare_zone_id: settings.cloudflare.zone_id.clone(),
            fileserver_host: settings.file_server.host.clone(),
            fileserver_port: settings.file_server.port,
            domain: settings.web.service_domain.clone(),
        },
        proxmox_password: settings.proxmox.password.clone(),
        cloudflare_token: settings.cloudflare.token.clone(),
        environment: script.environment.clone(),
    })
}

/// Joins everything; writes nothing yet.
pub(crate) fn service(settings: &Settings) -> anyhow::Result<Service> {
    let adapters = adapters(settings)?;
    let lease = Arc::new(FileLease::new(&settings.script.state_dir));
    let ports = Ports {
        billing: adapters.stripe,
        provisioner: Arc::new(Runs::new(bridge(settings)?)),
        inventory: adapters.machines,
        mailer: adapters.mailer,
        clock: adapters.clock.clone(),
        entropy: Arc::new(Chance),
        lease: lease.clone(),
    };
    let app_url = settings.web.app_url.as_str().trim_end_matches('/').to_owned();
    let engine = Engine::new(
        tamesuke_engine::Settings {
            instance: instance(settings),
            catalog: settings.catalog.clone(),
            prices: settings.prices.clone(),
            policy: settings.work.policy.clone(),
            success_url: format!("{app_url}/success.html?session_id={{CHECKOUT_SESSION_ID}}"),
            cancel_url: format!("{app_url}/cancel.html"),
            trial_url: settings.web.trial_url.clone(),
            workers: settings.work.workers,
            poll_every: settings.work.poll_every,
            resync_every: settings.work.resync_every,
            backoff_max: BACKOFF_MAX,
            queue_max: QUEUE_MAX,
            drain_max: settings.work.drain_max,
        },
        ports,
    );
    Ok(Service {
        engine: Arc::new(engine),
        proof: Arc::new(Proof { secrets: settings.stripe.webhook_secrets.clone(), instance: instance(settings) }),
        clock: adapters.clock,
        lease,
        web: WebSettings {
            https: settings.web.app_url.scheme() == "https",
            trusted_proxies: settings.web.trusted_proxies.clone(),
            orders_per_minute: settings.web.orders_per_minute,
            orders_per_reservation: settings.web.orders_per_reservation,
            calls_per_minute: settings.web.calls_per_minute,
            // The other half is for those who only ask.
            streams_max: settings.web.connections_max.div_ceil(2),
            body_time_max: settings.web.request_time_max,
            support_contact: settings.web.support.clone(),
            pages: OperatorPages {
                legal: settings.web.legal.as_ref().map(ToString::to_string),
                terms: settings.web.terms.as_ref().map(ToString::to_string),
                privacy: settings.web.privacy.as_ref().map(ToString::to_string),
            },
            service_domain: settings.web.service_domain.clone(),
            version: env!("CARGO_PKG_VERSION"),
        },
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_systems_chance_keeps_the_contract_of_entropy() {
        tamesuke_domain::contract::entropy::check(&super::Chance);
    }
}
