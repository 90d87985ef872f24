//! From environment and `.env` to [`Settings`]: the environment is the stronger.

use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::Path;
use std::time::Duration;

use config::{Config, Environment};
use tamesuke_domain::ids::Vmid;
use tamesuke_domain::look::Policy;
use tamesuke_domain::parts::VmidRange;

use super::hosts::Form;
use super::offers::{catalog, prices};
use super::outside::{cloudflare, file_server, proxmox, smtp, stripe};
use super::reader::{Fault, Faults, Reader};
use super::{KEYS, ScriptKeys, Settings, WebKeys, WorkKeys};

/// Reads the configuration from the environment and, below it, an env file.
pub(crate) fn load(env_file: Option<&Path>) -> Result<Settings, Faults> {
    let path = env_file.unwrap_or_else(|| Path::new(".env"));
    let mut dotenv = std::collections::HashMap::new();
    let mut faults = Vec::new();
    match dotenvy::from_path_iter(path) {
        Ok(lines) => {
            for line in lines {
                match line {
                    Ok((name, value)) => {
                        dotenv.insert(name, value);
                    }
                    Err(_) => faults.push(Fault {
                        name: path.display().to_string(),
                        what: "has a line that does not read".to_owned(),
                        example: "NAME=\"value\"".to_owned(),
                    }),
                }
            }
        }
        Err(_) if env_file.is_none() => {}
        Err(error) => faults.push(Fault {
            name: path.display().to_string(),
            what: error.to_string(),
            example: "a readable file".to_owned(),
        }),
    }
    let surroundings = surroundings(&mut faults);
    let mut for_script: BTreeMap<_, _> = dotenv.iter().map(|(name, value)| (name.clone(), value.clone())).collect();
    for_script.extend(surroundings.iter().map(|(name, value)| (name.clone(), value.clone())));
    let built = Config::builder()
        .add_source(Environment::default().ignore_empty(true).source(Some(dotenv)))
        .add_source(Environment::default().ignore_empty(true).source(Some(surroundings.clone())))
        .build();
    let config = match built {
        Ok(config) => config,
        Err(error) => {
            faults.push(Fault { name: "environment".to_owned(), what: error.to_string(), example: String::new() });
            Config::default()
        }
    };
    let mut reader = Reader { config, given: for_script, faults };
    let settings = read(&mut reader);
    if reader.faults.is_empty() { Ok(settings) } else { Err(Faults(reader.faults)) }
}

/// The environment's variables that are text. One of ours that is none is blamed; others may hold what
/// they like.
fn surroundings(faults: &mut Vec<Fault>) -> std::collections::HashMap<String, String> {
    let mut texts = std::collections::HashMap::new();
    for (name, value) in std::env::vars_os() {
        let Ok(name) = name.into_string() else { continue };
        match value.into_string() {
            Ok(value) => {
                texts.insert(name, value);
            }
            Err(_) => {
                if let Some(key) = KEYS.iter().find(|key| key.name == name) {
                    faults.push(Fault { name, what: "is not UTF-8".to_owned(), example: key.example.to_owned() });
                }
            }
        }
    }
    texts
}

fn read(r: &mut Reader) -> Settings {
    let service_domain = r.service_domain();
    let catalog = catalog(r);
    let prices = prices(r, &catalog);
    let web = web(r, &service_domain);
    let log_json = match r.text("LOG_FORMAT").as_str() {
        "json" => true,
        "text" => false,
        _ => {
            r.blame("LOG_FORMAT", "is neither text nor json");
            false
        }
    };
    Settings {
        proxmox: proxmox(r),
        file_server: file_server(r),
        cloudflare: cloudflare(r),
        stripe: stripe(r),
        smtp: smtp(r, &service_domain),
        script: script(r),
        work: work(r),
        web,
        catalog,
        prices,
        log_json,
    }
}

fn web(r: &mut Reader, service_domain: &str) -> WebKeys {
    let app_domain = r.host("APP_DOMAIN", Form::Name);
    let app_url = r.text("APP_URL").replace("{APP_DOMAIN}", &app_domain);
    let app_url = r.url("APP_URL", &app_url);
    let trial_url = r.text("TRIAL_URL").replace("{SERVICE_DOMAIN}", service_domain);
    if !trial_url.contains("{subdomain}") {
        r.blame("TRIAL_URL", "lacks {subdomain}");
    }
    r.url("TRIAL_URL", &trial_url.replace("{subdomain}", "x"));
    let trusted_proxies = trusted_proxies(r);
    WebKeys {
        bind: r.parsed("BIND", "an address with a port", ([127, 0, 0, 1], 8000).into()),
        workers: r.parsed("HTTP_WORKERS", "a whole number", 2_usize).max(1),
        connections_max: r.number::<usize>("CONNECTIONS_MAX").max(1),
        request_time_max: r.secs("REQUEST_SECONDS").max(Duration::from_secs(1)),
        trusted_proxies,
        orders_per_minute: r.number("ORDERS_PER_MINUTE"),
        orders_per_reservation: r.number("ORDERS_PER_RESERVATION"),
        calls_per_minute: r.number("CALLS_PER_MINUTE"),
        app_url,
        trial_url,
        service_domain: service_domain.to_owned(),
        support: r.optional("SUPPORT_CONTACT"),
        legal: r.page("LEGAL_URL"),
        terms: r.page("TERMS_URL"),
        privacy: r.page("PRIVACY_URL"),
        probe_timeout: r.secs("PROBE_TIMEOUT"),
    }
}

