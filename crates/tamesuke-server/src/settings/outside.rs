//! Keys of each outside system: where it is, how to be let in, how long to wait.

use secrecy::SecretString;
use tamesuke_mailer::Encryption;
use tamesuke_provisioner::tls::Trust;

use super::reader::{Reader, fallback_url};
use super::{CloudflareKeys, FileServerKeys, ProxmoxKeys, SmtpKeys, StripeKeys};

pub(super) fn proxmox(r: &mut Reader) -> ProxmoxKeys {
    let host = r.text("PROXMOX_HOST");
    let with_port = if host.rsplit(':').next().is_some_and(|port| port.parse::<u16>().is_ok()) && host.contains(':') {
        host.clone()
    } else {
        format!("{host}:8006")
    };
    let base =
        if host.is_empty() { fallback_url() } else { r.url("PROXMOX_HOST", &format!("https://{with_port}/api2/json")) };
    let trust = match (r.optional("PROXMOX_FINGERPRINT"), r.optional("PROXMOX_CA_FILE")) {
        (Some(_), Some(_)) => {
            r.blame("PROXMOX_FINGERPRINT", "is given beside PROXMOX_CA_FILE; give one of them");
            Trust::System
        }
        (Some(text), None) => match text.parse() {
            Ok(fingerprint) => Trust::Fingerprint(fingerprint),
            Err(error) => {
                r.blame("PROXMOX_FINGERPRINT", error_text(&error));
                Trust::System
            }
        },
        (None, Some(path)) => Trust::CaFile(path.into()),
        (None, None) => Trust::System,
    };
    ProxmoxKeys {
        host,
        base,
        user: r.text("PROXMOX_USER"),
        password: r.secret("PROXMOX_PASSWORD"),
        node: r.text("PROXMOX_NODE"),
        trust,
        timeout: r.secs("PROXMOX_TIMEOUT"),
    }
}

fn error_text(error: &dyn std::error::Error) -> String {
    error.to_string()
}

pub(super) fn file_server(r: &mut Reader) -> FileServerKeys {
    let host = r.text("FILESERVER_HOST");
    let port: u16 = r.number("FILESERVER_PORT");
    let base =
        if host.is_empty() { fallback_url() } else { r.url("FILESERVER_HOST", &format!("http://{host}:{port}/")) };
    FileServerKeys { host, port, base, timeout: r.secs("FILESERVER_TIMEOUT") }
}

pub(super) fn cloudflare(r: &mut Reader) -> CloudflareKeys {
    let base = r.text("CLOUDFLARE_BASE_URL");
    CloudflareKeys {
        base: r.url("CLOUDFLARE_BASE_URL", &base),
        token: r.secret("CLOUDFLARE_API_TOKEN"),
        account_id: r.text("CLOUDFLARE_ACCOUNT_ID"),
        zone_id: r.text("CLOUDFLARE_ZONE_ID"),
        tunnels_max: r.number("CLOUDFLARE_TUNNELS_MAX"),
        timeout: r.secs("CLOUDFLARE_TIMEOUT"),
    }
}

pub(super) fn stripe(r: &mut Reader) -> StripeKeys {
    let base = r.text("STRIPE_API_BASE");
    let secrets = r.text("STRIPE_WEBHOOK_SECRET");
    StripeKeys {
        base: r.url("STRIPE_API_BASE", &base),
        key: r.secret("STRIPE_SECRET_KEY"),
        webhook_secrets: secrets.split(',').map(|secret| secret.trim().to_owned().into()).collect(),
        timeout: r.secs("STRIPE_TIMEOUT"),
    }
}

pub(super) fn smtp(r: &mut Reader, service_domain: &str) -> SmtpKeys {
    let encryption = match r.text("SMTP_TLS").as_str() {
        "starttls" => Encryption::StartTls,
        "implicit" => Encryption::Implicit,
        "off" => Encryption::Off,
        _ => {
            r.blame("SMTP_TLS", "is none of starttls, implicit and off");
            Encryption::StartTls
        }
    };
    let ca_pem = r.optional("SMTP_CA_FILE").and_then(|path| match std::fs::read(&path) {
        Ok(pem) => Some(pem),
        Err(error) => {
            r.blame("SMTP_CA_FILE", format!("can't be read: {error}"));
            None
        }
    });
    SmtpKeys {
        host: r.text("SMTP_HOST"),
        port: r.number("SMTP_PORT"),
        user: r.text("SMTP_USER"),
        password: r.optional("SENDGRID_API_KEY").map(SecretString::from),
        encryption,
        ca_pem,
        timeout: r.secs("SMTP_TIMEOUT"),
        from: r.text("EMAIL_FROM").replace("{SERVICE_DOMAIN}", service_domain),
        operator: r.optional("OPERATOR_EMAIL"),
    }
}
