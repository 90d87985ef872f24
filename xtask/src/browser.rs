//! The pages in a real Chromium: every page against a made-up service, then an order from the form to
//! the open trial against the real one with the sandbox around it.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, anyhow, bail, ensure};
use tokio::process::Command;

use crate::demo::{healthy, start_server};
use crate::ports::free_port;
use crate::processes::{build, root};
use crate::sandbox::Sandbox;
use crate::venv;

/// All of it takes that long at most, on a slow machine too; a minute and a half is usual.
const LIMIT: Duration = Duration::from_secs(600);
/// Fewer tests mean that some did not run.
const TESTS_MIN: u64 = 70;

fn dir() -> PathBuf {
    root().join("tests/browser")
}

/// Runs it; gives what was seen.
pub(crate) async fn run() -> anyhow::Result<String> {
    let chromium = std::env::var_os("CHROMIUM").map_or_else(|| PathBuf::from("/usr/bin/chromium"), PathBuf::from);
    ensure!(
        chromium.is_file(),
        "{} does not exist; on Debian: apt-get install chromium, or set CHROMIUM",
        chromium.display()
    );
    install().await?;
    npm(&["run", "--silent", "types"], &[]).await.context("the pages' scripts have type errors")?;
    let python = venv::ensure("requirements.txt").await?;
    let bin = build(&["tamesuke-sandbox", "tamesuke-server"], false).await?;
    let port = free_port()?;
    let webhook = format!("http://127.0.0.1:{port}/webhook/stripe");
    let scale = ["--time-scale".to_owned(), "0.02".to_owned()];
    let sandbox = Sandbox::start(&bin, &webhook, &scale).await?;
    let script = root().join("provisioner.py");
    let mut server = start_server(&bin, &sandbox, (&python, &script), port, (true, &[]))?;
    healthy(&sandbox, &server).await?;
    let url = server.url.clone();
    let told =
        npm(&["test", "--silent"], &[("APP_URL", &url)]).await.map_err(|error| match failures(&error.to_string()) {
            none if none.is_empty() => error,
            failed => anyhow!("tests in the browser failed:\n{failed}"),
        });
    let stopped = server.stop().await;
    sandbox.stop().await?;
    let text = told?;
    stopped?;
    let passed = count(&text, "pass ").context("node did not say how many tests passed")?;
    let skipped = count(&text, "skipped ").unwrap_or(0);
    ensure!(passed >= TESTS_MIN && skipped == 0, "{passed} tests passed and {skipped} were skipped:\n{text}");
    Ok(format!("{passed} tests in Chromium"))
}

/// What `package-lock.json` says, unless that is installed already.
async fn install() -> anyhow::Result<()> {
    let lock = std::fs::read(dir().join("package-lock.json"))?;
    let stamp = dir().join("node_modules/.installed-lock.json");
    if std::fs::read(&stamp).is_ok_and(|seen| seen == lock) {
        return Ok(());
    }
    eprintln!("installing tests/browser with npm …");
    npm(&["ci", "--no-audit", "--no-fund"], &[]).await.context("npm ci failed in tests/browser")?;
    std::fs::write(stamp, lock)?;
    Ok(())
}

async fn npm(arguments: &[&str], environment: &[(&str, &str)]) -> anyhow::Result<String> {
    let running = Command::new("npm")
        .args(arguments)
        .current_dir(dir())
        .envs(environment.iter().copied())
        .stdin(std::process::Stdio::null())
        .kill_on_drop(true)
        .output();
    let output = tokio::time::timeout(LIMIT, running).await.context("npm did not end in time")?;
    let output = output.context("npm can't be started; on Debian: apt-get install nodejs npm")?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    if !output.status.success() {
        bail!("npm {} failed:\n{text}{}", arguments.join(" "), String::from_utf8_lossy(&output.stderr));
    }
    Ok(text)
}

/// What node said of the tests that failed: hundreds of lines on those that passed would hide it.
fn failures(text: &str) -> String {
    let mut failing = false;
    let told = text.lines().filter(|line| {
        if line.starts_with("not ok") {
            failing = true;
        } else if line.starts_with("# ") || line.starts_with("ok") || line.starts_with("1..") {
            failing = false;
        }
        failing
    });
    told.collect::<Vec<_>>().join("\n")
}

/// The number behind a word of node's summary, `ℹ pass 74`.
fn count(text: &str, word: &str) -> Option<u64> {
    let line = text.lines().rev().find(|line| line.trim_start_matches(['ℹ', '#', ' ']).starts_with(word))?;
    line.rsplit(' ').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_what_node_says_only_the_failures_are_repeated() {
        let text = "npm test failed:\nTAP version 13\n# Subtest: a\nok 1 - a\n  ---\n  ...\n# Subtest: b\nnot ok 2 - b\n  ---\n  error: 'why'\n  ...\n# Subtest: c\nok 3 - c\n1..3\n# fail 1\n";
        assert_eq!(failures(text), "not ok 2 - b\n  ---\n  error: 'why'\n  ...");
        assert_eq!(failures("npm can't be started"), "");
    }
}
