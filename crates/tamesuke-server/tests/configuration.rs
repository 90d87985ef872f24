//! The real binary with configurations that do not read: all faults at once, each with its name and an
//! example, exit code 2, and never a panic.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::{Command, Output};

/// What a fresh installation must set.
const NEEDED: [&str; 12] = [
    "PROXMOX_HOST",
    "PROXMOX_PASSWORD",
    "FILESERVER_HOST",
    "CLOUDFLARE_API_TOKEN",
    "CLOUDFLARE_ACCOUNT_ID",
    "CLOUDFLARE_ZONE_ID",
    "STRIPE_SECRET_KEY",
    "STRIPE_WEBHOOK_SECRET",
    "STRIPE_PRICE_NGINX_7D",
    "STRIPE_PRICE_NGINX_14D",
    "APP_DOMAIN",
    "SILENCE_SECONDS",
];

#[expect(clippy::unwrap_used, reason = "a binary that does not start is a failed test")]
fn serve(variables: &[(&str, &[u8])]) -> (Output, String) {
    #[expect(clippy::disallowed_methods, reason = "the real binary is what is tested")]
    let mut command = Command::new(env!("CARGO_BIN_EXE_tamesuke-server"));
    command.env_clear().current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."));
    for (name, value) in variables {
        command.env(name, OsStr::from_bytes(value));
    }
    let output = command.arg("serve").output().unwrap();
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, told)
}

fn is_told(told: &str, name: &str) -> bool {
    told.lines().any(|line| line.trim_start().starts_with(&format!("{name}: ")) && line.contains(&format!("{name}=")))
}

#[test]
fn all_that_is_missing_or_malformed_is_told_at_once_with_an_example() {
    let (output, told) = serve(&[("SILENCE_SECONDS", b"10"), ("CATALOG_FILE", b"catalog.toml")]);
    assert_eq!(output.status.code(), Some(2), "{told}");
    for name in NEEDED {
        assert!(is_told(&told, name), "{name} is not told of: {told}");
    }
}

