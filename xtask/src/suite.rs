//! `cargo xtask test`: everything, or one part.

use std::time::Instant;

use anyhow::bail;

use crate::processes::run as run_program;
use crate::{folders, lives, rooms, venv};

/// What is tested.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// One part only.
    part: Option<Part>,
    /// With `clients`: let the sandbox lie in one way after the other, and see each lie noticed.
    #[arg(long)]
    lies: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// Which crate may know which.
    Rooms,
    /// Format, lints, documentation and the Rust tests.
    Rust,
    /// Lints, types and tests of provisioner.py and the bridge.
    Python,
    /// Other people's client libraries and public schemas against the sandbox.
    Clients,
    /// Whole lives of the real binary against the sandbox.
    Life,
    /// Two orders at once, repeated and shuffled webhooks, kills, and secrets in logs.
    Races,
    /// What costs people nights, one order each.
    Nights,
    /// The sweeper: what it removes, what it leaves alone, and what it says.
    Sweep,
    /// The release build killed at drawn instants of random lives.
    Crash,
    /// The quick scenes of `cargo xtask load`: thousands of webhooks, and none at all.
    Load,
    /// The engine on a virtual clock through seeds of faults.
    Chaos,
    /// The API's description held against the running service.
    Api,
    /// The pages in a real Chromium.
    Browser,
}

/// Worlds that the part `crash` plays.
const CRASH_ROUNDS: u64 = 5;

const ALL: [Part; 13] = [
    Part::Rooms,
    Part::Rust,
    Part::Python,
    Part::Clients,
    Part::Life,
    Part::Races,
    Part::Nights,
    Part::Sweep,
    Part::Crash,
    Part::Load,
    Part::Chaos,
    Part::Api,
    Part::Browser,
];

async fn run_part(part: Part) -> anyhow::Result<String> {
    match part {
        Part::Rooms => rooms::check().await.map(|count| format!("{count} arrows")),
        Part::Rust => rust().await,
        Part::Python => python().await,
        Part::Clients => crate::clients::run().await,
        Part::Life => life().await,
        Part::Races => crate::races::run().await,
        Part::Sweep => crate::sweep::run().await,
        Part::Crash => crate::crash::play(&crate::crash::Options::of_rounds(CRASH_ROUNDS)).await,
        Part::Load => crate::load::quick().await,
        Part::Nights => crate::nights::run().await,
        Part::Chaos => crate::chaos::test().await,
        Part::Api => crate::api::run().await,
        Part::Browser => crate::browser::run().await,
    }
}

async fn life() -> anyhow::Result<String> {
    let lived = lives::run().await?;
    let checked = crate::check::run().await?;
    Ok(format!("{lived}; {checked}"))
}

async fn rust() -> anyhow::Result<String> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    run_program(&cargo, &["fmt", "--all", "--check"]).await?;
    run_program(&cargo, &["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]).await?;
    run_program(&cargo, &["test", "--workspace", "--quiet"]).await?;
    let warned = ["--config", "build.rustdocflags=[\"-Dwarnings\"]"];
    run_program(&cargo, &[&warned[..], &["doc", "--workspace", "--no-deps", "--quiet"]].concat()).await?;
    Ok("format, lints, tests, examples and documentation".to_owned())
}

async fn python() -> anyhow::Result<String> {
    let python = venv::ensure("requirements-dev.txt").await?.to_string_lossy().into_owned();
    run_program(&python, &["-m", "ruff", "check", "."]).await?;
    run_program(&python, &["-m", "mypy"]).await?;
    run_program(&python, &["-m", "pytest", "-q", "tests/python"]).await?;
    Ok(format!("lints, types and tests{}", skipped().unwrap_or_default()))
}

/// Programs without which tests/python leaves checks out, and the packages that have them.
const CHECKERS: [(&str, &str); 3] = [("jq", "jq"), ("shellcheck", "shellcheck"), ("systemd-analyze", "systemd")];

/// What was left out because a program is missing, so that a pass is not taken for more than it is.
fn skipped() -> Option<String> {
    let folders = std::env::var_os("PATH").unwrap_or_default();
    let found = |program: &str| std::env::split_paths(&folders).any(|folder| folder.join(program).is_file());
    let missing = CHECKERS.into_iter().filter(|(program, _)| !found(program));
    let (programs, packages): (Vec<_>, Vec<_>) = missing.unzip();
    let told = || format!("; skipped: what needs {}: apt-get install {}", programs.join(", "), packages.join(" "));
    (!programs.is_empty()).then(told)
}

/// Runs what was asked for, with a line for each part.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    if options.lies {
        if options.part != Some(Part::Clients) {
            bail!("--lies goes with the part clients: cargo xtask test clients --lies");
        }
        println!("{}", crate::clients::lies().await?);
        return Ok(());
    }
    let parts = options.part.map_or_else(|| ALL.to_vec(), |part| vec![part]);
    let (mut lines, mut failed) = (Vec::new(), 0);
    for part in parts {
        let began = Instant::now();
        let outcome = run_part(part).await;
        folders::settle(outcome.is_ok());
        let secs = began.elapsed().as_secs();
        lines.push(match outcome {
            Ok(what) => format!("  passed  {part:?} ({what}) in {secs} s"),
            Err(error) => {
                failed += 1;
                format!("  FAILED  {part:?}: {error:#} after {secs} s")
            }
        });
    }
    println!("\n{}", lines.join("\n"));
    println!("{} passed, {failed} failed", lines.len() - failed);
    if failed > 0 {
        bail!("{failed} part(s) failed")
    }
    Ok(())
}
