//! `cargo xtask test clients`: other people's client libraries against the sandbox, and everything that
//! was asked and answered against public schemas; also what the adapters and two whole lives asked. With `--lies` the
//! checks are checked: the sandbox lies in one way at a time, and each lie must be noticed.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use anyhow::{Context as _, bail, ensure};
use serde_json::Value;
use tokio::process::Command;

use crate::demo;
use crate::folders;
use crate::processes::{build, root};
use crate::venv;

/// Runs the suites and two lives; gives how much was checked.
pub(crate) async fn run() -> anyhow::Result<String> {
    let python = venv::ensure("requirements-dev.txt").await?;
    let bin = build(&["tamesuke-sandbox", "tamesuke-server"], false).await?;
    let report = std::env::temp_dir().join(format!("tamesuke-clients-{}.json", std::process::id()));
    let status = pytest(&python, &bin, &["tests/clients"])
        .env("TAMESUKE_CLIENTS_REPORT", &report)
        .status()
        .await
        .context("pytest can't be started")?;
    ensure!(status.success(), "the client suites ended with {status}");
    let seen: Value = serde_json::from_str(&std::fs::read_to_string(&report)?)?;
    std::fs::remove_file(&report)?;
    let calls: u64 = seen["calls"].as_object().into_iter().flatten().filter_map(|(_, count)| count.as_u64()).sum();
    ensure!(calls > 0, "no client made a call");
    lives(&python).await?;
    let count = |what: &str| -> u64 {
        let counts = seen["counts"].as_object().into_iter().flatten();
        counts.filter(|(name, _)| name.contains(what)).filter_map(|(_, count)| count.as_u64()).sum()
    };
    Ok(if seen["specs"] == true {
        format!("{calls} client calls; {} answers and {} requests checked", count("answers"), count("requests"))
    } else {
        format!("{calls} client calls; no public schemas beside this checkout")
    })
}

/// Records what the adapters ask in their contract suites, a life that goes well and one whose clone
/// fails at first, and holds all of it against the schemas.
async fn lives(python: &Path) -> anyhow::Result<()> {
    let dir = folders::make("lives")?;
    let (well, mended) = (dir.join("well.json"), dir.join("mended.json"));
    for options in [
        demo::Options::once().recorded(&well),
        demo::Options::once().with_fault(demo::fault_of_step(8)).recorded(&mended),
    ] {
        let (report, folder) = demo::run_and_report(&options).await?;
        println!("{report}");
        folders::remove(&folder);
    }
    let status = Command::new(cargo())
        // All of the workspace's, or other features of what they share would be built first.
        .args(["test", "--quiet", "--workspace", "--test", "contract"])
        .env("TAMESUKE_EXCHANGES", &dir)
        .current_dir(root())
        .status()
        .await?;
    ensure!(status.success(), "a contract suite ended with {status}");
    let status = Command::new(python)
        .args(["-m", "tests.clients.life"])
        .args([&well, &mended, &dir.join("stripe-adapter.json"), &dir.join("provisioner-adapter.json")])
        .current_dir(root())
        .stdin(Stdio::null())
        .status()
        .await?;
    ensure!(status.success(), "what the service asked does not fit the public schemas");
    Ok(())
}

fn pytest(python: &Path, bin: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(python);
    command
        .args(["-m", "pytest", "-q"])
        .args(arguments)
        .env("TAMESUKE_SANDBOX", bin.join("tamesuke-sandbox"))
        .current_dir(root())
        .stdin(Stdio::null());
    command
}

/// A lie, and who has noticed it.
struct Verdict {
    name: String,
    wrong: String,
    caught: Option<String>,
}

/// Lets the sandbox lie in one way after the other; fails where a lie is believed.
pub(crate) async fn lies() -> anyhow::Result<String> {
    let python = venv::ensure("requirements-dev.txt").await?;
    let bin = build(&["tamesuke-sandbox"], false).await?;
    let listed = Command::new(bin.join("tamesuke-sandbox")).arg("--list-lies").output().await?;
    let listed = String::from_utf8(listed.stdout)?;
    let mut verdicts = Vec::new();
    for (name, wrong) in listed.lines().filter_map(|line| line.split_once('\t')) {
        let caught = caught(&python, &bin, name).await.with_context(|| format!("the lie {name}"))?;
        println!("  {name:<30} {}", caught.as_deref().unwrap_or("BELIEVED"));
        verdicts.push(Verdict { name: name.to_owned(), wrong: wrong.to_owned(), caught });
    }
    ensure!(verdicts.len() >= 20, "there are {} lies only", verdicts.len());
    println!("\n  {:<30} {:<56} caught by", "lie", "what is wrong");
    for lie in &verdicts {
        println!("  {:<30} {:<56} {}", lie.name, lie.wrong, lie.caught.as_deref().unwrap_or("NOBODY"));
    }
    let believed: Vec<&str> = verdicts.iter().filter(|lie| lie.caught.is_none()).map(|lie| lie.name.as_str()).collect();
    if !believed.is_empty() {
        bail!("{} of {} lies are believed: {}", believed.len(), verdicts.len(), believed.join(", "));
    }
    Ok(format!("{0} of {0} lies caught", verdicts.len()))
}

/// Which test notices a lie first.
async fn caught(python: &Path, bin: &Path, lie: &str) -> anyhow::Result<Option<String>> {
    let files = match lie.split('-').next() {
        Some("stripe") => vec![
            "tests/clients/stripe_checkout_test.py",
            "tests/clients/stripe_subscription_test.py",
            "tests/clients/stripe_faults_test.py",
        ],
        Some("cloudflare") => vec!["tests/clients/cloudflare_test.py"],
        Some("proxmox") => vec!["tests/clients/proxmox_test.py"],
        _ => return contract(lie).await,
    };
    let arguments = [&["-x", "--tb=line", "-rfE"], files.as_slice()].concat();
    let output = pytest(python, bin, &arguments).env("TAMESUKE_SANDBOX_LIE", lie).output().await?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    match output.status.code() {
        Some(0) => Ok(None),
        // Tests that failed; anything else is no verdict.
        Some(1) => {
            let found = text.lines().find_map(|line| {
                let (how, rest) = line.split_once(" tests/clients/")?;
                let found_by = rest.split(' ').next()?.rsplit("::").next()?;
                match how {
                    "FAILED" => Some(format!("client: {found_by}")),
                    // What fails after a test is the check of its exchanges.
                    "ERROR" => Some(format!("schema, after {found_by}")),
                    _ => None,
                }
            });
            Ok(Some(found.unwrap_or_else(|| "a client suite".to_owned())))
        }
        code => bail!("pytest ended with {code:?}:\n{text}"),
    }
}

fn cargo() -> PathBuf {
    std::env::var_os("CARGO").map_or_else(|| PathBuf::from("cargo"), PathBuf::from)
}

/// Whether a contract suite notices a lie that no client library can see.
async fn contract(lie: &str) -> anyhow::Result<Option<String>> {
    let package = if lie.starts_with("smtp") { "tamesuke-mailer" } else { "tamesuke-provisioner" };
    let cargo = cargo();
    let test = ["test", "--quiet", "--package", package, "--test", "contract"];
    let honest = Command::new(&cargo).args(test).current_dir(root()).output().await?;
    ensure!(honest.status.success(), "the contract suite of {package} fails without a lie");
    let lied = Command::new(&cargo).args(test).current_dir(root()).env("TAMESUKE_SANDBOX_LIE", lie).output().await?;
    Ok((!lied.status.success()).then(|| format!("contract suite of {package}")))
}
