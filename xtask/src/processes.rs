//! Programs that tasks start, and how they are stopped.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use rustix::process::{Pid, Signal, kill_process};
use tokio::process::{Child, Command};
use tokio::sync::Mutex;

/// How long a program may take to stop by itself.
const STOP_MAX: Duration = Duration::from_secs(20);

/// The workspace's folder.
pub(crate) fn root() -> PathBuf {
    let here = PathBuf::from(env!("CARGO_MANIFEST_DIR"));
    here.parent().map_or(here.clone(), PathBuf::from)
}

/// Runs a program in the workspace's folder; a failure is an error.
pub(crate) async fn run(program: &str, arguments: &[&str]) -> anyhow::Result<()> {
    let status = Command::new(program).args(arguments).current_dir(root()).stdin(Stdio::null()).status().await;
    let status = status.with_context(|| format!("{program} can't be started"))?;
    if status.success() {
        return Ok(());
    }
    bail!("{program} {} ended with {status}", arguments.join(" "))
}

/// What this process has built.
static BUILT: Mutex<BTreeSet<String>> = Mutex::const_new(BTreeSet::new());

/// Builds programs of this workspace; gives the folder they are in.
pub(crate) async fn build(packages: &[&str], release: bool) -> anyhow::Result<PathBuf> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut arguments = vec!["build", "--quiet"];
    for package in packages {
        arguments.extend(["--package", package]);
    }
    if release {
        arguments.push("--release");
    }
    let what = arguments.join(" ");
    // One builds, all others wait for it; what was built once in this process is not asked for again.
    let mut built = BUILT.lock().await;
    if !built.contains(&what) {
        eprintln!("building {} …", packages.join(", "));
        run(&cargo, &arguments).await?;
        built.insert(what);
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    Ok(target.join(if release { "release" } else { "debug" }))
}

/// Asks a program to stop and waits; one that does not is killed.
pub(crate) async fn stop(child: &mut Child) -> anyhow::Result<()> {
    let Some(pid) = child.id().and_then(|id| i32::try_from(id).ok()).and_then(Pid::from_raw) else {
        return Ok(());
    };
    // Gone already is as good as stopped.
    let _asked = kill_process(pid, Signal::TERM);
    if tokio::time::timeout(STOP_MAX, child.wait()).await.is_err() {
        child.kill().await?;
        bail!("a program had to be killed after {} s", STOP_MAX.as_secs());
    }
    Ok(())
}
