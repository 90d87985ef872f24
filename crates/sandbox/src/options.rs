//! How a sandbox is started, and what it says when it listens.

use std::net::IpAddr;
use std::path::PathBuf;

use serde::Serialize;

use crate::lies::Lie;

/// How a sandbox is started. Ports of 0 are free ones.
#[derive(Debug, Clone, clap::Parser)]
#[command(
    name = "tamesuke-sandbox",
    version,
    about = "Stripe, Proxmox VE, Cloudflare, a file server, a mailbox and an ingress, imitated on loopback"
)]
pub struct Options {
    /// Where to listen.
    #[arg(long, default_value = "127.0.0.1")]
    pub host: IpAddr,
    /// Port of the control API.
    #[arg(long, default_value_t = 0)]
    pub control_port: u16,
    /// Port of Stripe.
    #[arg(long, default_value_t = 0)]
    pub stripe_port: u16,
    /// Port of Proxmox (HTTPS).
    #[arg(long, default_value_t = 0)]
    pub proxmox_port: u16,
    /// Port of Cloudflare.
    #[arg(long, default_value_t = 0)]
    pub cloudflare_port: u16,
    /// Port of the file server.
    #[arg(long, default_value_t = 0)]
    pub files_port: u16,
    /// Port of the ingress that serves trials.
    #[arg(long, default_value_t = 0)]
    pub ingress_port: u16,
    /// Port of the HTTP proxy that leads names of the service domain to the ingress.
    #[arg(long, default_value_t = 0)]
    pub proxy_port: u16,
    /// Port of the mail server.
    #[arg(long, default_value_t = 0)]
    pub smtp_port: u16,
    /// Port of the mailbox's pages.
    #[arg(long, default_value_t = 0)]
    pub mail_port: u16,
    /// The zone that trials stand under.
    #[arg(long, default_value = "persys.jp")]
    pub service_domain: String,
    /// How long Proxmox takes; 1 is like a real one.
    #[arg(long, default_value_t = 0.1)]
    pub time_scale: f64,
    /// Where Stripe delivers events.
    #[arg(long)]
    pub webhook_url: Option<String>,
    /// Where certificates are written; a fresh directory by default.
    #[arg(long)]
    pub data_dir: Option<PathBuf>,
    /// Differ in one way from what is imitated, to see whether that is noticed.
    #[arg(long, value_enum)]
    pub lie: Option<Lie>,
    /// Say which lies there are, and end.
    #[arg(long)]
    pub list_lies: bool,
    /// Stop when standard input ends.
    #[arg(long)]
    pub stop_with_stdin: bool,
}

impl Default for Options {
    fn default() -> Self {
        <Self as clap::Parser>::parse_from(["tamesuke-sandbox"])
    }
}

/// Where everything listens.
#[derive(Debug, Clone, Serialize)]
pub struct Addresses {
    /// The control API.
    pub control: String,
    /// Stripe's base.
    pub stripe: String,
    /// Proxmox's host and port.
    pub proxmox: String,
    /// The CA that Proxmox's certificate is signed by.
    pub proxmox_ca_file: PathBuf,
    /// SHA-256 fingerprint of Proxmox's certificate.
    pub proxmox_fingerprint: String,
    /// Cloudflare's base.
    pub cloudflare: String,
    /// The file server's host and port.
    pub file_server: String,
    /// The ingress.
    pub ingress: String,
    /// A trial's address; holds the literal `{subdomain}`.
    pub trial_url: String,
    /// The HTTP proxy for the service domain.
    pub proxy: String,
    /// The mail server's host and port.
    pub smtp: String,
    /// The mailbox's pages.
    pub mail: String,
    /// Names and secrets of this start.
    pub credentials: Credentials,
}

/// Names and secrets, random for each start.
#[derive(Debug, Clone, Serialize)]
#[expect(missing_docs, reason = "each field is the environment variable of that name")]
pub struct Credentials {
    pub stripe_secret_key: String,
    pub stripe_webhook_secret: String,
    pub stripe_price_nginx_7d: String,
    pub stripe_price_nginx_14d: String,
    pub proxmox_user: String,
    pub proxmox_password: String,
    pub proxmox_node: String,
    pub cloudflare_api_token: String,
    pub cloudflare_account_id: String,
    pub cloudflare_zone_id: String,
    pub sendgrid_api_key: String,
}

impl Credentials {
    pub(crate) fn random() -> Self {
        let hex = || uuid::Uuid::new_v4().simple().to_string();
        Self {
            stripe_secret_key: format!("sk_test_{}", hex()),
            stripe_webhook_secret: format!("whsec_{}", hex()),
            stripe_price_nginx_7d: format!("price_{}", &hex()[..24]),
            stripe_price_nginx_14d: format!("price_{}", &hex()[..24]),
            proxmox_user: "root@pam".to_owned(),
            proxmox_password: hex(),
            proxmox_node: "odin".to_owned(),
            cloudflare_api_token: format!("{}{}", hex(), &hex()[..8]),
            cloudflare_account_id: hex(),
            cloudflare_zone_id: hex(),
            sendgrid_api_key: format!("SG.{}", hex()),
        }
    }
}
