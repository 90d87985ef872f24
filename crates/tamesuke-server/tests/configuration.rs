//! The real binary with configurations that do not read: all faults at once, each with its name and an
//! example, exit code 2, and never a panic.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt as _;
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
