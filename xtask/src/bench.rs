//! `cargo xtask bench`: the release build beside a bare server, in one run and interleaved.
//!
//! The server is pinned to one core and the load generator to the other. Figures are medians of rounds;
//! the ones of throughput are ratios, for machines are noisy.

mod events;
mod load;
mod service;

use std::process::Stdio;
use std::time::{Duration, Instant};

use anyhow::Context as _;
use serde_json::{Value, json};
use tokio::process::{Child, Command};

use crate::ports::free_port;
use crate::processes::{build, run as run_program};
use crate::sandbox::Sandbox;

/// What is measured.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// Rounds of each throughput figure; 0 leaves them out.
    #[arg(long, default_value_t = 5)]
    rounds: usize,
    /// Seconds of each round.
    #[arg(long, default_value_t = 2)]
    seconds: u64,
}

/// The aims of `docs/performance.md`: name, bound, and whether more is better.
const AIMS: [(&str, f64, bool); 8] = [
    ("health", 0.85, true),
    ("check_subdomain", 0.85, true),
    ("webhook", 0.8, true),
    ("start_ms", 50.0, false),
    ("rss_idle_mb", 15.0, false),
    ("rss_10k_mb", 40.0, false),
    ("checkout_own_ms", 1.0, false),
    ("webhook_to_run_ms", 50.0, false),
];

/// The middle of some figures.
pub(crate) fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures.get(figures.len() / 2).copied().unwrap_or(f64::NAN)
}

/// Memory that a process holds, in megabytes.
pub(crate) fn resident_mb(pid: u32) -> anyhow::Result<f64> {
    memory_mb(pid, "VmRSS:")
}

/// The most that a process has held so far, in megabytes.
pub(crate) fn peak_mb(pid: u32) -> anyhow::Result<f64> {
    memory_mb(pid, "VmHWM:")
}

fn memory_mb(pid: u32, field: &str) -> anyhow::Result<f64> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).context("memory is read from /proc")?;
    let line = status.lines().find(|line| line.starts_with(field)).with_context(|| format!("no {field}"))?;
    let kilobytes: f64 = line.split_whitespace().nth(1).context("no number")?.parse()?;
    Ok(kilobytes / 1024.0)
}

/// Runs everything and prints the table and the line.
pub(crate) async fn run_all(options: &Options) -> anyhow::Result<Value> {
    let python = crate::venv::ensure("requirements.txt").await?;
    let bin = build(&["tamesuke-sandbox", "tamesuke-server"], true).await?;
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    run_program(&cargo, &["build", "--quiet", "--release", "--package", "tamesuke-server", "--example", "bare"])
        .await?;
    let port = free_port()?;
    let sandbox = Sandbox::start(
        &bin,
        &format!("http://127.0.0.1:{port}/webhook/stripe"),
        &["--time-scale".into(), "0.05".into()],
    )
    .await?;
    let mut bench = service::Bench { bin, sandbox, python, port };
    let mut report = json!({});
    bench.start_and_idle(&mut report).await?;
    if options.rounds > 0 {
        load::throughput(&bench, options.rounds, options.seconds, &mut report).await?;
    }
    bench.checkout_and_run(&mut report).await?;
    bench.ten_thousand(&mut report).await?;
    bench.sandbox.stop().await?;
    Ok(report)
}

/// Runs the benchmark.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    for (tool, package) in [("wrk", "wrk"), ("taskset", "util-linux")] {
        let found = Command::new("which").arg(tool).stdout(Stdio::null()).status().await?;
        anyhow::ensure!(found.success(), "{tool} is missing; on Debian: apt-get install {package}");
    }
    let report = run_all(&options).await?;
    println!("| figure | measured | aim | met |\n| --- | --- | --- | --- |");
    for (name, bound, more) in AIMS {
        let seen = report[name].as_f64().unwrap_or(f64::NAN);
        let met = if more { seen >= bound } else { seen <= bound };
        let (sign, verdict) = (if more { "≥" } else { "≤" }, if met { "yes" } else { "no" });
        println!("| {name} | {seen:.2} | {sign} {bound} | {verdict} |");
    }
    println!("{report}");
    Ok(())
}

/// A program pinned to the first core, started with these variables.
pub(crate) fn pinned(
    program: &std::path::Path,
    env: impl IntoIterator<Item = (String, String)>,
    dir: &std::path::Path,
) -> anyhow::Result<Child> {
    Command::new("taskset")
        .args(["-c", "0"])
        .arg(program)
        .envs(env)
        .env("RUST_LOG", "error")
        .current_dir(dir)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .context("taskset can't be started")
}

/// How long until something listens on a port, in milliseconds.
pub(crate) async fn listening_ms(port: u16, began: Instant) -> anyhow::Result<f64> {
    while tokio::net::TcpStream::connect(("127.0.0.1", port)).await.is_err() {
        anyhow::ensure!(began.elapsed() < Duration::from_secs(10), "nothing listens on {port}");
        tokio::time::sleep(Duration::from_micros(200)).await;
    }
    Ok(began.elapsed().as_secs_f64() * 1_000.0)
}
