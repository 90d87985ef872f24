//! The configuration: read once, typed, and every fault of it told at once.

mod files;
mod hosts;
mod keys;
mod offers;
mod outside;
mod read;
mod reader;

use std::collections::BTreeMap;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use secrecy::SecretString;
use tamesuke_domain::catalog::{ApplicationId, Catalog, Days};
use tamesuke_domain::ids::PriceId;
use tamesuke_domain::look::Policy;
use tamesuke_mailer::Encryption;
use tamesuke_provisioner::tls::Trust;
use url::Url;

pub(crate) use keys::KEYS;
pub(crate) use read::load;
pub(crate) use reader::Faults;

/// Everything the operator decides.
pub(crate) struct Settings {
    pub(crate) proxmox: ProxmoxKeys,
    pub(crate) file_server: FileServerKeys,
    pub(crate) cloudflare: CloudflareKeys,
    pub(crate) stripe: StripeKeys,
    pub(crate) smtp: SmtpKeys,
    pub(crate) web: WebKeys,
    pub(crate) script: ScriptKeys,
    pub(crate) work: WorkKeys,
    pub(crate) catalog: Catalog,
    pub(crate) prices: BTreeMap<(ApplicationId, Days), PriceId>,
    pub(crate) log_json: bool,
}

pub(crate) struct ProxmoxKeys {
    pub(crate) host: String,
    pub(crate) base: Url,
    pub(crate) user: String,
    pub(crate) password: SecretString,
    pub(crate) node: String,
    pub(crate) trust: Trust,
    pub(crate) timeout: Duration,
}

pub(crate) struct FileServerKeys {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) base: Url,
    pub(crate) timeout: Duration,
}

pub(crate) struct CloudflareKeys {
    pub(crate) base: Url,
    pub(crate) token: SecretString,
    pub(crate) account_id: String,
    pub(crate) zone_id: String,
    pub(crate) tunnels_max: u32,
    pub(crate) timeout: Duration,
}

pub(crate) struct StripeKeys {
    pub(crate) base: Url,
    pub(crate) key: SecretString,
    pub(crate) webhook_secrets: Vec<SecretString>,
    pub(crate) timeout: Duration,
}

pub(crate) struct SmtpKeys {
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) user: String,
    pub(crate) password: Option<SecretString>,
    pub(crate) encryption: Encryption,
    pub(crate) ca_pem: Option<Vec<u8>>,
    pub(crate) timeout: Duration,
    pub(crate) from: String,
    pub(crate) operator: Option<String>,
}

pub(crate) struct WebKeys {
    pub(crate) bind: SocketAddr,
    pub(crate) workers: usize,
    pub(crate) connections_max: usize,
    pub(crate) request_time_max: Duration,
    pub(crate) trusted_proxies: Vec<IpAddr>,
    pub(crate) orders_per_minute: u32,
    pub(crate) orders_per_reservation: u32,
    pub(crate) calls_per_minute: u32,
    pub(crate) app_url: Url,
    pub(crate) trial_url: String,
    pub(crate) service_domain: String,
    pub(crate) support: Option<String>,
    pub(crate) legal: Option<Url>,
    pub(crate) terms: Option<Url>,
    pub(crate) privacy: Option<Url>,
    pub(crate) probe_timeout: Duration,
}

pub(crate) struct ScriptKeys {
    pub(crate) python: PathBuf,
    pub(crate) path: PathBuf,
    pub(crate) timeout: Duration,
    pub(crate) state_dir: PathBuf,
    /// What of our own environment the script gets.
    pub(crate) environment: BTreeMap<String, String>,
}

pub(crate) struct WorkKeys {
    pub(crate) policy: Policy,
    pub(crate) workers: usize,
    pub(crate) poll_every: Duration,
    pub(crate) resync_every: Duration,
    pub(crate) drain_max: Duration,
}