/// A configuration that reads, with whatever is given in place of it.
#[expect(clippy::unwrap_used, reason = "a folder that can't be made is a failed test")]
fn serve_with(folder: &Path, variables: &[(&str, &str)]) -> (Output, String) {
    std::fs::write(folder.join("python"), "").unwrap();
    std::fs::set_permissions(folder.join("python"), std::fs::Permissions::from_mode(0o755)).unwrap();
    let python = folder.join("python");
    let mut all = BTreeMap::from([
        ("PROXMOX_HOST", "192.0.2.1"),
        ("PROXMOX_PASSWORD", "x"),
        ("FILESERVER_HOST", "192.0.2.2"),
        ("CLOUDFLARE_API_TOKEN", "x"),
        ("CLOUDFLARE_ACCOUNT_ID", "x"),
        ("CLOUDFLARE_ZONE_ID", "x"),
        ("STRIPE_SECRET_KEY", "x"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_x"),
        ("STRIPE_PRICE_NGINX_7D", "price_a"),
        ("STRIPE_PRICE_NGINX_14D", "price_b"),
        ("APP_DOMAIN", "app.example.jp"),
        ("PYTHON", python.to_str().unwrap()),
        // What reads gets this far and no further: nobody may listen on an address of nobody's.
        ("BIND", "192.0.2.3:1"),
    ]);
    all.extend(variables.iter().copied());
    let all: Vec<_> = all.into_iter().map(|(name, value)| (name, value.as_bytes())).collect();
    serve(&all)
}

#[test]
fn what_reads_but_would_lead_nowhere_is_told_all_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let (output, told) = serve_with(folder.path(), &[]);
    assert!(output.status.code() == Some(1) && told.contains("cannot listen on 192.0.2.3:1"), "{told}");
    let broken = folder.path().join("broken.pem");
    std::fs::write(&broken, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n").unwrap();
    let empty = folder.path().join("empty.pem");
    std::fs::write(&empty, "no certificate\n").unwrap();
    let faults = [
        ("APP_DOMAIN", "https://app.persys.jp", "must be a host name alone"),
        ("SERVICE_DOMAIN", "Persys.jp", "must be a host name alone"),
        ("PROXMOX_HOST", "https://192.0.2.1:8006", "must be a host name alone"),
        ("FILESERVER_HOST", "http://192.0.2.2", "must be a host name alone"),
        ("EMAIL_FROM", "Tamesuke", "is no mail address"),
        ("OPERATOR_EMAIL", "you@", "is no mail address"),
        ("PROXMOX_CA_FILE", broken.to_str().unwrap(), "the certificates can't be used"),
        ("SMTP_CA_FILE", empty.to_str().unwrap(), "the CA file holds no certificate"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_x,", "each secret starts with whsec_; two are separated by one comma"),
        ("TRUSTED_PROXIES", "", "is empty; leave it out for the default, or say none"),
        ("PROVISION_TIMEOUT", "ten", "is not a whole number"),
        ("PROVISIONER", "/nowhere/provisioner.py", "is no file"),
        ("PYTHON", "/nowhere/python", "is no program that can be run"),
    ];
    let given = faults.map(|(name, value, _)| (name, value));
    let (output, told) = serve_with(folder.path(), &given);
    assert_eq!(output.status.code(), Some(2), "{told}");
    for (name, _, what) in faults {
        assert!(is_told(&told, name) && told.contains(what), "{name} is not told of: {told}");
    }
    assert!(told.contains(&format!("the configuration has {} fault(s)", faults.len())), "one each, none twice: {told}");
}

#[test]
fn each_of_these_values_is_a_fault_by_itself_and_each_of_those_is_none() {
    let folder = tempfile::tempdir().unwrap();
    let here = folder.path().to_str().unwrap();
    for (name, value) in [
        ("APP_DOMAIN", "app.persys.jp/"),
        ("APP_DOMAIN", "app.persys.jp:443"),
        ("DOMAIN", "https://persys.jp"),
        ("PROXMOX_HOST", "root@odin"),
        ("PROXMOX_CA_FILE", "/nowhere/ca.pem"),
        ("STRIPE_WEBHOOK_SECRET", ","),
        ("STRIPE_WEBHOOK_SECRET", "whsec_"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_x,,whsec_y"),
        ("STRIPE_WEBHOOK_SECRET", "sk_live_secret"),
        ("TRUSTED_PROXIES", "127.0.0.1,"),
        ("PROVISIONER", here),
        ("PYTHON", here),
        ("PYTHON", "provisioner.py"),
    ] {
        let (output, told) = serve_with(folder.path(), &[(name, value)]);
        assert!(output.status.code() == Some(2) && is_told(&told, name), "{name}={value}: {told}");
        assert!(told.contains("has 1 fault(s)"), "{name}={value}: {told}");
        assert!(!told.contains("sk_live_secret"), "{told}");
    }
    for (name, value) in [
        ("DOMAIN", "persys.jp"),
        ("PROXMOX_HOST", "odin:8006"),
        ("PROXMOX_HOST", "[fd00::1]:8006"),
        ("STRIPE_WEBHOOK_SECRET", "whsec_x, whsec_y"),
        ("TRUSTED_PROXIES", "none"),
        ("OPERATOR_EMAIL", "You <you@example.jp>"),
    ] {
        let (output, told) = serve_with(folder.path(), &[(name, value)]);
        assert_eq!(output.status.code(), Some(1), "{name}={value}: {told}");
    }
    let (output, told) = serve_with(folder.path(), &[("PYTHON", "python"), ("PATH", here)]);
    assert_eq!(output.status.code(), Some(1), "a bare name is found on the PATH: {told}");
}

#[test]
fn a_variable_that_is_no_text_is_named_if_it_is_ours_and_left_alone_if_not() {
    let (output, told) = serve(&[("PROXMOX_HOST", b"\xff"), ("SOMEBODY_ELSES", b"\xff\xfe")]);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(told.contains("PROXMOX_HOST: is not UTF-8"), "{told}");
    assert!(!told.contains("SOMEBODY_ELSES"), "{told}");
}

#[test]
fn a_malformed_value_is_not_shown_for_it_may_be_a_secret_in_the_wrong_place() {
    let (output, told) = serve(&[("STRIPE_PRICE_NGINX_7D", b"sk_live_secret"), ("STRIPE_TIMEOUT", b"sk_live_secret")]);
    assert_eq!(output.status.code(), Some(2), "{told}");
    assert!(is_told(&told, "STRIPE_PRICE_NGINX_7D") && is_told(&told, "STRIPE_TIMEOUT"), "{told}");
    assert!(!told.contains("sk_live_secret"), "{told}");
}

#[test]
fn the_operators_pages_are_told_of_unless_they_are_reached_by_https() {
    let (_, told) = serve(&[
        ("LEGAL_URL", b"http://example.jp/legal"),
        ("TERMS_URL", b"example.jp/terms"),
        ("PRIVACY_URL", b"https://example.jp/privacy"),
    ]);
    assert!(is_told(&told, "LEGAL_URL") && is_told(&told, "TERMS_URL"), "{told}");
    assert!(!is_told(&told, "PRIVACY_URL"), "{told}");
}
