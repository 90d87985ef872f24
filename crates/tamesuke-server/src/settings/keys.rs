//! Every key of the configuration, in one list: what reads it, what documents it.

/// One key.
pub(crate) struct Key {
    /// The environment variable.
    pub(crate) name: &'static str,
    /// What holds where it is not given; none where it must be.
    pub(crate) default: Option<&'static str>,
    /// An example for messages and for the documentation.
    pub(crate) example: &'static str,
    /// What it means.
    pub(crate) meaning: &'static str,
}

const fn needed(name: &'static str, example: &'static str, meaning: &'static str) -> Key {
    Key { name, default: None, example, meaning }
}

const fn with_default(name: &'static str, default: &'static str, example: &'static str, meaning: &'static str) -> Key {
    Key { name, default: Some(default), example, meaning }
}

/// All keys but the Prices', whose names come from the catalogue.
pub(crate) const KEYS: &[Key] = &[
    needed("PROXMOX_HOST", "192.168.1.10", "Host of Proxmox VE; may carry `:port`, 8006 otherwise."),
    with_default("PROXMOX_USER", "root@pam", "root@pam", "User of Proxmox."),
    needed("PROXMOX_PASSWORD", "correct horse", "Its password. Secret."),
    with_default("PROXMOX_NODE", "odin", "odin", "Node that trials are made on."),
    with_default(
        "PROXMOX_CA_FILE",
        "",
        "/etc/pve/pve-root-ca.pem",
        "CA that signed Proxmox's certificate. Without it and without a fingerprint the system's roots decide.",
    ),
    with_default(
        "PROXMOX_FINGERPRINT",
        "",
        "AB:CD:… (32 bytes)",
        "SHA-256 fingerprint of Proxmox's certificate, instead of a CA.",
    ),
    needed("FILESERVER_HOST", "192.168.1.11", "Host of the file server that containers fetch their metadata from."),
    with_default("FILESERVER_PORT", "8080", "8080", "Its port."),
    needed("CLOUDFLARE_API_TOKEN", "v1.0-…", "Token with the rights Cloudflare Tunnel:Edit and DNS:Edit. Secret."),
    needed("CLOUDFLARE_ACCOUNT_ID", "0123456789abcdef0123456789abcdef", "The account."),
    needed("CLOUDFLARE_ZONE_ID", "0123456789abcdef0123456789abcdef", "The zone of SERVICE_DOMAIN."),
    with_default(
        "CLOUDFLARE_BASE_URL",
        "https://api.cloudflare.com/client/v4",
        "https://api.cloudflare.com/client/v4",
        "Base of Cloudflare's API.",
    ),
    with_default("CLOUDFLARE_TUNNELS_MAX", "1000", "1000", "Most tunnels of the account."),
    needed("STRIPE_SECRET_KEY", "sk_live_…", "Stripe's secret key. Secret."),
    needed(
        "STRIPE_WEBHOOK_SECRET",
        "whsec_…",
        "Signing secret of the webhook endpoint; two, separated by a comma, while it is rolled. Secret.",
    ),
    with_default("STRIPE_API_BASE", "https://api.stripe.com", "https://api.stripe.com", "Base of Stripe's API."),
    with_default(
        "SENDGRID_API_KEY",
        "",
        "SG.…",
        "Password of the mail server. Without one mails are marked as skipped. Secret.",
    ),
    with_default(
        "EMAIL_FROM",
        "Tamesuke <noreply@{SERVICE_DOMAIN}>",
        "Tamesuke <noreply@persys.jp>",
        "Sender of the mails.",
    ),
    with_default("SMTP_HOST", "smtp.sendgrid.net", "smtp.sendgrid.net", "Mail server."),
    with_default("SMTP_PORT", "587", "587", "Its port."),
    with_default("SMTP_USER", "apikey", "apikey", "User of the mail server."),
    with_default("SMTP_TLS", "starttls", "starttls", "`starttls`, `implicit` or `off`."),
    with_default("SMTP_CA_FILE", "", "/etc/ssl/mail-ca.pem", "CA of the mail server beside the system's roots."),
    with_default("OPERATOR_EMAIL", "", "you@example.jp", "Whom notes on failures go to."),
    with_default("SUPPORT_CONTACT", "", "support@persys.jp", "Where customers get help; shown in mails and on pages."),
    with_default(
        "LEGAL_URL",
        "",
        "https://example.jp/legal",
        "Your page with what the law on mail-order sales asks for (特定商取引法に基づく表記), shown in the pages' foot.",
    ),
    with_default(
        "TERMS_URL",
        "",
        "https://example.jp/terms",
        "Your terms of use, shown in the foot and, as agreed to by ordering, under the form's button.",
    ),
    with_default("PRIVACY_URL", "", "https://example.jp/privacy", "Your privacy policy, shown like the terms."),
    needed("APP_DOMAIN", "app.persys.jp", "Domain of the form."),
    with_default(
        "SERVICE_DOMAIN",
        "persys.jp",
        "persys.jp",
        "Domain that trials stand under, the zone's apex. `DOMAIN` is its older name.",
    ),
    with_default("APP_URL", "https://{APP_DOMAIN}", "https://app.persys.jp", "Where the form is reached."),
    with_default(
        "TRIAL_URL",
        "https://{subdomain}.{SERVICE_DOMAIN}",
        "https://{subdomain}.persys.jp",
        "A trial's address as people are shown it and as it is probed.",
    ),
    with_default("CATALOG_FILE", "catalog.toml", "/opt/tamesuke/catalog.toml", "The catalogue."),
    with_default("PYTHON", "python3", "/opt/tamesuke/venv/bin/python", "Interpreter that runs provisioner.py."),
    with_default("PROVISIONER", "provisioner.py", "/opt/tamesuke/provisioner.py", "The provisioning script."),
    with_default("PROVISION_TIMEOUT", "600", "600", "Seconds a run may take."),
    with_default("VMID_FIRST", "9000", "9000", "Lowest container number of trials."),
    with_default("VMID_LAST", "9999", "9999", "Highest container number of trials."),
    with_default("STATE_DIR", "/var/lib/tamesuke", "/var/lib/tamesuke", "Directory for lock files; holds no data."),
    with_default("BIND", "127.0.0.1:8000", "127.0.0.1:8000", "Address to listen on."),
    with_default("HTTP_WORKERS", "2", "2", "Threads that serve HTTP."),
    with_default("CONNECTIONS_MAX", "4096", "4096", "Connections of visitors at once; more wait."),
    with_default(
        "REQUEST_SECONDS",
        "20",
        "20",
        "Seconds that a request's head, and again its body, may take to arrive.",
    ),
    with_default(
        "TRUSTED_PROXIES",
        "127.0.0.1,::1",
        "127.0.0.1,::1",
        "Proxies that are believed about visitors' addresses; `none` where there is none.",
    ),
    with_default("ORDERS_PER_MINUTE", "10", "10", "Orders a minute from one visitor; 0 is no limit."),
    with_default(
        "ORDERS_PER_RESERVATION",
        "20",
        "20",
        "Payment pages given to one visitor within the 31 minutes that an unpaid one keeps its room; 0 is no limit.",
    ),
    with_default("CALLS_PER_MINUTE", "240", "240", "Other calls a minute from one visitor; 0 is no limit."),
    with_default("WORKERS", "4", "4", "Names worked on at once."),
    with_default("POLL_SECONDS", "5", "5", "Seconds between polls of Stripe's events."),
    with_default("RESYNC_SECONDS", "600", "600", "Seconds between full listings."),
    with_default(
        "HOLD_SECONDS",
        "60",
        "60",
        "Seconds that an unknown outcome is waited for; longer than every time-out.",
    ),
    with_default(
        "SILENCE_SECONDS",
        "660",
        "660",
        "Seconds after a run's start after which a set that does not answer is taken down; longer than PROVISION_TIMEOUT.",
    ),
    with_default("SPACING_SECONDS", "30", "30", "Seconds between a name's first two runs; doubles up to 20 minutes."),
    with_default("GIVE_UP_ATTEMPTS", "8", "8", "Runs before a trial is given up …"),
    with_default("GIVE_UP_SECONDS", "7200", "7200", "… if that many seconds have passed since the first."),
    with_default(
        "SWEEP_GRACE_SECONDS",
        "3600",
        "3600",
        "Seconds for which the sweeper leaves a name alone after the last thing that happened to it.",
    ),
    with_default("SWEEP_DELETIONS_MAX", "10", "10", "Most parts that one sweep removes; 0 only reports."),
    with_default("STRIPE_TIMEOUT", "20", "20", "Seconds a call to Stripe may take."),
    with_default("CLOUDFLARE_TIMEOUT", "20", "20", "Seconds a call to Cloudflare may take."),
    with_default("PROXMOX_TIMEOUT", "20", "20", "Seconds a call to Proxmox may take."),
    with_default("FILESERVER_TIMEOUT", "10", "10", "Seconds a call to the file server may take."),
    with_default("SMTP_TIMEOUT", "30", "30", "Seconds an exchange with the mail server may take."),
    with_default("PROBE_TIMEOUT", "5", "5", "Seconds a trial's address may take to answer our probe."),
    with_default("DRAIN_SECONDS", "10", "10", "Seconds a shutdown waits for work in hand."),
    with_default("LOG_FORMAT", "text", "text", "`text` or `json`."),
];
