//! What is looked at on this machine and in the configuration alone.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use rustix::fs::{Access, access};
use tamesuke_http::Outside as _;

use super::report::Report;
use crate::clock::StripeClock;
use crate::settings::Settings;

/// As far as `/health` lets the clocks be apart.
const CLOCK_OFF_MAX_SECS: i64 = 60;

/// Settings that are good each by itself.
pub(super) fn settings(settings: &Settings, report: &mut Report) -> std::io::Result<()> {
    let (name, longest) = slowest_call(settings);
    let hold = settings.work.policy.hold_secs;
    let verdict = if Duration::from_secs(hold) > longest {
        Ok(format!("{hold} s, longer than any call may take"))
    } else {
        let longest = longest.as_secs();
        Err(format!("HOLD_SECONDS is {hold}, {name} is {longest}: a late write could hit another trial"))
    };
    let mend = format!("set HOLD_SECONDS above every …_TIMEOUT of a call, {} or more", longest.as_secs() + 1);
    report.line("hold", verdict, &mend)?;
    if settings.smtp.operator.is_none() {
        report.aside(
            "operator",
            "OPERATOR_EMAIL is empty, notes on failures stand in the log only",
            "OPERATOR_EMAIL=you@example.jp",
        )?;
    }
    if settings.web.support.is_none() {
        report.aside(
            "support",
            "SUPPORT_CONTACT is empty, mails and pages tell customers of nobody to ask",
            "SUPPORT_CONTACT=support@example.jp",
        )?;
    }
    Ok(())
}

/// The call that may take longest. A run is none: `SILENCE_SECONDS` waits for that.
fn slowest_call(settings: &Settings) -> (&'static str, Duration) {
    let calls = [
        ("STRIPE_TIMEOUT", settings.stripe.timeout),
        ("CLOUDFLARE_TIMEOUT", settings.cloudflare.timeout),
        ("PROXMOX_TIMEOUT", settings.proxmox.timeout),
        ("FILESERVER_TIMEOUT", settings.file_server.timeout),
        ("SMTP_TIMEOUT", settings.smtp.timeout),
    ];
    calls.into_iter().fold(("PROBE_TIMEOUT", settings.web.probe_timeout), |a, b| if b.1 > a.1 { b } else { a })
}

/// Whether lock files can be written, or their folder be made at the start.
pub(super) fn state_dir(settings: &Settings, report: &mut Report) -> std::io::Result<()> {
    let dir = &settings.script.state_dir;
    let shown = dir.display();
    let verdict = match std::path::absolute(dir).map(|whole| nearest(&whole).to_owned()) {
        Ok(found) if !found.is_dir() => Err(format!("{} is no folder", found.display())),
        Ok(found) => match access(&found, Access::WRITE_OK | Access::EXEC_OK) {
            Ok(()) if found.ends_with(dir) => Ok(format!("{shown} can be written")),
            Ok(()) => Ok(format!("{shown} is made at the start")),
            Err(error) => Err(format!("{} can't be written: {error}", found.display())),
        },
        Err(error) => Err(format!("{shown}: {error}")),
    };
    report.line(
        "state",
        verdict,
        &format!("sudo install -d -o tamesuke -g tamesuke -m 0700 {shown} ; or set STATE_DIR"),
    )
}

/// The path itself, or the nearest above it that is there.
fn nearest(path: &Path) -> &Path {
    path.ancestors().find(|place| place.exists()).unwrap_or(path)
}

/// Whether this machine's clock agrees with Stripe's; webhooks are judged by ours.
pub(super) fn clock(clock: &StripeClock, report: &mut Report) -> std::io::Result<()> {
    let verdict = match clock.clock_off_secs() {
        None => Err("Stripe has not answered, so there is nothing to compare with".to_owned()),
        Some(off) if off.abs() <= CLOCK_OFF_MAX_SECS => Ok(format!("{} s from Stripe's", off.abs())),
        Some(off) if off > 0 => Err(format!("{off} s ahead of Stripe's")),
        Some(off) => Err(format!("{} s behind Stripe's", off.abs())),
    };
    report.line("clock", verdict, "sudo timedatectl set-ntp true ; timedatectl")
}

/// Whether the script's interpreter has its libraries.
pub(super) fn python(settings: &Settings, report: &mut Report) -> std::io::Result<()> {
    let script = std::path::absolute(&settings.script.path).unwrap_or_else(|_| settings.script.path.clone());
    let beside = script.parent().unwrap_or_else(|| Path::new(".")).display();
    let mend = format!(
        "python3 -m venv {beside}/venv && {beside}/venv/bin/pip install -r {beside}/requirements.txt, then PYTHON={beside}/venv/bin/python"
    );
    report.line("python", runs(&settings.script.python), &mend)
}

fn runs(python: &Path) -> Result<String, String> {
    #[expect(clippy::disallowed_methods, reason = "`check` asks the interpreter itself what it has; nothing waits for it")]
    let ran = Command::new(python)
        .args(["-c", "import sys, proxmoxer, cloudflare, requests, dotenv; assert sys.version_info >= (3, 11), 'older than 3.11'; print(sys.version.split()[0])"])
        .output()
        .map_err(|error| format!("{} does not start: {error}", python.display()))?;
    if ran.status.success() {
        return Ok(format!("{} with the script's libraries", String::from_utf8_lossy(&ran.stdout).trim()));
    }
    let words = String::from_utf8_lossy(&ran.stderr).trim().lines().last().map(str::to_owned);
    Err(words.unwrap_or_else(|| format!("{} ended with {}", python.display(), ran.status)))
}
