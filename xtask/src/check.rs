//! `tamesuke-server check` on the real binary: all is well with a whole world, and each thing that is not
//! is told with what mends it.

use anyhow::ensure;
use serde_json::json;

use crate::stage::Stage;

/// Longer than every call may take; the demo's own is shorter.
const WELL: (&str, &str) = ("HOLD_SECONDS", "60");

/// Runs all of it; gives what was seen.
pub(crate) async fn run() -> anyhow::Result<String> {
    let stage = Stage::set(false).await?;
    stage.sandbox.post("/cloudflare/records", json!({"name": "www", "type": "A", "content": "192.0.2.1"})).await?;
    let lines = check(&stage, &[WELL], 0, &[]).await?;
    let files = stage.sandbox.get("/state").await?["files"].clone();
    ensure!(files == json!({}), "the check left files behind: {files}");
    let faults = [
        ("HOLD_SECONDS", "10", 1, "✗ hold: HOLD_SECONDS is 10, SMTP_TIMEOUT is 30"),
        ("SERVICE_DOMAIN", "example.jp", 1, "✗ zone: it has the record www.persys.jp"),
        ("STATE_DIR", "/proc/version/x", 1, "✗ state: /proc/version is no folder"),
        ("OPERATOR_EMAIL", "", 0, "– operator: OPERATOR_EMAIL is empty"),
        ("SUPPORT_CONTACT", "", 0, "– support: SUPPORT_CONTACT is empty"),
        ("SENDGRID_API_KEY", "", 0, "– mail server: no SENDGRID_API_KEY"),
        ("PROXMOX_PASSWORD", "wrong", 1, "✗ proxmox: "),
        ("PYTHON", "false", 1, "✗ python: false ended with exit status: 1"),
        ("APP_DOMAIN", "https://app.persys.jp", 2, "✗ APP_DOMAIN: must be a host name alone"),
    ];
    for (name, value, code, line) in faults {
        check(&stage, &[WELL, (name, value)], code, &[line]).await?;
    }
    stage.sandbox.jump(7_200).await?;
    check(&stage, &[WELL], 1, &["✗ clock: 7", " s behind Stripe's"]).await?;
    stage.sandbox.stop().await?;
    Ok(format!("check: {lines} lines well, {} faults told", faults.len() + 1))
}

/// One check; gives the number of its lines.
async fn check(stage: &Stage, more: &[(&str, &str)], code: i32, wanted: &[&str]) -> anyhow::Result<usize> {
    let output = stage.command(&["check"], more).await?;
    let told = String::from_utf8(output.stdout)?;
    let stderr = String::from_utf8_lossy(&output.stderr);
    ensure!(
        output.status.code() == Some(code),
        "with {more:?} it ended with {:?}: {told}{stderr}",
        output.status.code()
    );
    for part in wanted {
        ensure!(told.contains(part), "with {more:?} it does not say {part:?}: {told}{stderr}");
    }
    let (bad, mends) = (told.matches("✗ ").count(), told.matches("\n    mend it: ").count());
    ensure!(bad == mends && (bad > 0) == (code != 0), "with {more:?}: {told}");
    Ok(told.lines().count())
}
