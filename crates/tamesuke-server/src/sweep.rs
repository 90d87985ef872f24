//! `tamesuke-server sweep`: one sweep, alone. Without `--dry-run` it holds the lease, so that no server
//! of this host acts beside it; what it prints is the same either way.

use std::io::Write as _;

use anyhow::Context as _;
use tamesuke_engine::sweep::Hand;

use crate::settings::Settings;
use crate::wire;

/// Sweeps once; `true` if nothing failed.
pub(crate) async fn sweep(settings: &Settings, dry_run: bool) -> anyhow::Result<bool> {
    let service = wire::service(settings)?;
    if !dry_run && !service.lease.try_acquire()? {
        anyhow::bail!(
            "a server of this host holds the lease and sweeps by itself; stop it first, or look with --dry-run"
        );
    }
    let hand = if dry_run { Hand::Show } else { Hand::Remove };
    let report = service.engine.sweep_alone(hand).await.map_err(|fault| anyhow::anyhow!(fault.chain()));
    let report = report.context("the sweep could not list everything, nothing was removed")?;
    let mut out = std::io::stdout().lock();
    for finding in &report.findings {
        writeln!(out, "{finding}")?;
    }
    let (removals, all) = (report.removals(), report.findings.len());
    let done = if dry_run { "to remove" } else { "removed" };
    writeln!(out, "{removals} {done}, {} left alone", all - removals)?;
    Ok(!report.has_failures())
}
