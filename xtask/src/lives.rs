//! The part `life`: whole lives of the real binary, each in a world of its own, a few at a time. Nearly all
//! of a life is waiting.

use anyhow::bail;
use serde_json::Value;
use tokio::task::JoinSet;

use crate::demo::{Fault, Options, run_and_report};
use crate::processes::build;
use crate::{folders, venv};

/// How much faster than a real one the imitated Proxmox is here.
const TIME_SCALE: f64 = 0.02;
/// Worlds at a time.
const JOBS: usize = 3;
/// Lives at once on one service, and lives one after another on one name.
const BURST: usize = 5;
const REPEAT: usize = 3;
/// The scripts that keep the contract in their own ways.
const SCRIPTS: [&str; 4] = ["fails_at_first", "from_environment", "noisy", "other_texts"];

/// What is lived, the longest first, so that none is waited for alone.
fn all() -> Vec<(String, Options)> {
    let once = || Options::once().scaled(TIME_SCALE);
    let fault = |step, times| Fault { step, times };
    let mut all = vec![
        // Two at once: a refund is counted for each payment.
        ("step 4 always, two at once".to_owned(), once().with_fault(fault(4, None)).burst(2)),
        ("step 10 once".to_owned(), once().with_fault(fault(10, Some(1)))),
    ];
    all.extend((1..10).rev().map(|step| (format!("step {step} once"), once().with_fault(fault(step, Some(1))))));
    all.push((format!("{REPEAT} on one name"), once().repeat(REPEAT)));
    all.push((format!("{BURST} at once"), once().burst(BURST)));
    let path = |script: &str| format!("tests/python/scripts/{script}.py");
    all.extend(SCRIPTS.map(|script| (format!("script {script}"), once().with_script(&path(script)))));
    all.push(("a life".to_owned(), once()));
    all
}

/// What a report must say beside that all went well.
fn is_as_it_should_be(name: &str, report: &Value) -> bool {
    let outcome = if name.contains("always") { "refunded" } else { "closed" };
    report["ok"] == true && report["outcome"] == outcome
}

/// Lives all of them; gives what was lived.
pub(crate) async fn run() -> anyhow::Result<String> {
    // Once for all, for each would wait for the others'.
    venv::ensure("requirements.txt").await?;
    build(&["tamesuke-sandbox", "tamesuke-server"], false).await?;
    let (mut left, mut living, mut lived, mut failed) = (all().into_iter(), JoinSet::new(), 0, Vec::new());
    loop {
        while living.len() < JOBS
            && let Some((name, options)) = left.next()
        {
            living.spawn(async move { (name, run_and_report(&options).await) });
        }
        let Some(ended) = living.join_next().await else { break };
        let (name, report) = ended?;
        match report {
            Ok((report, folder)) if is_as_it_should_be(&name, &report) => {
                println!("{name}: {report}");
                folders::remove(&folder);
                lived += 1;
            }
            Ok((report, folder)) => failed.push(format!("{name}: {report}, its log is in {}", folder.display())),
            Err(error) => {
                println!("{name} FAILED: {error:#}");
                failed.push(format!("{name}: {error:#}"));
            }
        }
    }
    if failed.is_empty() {
        return Ok(format!("{lived} worlds: each step failing, for ever, many at once, again, other scripts"));
    }
    bail!("{}", failed.join("\n"))
}