/// Whose word on visitors' addresses is taken. An empty line could mean the default as well as nobody, and
/// the limits hang on it, so it is asked about.
fn trusted_proxies(r: &mut Reader) -> Vec<IpAddr> {
    let name = "TRUSTED_PROXIES";
    if r.given(name).is_none() && r.given.contains_key(name) {
        r.blame(name, "is empty; leave it out for the default, or say none");
    }
    let text = r.text(name);
    if text == "none" {
        return Vec::new();
    }
    let mut addresses = Vec::new();
    for part in text.split(',').map(str::trim) {
        match part.parse() {
            Ok(address) => addresses.push(address),
            Err(_) => r.blame(name, format!("{part:?} is no address; none where there is no proxy")),
        }
    }
    addresses
}

/// What of our own environment the script gets: what its clients need, and every `PROVISIONER_*` of the
/// environment or the env file. The settings it shares with us always win.
fn script(r: &mut Reader) -> ScriptKeys {
    let passed_on = ["PATH", "LANG", "HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"];
    let mut environment = r.given.clone();
    environment.retain(|name, _| passed_on.contains(&name.as_str()) || name.starts_with("PROVISIONER_"));
    let shared = [
        ("CLOUDFLARE_BASE_URL", r.given("CLOUDFLARE_BASE_URL")),
        ("PROXMOX_CA_FILE", r.given("PROXMOX_CA_FILE")),
        ("PROXMOX_FINGERPRINT", r.given("PROXMOX_FINGERPRINT")),
        ("PROVISIONER_VMID_FIRST", Some(r.text("VMID_FIRST"))),
        ("PROVISIONER_VMID_LAST", Some(r.text("VMID_LAST"))),
        (
            "PROVISIONER_CATALOG",
            std::path::absolute(r.text("CATALOG_FILE")).ok().map(|path| path.display().to_string()),
        ),
    ];
    environment.extend(shared.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
    let timeout = r.secs("PROVISION_TIMEOUT");
    ScriptKeys {
        python: r.program("PYTHON"),
        path: r.file("PROVISIONER"),
        timeout,
        state_dir: r.text("STATE_DIR").into(),
        environment,
    }
}

fn work(r: &mut Reader) -> WorkKeys {
    let mut vmid = |name, stand_in: u64| {
        let number: u64 = r.parsed(name, "a whole number", stand_in);
        Vmid::try_from(number).ok().or_else(|| {
            r.blame(name, "is outside of 100 to 999999999");
            Vmid::try_from(stand_in).ok()
        })
    };
    let (first, last) = (vmid("VMID_FIRST", 9_000), vmid("VMID_LAST", 9_999));
    let range = first.zip(last).filter(|(first, last)| first <= last);
    if range.is_none() {
        r.blame("VMID_LAST", "is below VMID_FIRST");
    }
    #[expect(clippy::expect_used, reason = "9000 lies within Proxmox's bounds")]
    let (first, last) = range.or(first.zip(first)).unwrap_or_else(|| {
        let stand_in = Vmid::try_from(9_000).expect("9000 is a VMID");
        (stand_in, stand_in)
    });
    let mut policy = Policy::new(VmidRange { first, last });
    policy.hold_secs = r.number("HOLD_SECONDS");
    policy.silence_secs = r.number("SILENCE_SECONDS");
    policy.spacing_first_secs = r.number("SPACING_SECONDS");
    policy.attempts_max = r.number("GIVE_UP_ATTEMPTS");
    policy.give_up_secs = r.number("GIVE_UP_SECONDS");
    policy.sweep_grace_secs = r.number("SWEEP_GRACE_SECONDS");
    policy.sweep_deletions_max = r.number("SWEEP_DELETIONS_MAX");
    let timeout_secs: i64 = r.number("PROVISION_TIMEOUT");
    if policy.silence_secs <= timeout_secs && !r.is_blamed("SILENCE_SECONDS") {
        r.blame("SILENCE_SECONDS", format!("must be more than PROVISION_TIMEOUT ({timeout_secs})"));
    }
    WorkKeys {
        policy,
        workers: r.parsed("WORKERS", "a whole number", 4_usize).max(1),
        poll_every: r.secs("POLL_SECONDS").max(Duration::from_secs(1)),
        resync_every: r.secs("RESYNC_SECONDS").max(Duration::from_secs(10)),
        drain_max: r.secs("DRAIN_SECONDS"),
    }
}
