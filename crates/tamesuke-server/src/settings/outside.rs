//! Keys of each outside system: where it is, how to be let in, how long to wait.

use secrecy::SecretString;
use tamesuke_mailer::Encryption;
use tamesuke_provisioner::tls::Trust;

use super::hosts::{Form, split_port};
use super::reader::Reader;
use super::{CloudflareKeys, FileServerKeys, ProxmoxKeys, SmtpKeys, StripeKeys};

pub(super) fn proxmox(r: &mut Reader) -> ProxmoxKeys {
    let host = r.host("PROXMOX_HOST", Form::MachineAndPort);
    let with_port = if split_port(&host).1.is_some() { host.clone() } else { format!("{host}:8006") };
    let base = r.url("PROXMOX_HOST", &format!("https://{with_port}/api2/json"));
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
        (None, Some(_)) => r.certificates("PROXMOX_CA_FILE").map_or(Trust::System, Trust::CaFile),
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
    let host = r.host("FILESERVER_HOST", Form::Machine);
    let port: u16 = r.number("FILESERVER_PORT");
    let base = r.url("FILESERVER_HOST", &format!("http://{host}:{port}/"));
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
    StripeKeys {
        base: r.url("STRIPE_API_BASE", &base),
        key: r.secret("STRIPE_SECRET_KEY"),
        webhook_secrets: webhook_secrets(r),
        timeout: r.secs("STRIPE_TIMEOUT"),
    }
}

/// The webhook's secrets. An empty one would be a key that everybody knows.
fn webhook_secrets(r: &mut Reader) -> Vec<SecretString> {
    let name = "STRIPE_WEBHOOK_SECRET";
    let text = r.text(name);
    if text.is_empty() {
        return Vec::new();
    }
    let parts: Vec<&str> = text.split(',').map(str::trim).collect();
    if parts.iter().any(|part| part.strip_prefix("whsec_").is_none_or(str::is_empty)) {
        r.blame(name, "each secret starts with whsec_; two are separated by one comma");
    }
    parts.into_iter().map(SecretString::from).collect()
}

/// A key that holds a mail address, alone or with a name before it.
fn mail_address(r: &mut Reader, name: &'static str, text: &str) {
    if !tamesuke_mailer::is_address(text) {
        r.blame(name, "is no mail address");
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
    let ca_pem = r.certificates("SMTP_CA_FILE").and_then(|path| match std::fs::read(&path) {
        Ok(pem) => Some(pem),
        Err(error) => {
            r.blame("SMTP_CA_FILE", format!("can't be read: {error}"));
            None
        }
    });
    let from = r.text("EMAIL_FROM").replace("{SERVICE_DOMAIN}", service_domain);
    mail_address(r, "EMAIL_FROM", &from);
    let operator = r.optional("OPERATOR_EMAIL");
    if let Some(operator) = &operator {
        mail_address(r, "OPERATOR_EMAIL", operator);
    }
    SmtpKeys {
        host: r.text("SMTP_HOST"),
        port: r.number("SMTP_PORT"),
        user: r.text("SMTP_USER"),
        password: r.optional("SENDGRID_API_KEY").map(SecretString::from),
        encryption,
        ca_pem,
        timeout: r.secs("SMTP_TIMEOUT"),
        from,
        operator,
    }
}
