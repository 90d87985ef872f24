//! `cargo xtask chaos`: builds the simulator and lets it run seeds. It is a program of its own, so that
//! tasks stay quick to build.

use std::path::{Path, PathBuf};

use crate::processes::{root, run as run_program};

/// Which seeds, and how.
#[derive(clap::Args, Debug)]
pub(crate) struct Options {
    /// How many seeds; with --planted, at most for each fault.
    #[arg(long)]
    seeds: Option<u64>,
    /// From which one.
    #[arg(long)]
    first_seed: Option<u64>,
    /// Run each seed twice and compare what happened.
    #[arg(long)]
    twice: bool,
    /// Plant one fault at a time in the code, and show within how many seeds it is found.
    #[arg(long)]
    planted: bool,
    /// With --planted: these faults only, separated by commas.
    #[arg(long, requires = "planted")]
    only: Option<String>,
    /// Replay one seed; a failing one is shrunk.
    #[arg(long)]
    seed: Option<u64>,
    /// With --seed: print everything that happened.
    #[arg(long, requires = "seed")]
    trace: bool,
    /// Begin no further seed after that many seconds.
    #[arg(long)]
    at_most_secs: Option<u64>,
    /// Seeds at a time; one for each core if nothing is said.
    #[arg(long)]
    jobs: Option<u64>,
}

/// In how many seeds a planted fault is looked for, if nothing else is said.
const PLANTED_SEEDS: u64 = 20_000;
/// Planted faults that a test run looks for: those found within few seeds.
const QUICK_FAULTS: &str = "OwnedByName,CanceledUnrefunded,MarkedBeforeSent,NoArbitration,NoResync";

impl Options {
    fn arguments(&self) -> Vec<String> {
        let seeds = self.seeds.or(self.planted.then_some(PLANTED_SEEDS));
        let numbers = [
            ("--seeds", seeds),
            ("--first-seed", self.first_seed),
            ("--seed", self.seed),
            ("--at-most-secs", self.at_most_secs),
            ("--jobs", self.jobs),
        ];
        let mut arguments: Vec<String> = numbers
            .into_iter()
            .filter_map(|(name, number)| Some([name.to_owned(), number?.to_string()]))
            .flatten()
            .collect();
        let switches = [("--twice", self.twice), ("--planted", self.planted), ("--trace", self.trace)];
        arguments.extend(switches.into_iter().filter(|(_, on)| *on).map(|(name, _)| name.to_owned()));
        if let Some(only) = &self.only {
            arguments.extend(["--only".to_owned(), only.clone()]);
        }
        arguments
    }
}

/// Runs what was asked for.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    let program = build(options.planted).await?;
    simulate(&program, &options.arguments()).await
}

/// The part of `cargo xtask test`: less than a minute of seeds.
pub(crate) async fn test() -> anyhow::Result<String> {
    let planted = build(true).await?;
    simulate(&planted, &words(&format!("--planted --seeds 2000 --only {QUICK_FAULTS}"))).await?;
    let program = build(false).await?;
    simulate(&program, &words("--seeds 200 --twice --first-seed 1000000 --at-most-secs 10")).await?;
    simulate(&program, &words("--seeds 1000 --at-most-secs 40")).await?;
    Ok("seeds, some of them twice, and planted faults".to_owned())
}

fn words(line: &str) -> Vec<String> {
    line.split(' ').map(str::to_owned).collect()
}

async fn build(planted: bool) -> anyhow::Result<PathBuf> {
    let cargo = std::env::var("CARGO").unwrap_or_else(|_| "cargo".to_owned());
    let mut arguments = vec!["build", "--quiet", "--release", "--package", "tamesuke-simulator"];
    if planted {
        arguments.extend(["--features", "planted"]);
    }
    eprintln!("building the simulator …");
    run_program(&cargo, &arguments).await?;
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root().join("target"), PathBuf::from);
    Ok(target.join("release").join("tamesuke-simulator"))
}

async fn simulate(program: &Path, arguments: &[String]) -> anyhow::Result<()> {
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    run_program(&program.to_string_lossy(), &arguments).await
}
