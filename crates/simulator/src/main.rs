//! `tamesuke-simulator`: runs seeds and says what they came to. `cargo xtask chaos` builds and calls it.

#![expect(clippy::print_stdout, reason = "a report on standard output is what this program is for")]

use std::num::NonZeroUsize;
use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;
use tamesuke_simulator::campaign::{self, Range};
use tamesuke_simulator::fate::Muted;
use tamesuke_simulator::invariants::Violation;
use tamesuke_simulator::trace::Detail;
use tamesuke_simulator::{shrink, simulation};

/// Lines of a shrunk replay that are shown, counted from its end.
const LINES_SHOWN: usize = 60;
/// So many failing seeds are enough.
const VIOLATIONS_MAX: usize = 20;
/// Failing seeds whose schedule is shrunk and shown.
const SHRUNK_MAX: usize = 3;

/// The engine on a virtual clock: one seed decides everything.
#[derive(Parser)]
struct Arguments {
    /// How many seeds.
    #[arg(long, default_value_t = 1_000)]
    seeds: u64,
    /// From which one.
    #[arg(long, default_value_t = 0)]
    first_seed: u64,
    /// Run each seed twice and compare what happened.
    #[arg(long)]
    twice: bool,
    /// Plant one fault at a time in the code, and show within how many seeds it is found.
    #[arg(long)]
    planted: bool,
    /// With --planted: these faults only, by the names that the table shows.
    #[arg(long, requires = "planted", value_delimiter = ',')]
    only: Vec<String>,
    /// Replay one seed.
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
    jobs: Option<NonZeroUsize>,
}

impl Arguments {
    fn range(&self, violations_max: usize) -> Range {
        let cores = || std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        Range {
            first: self.first_seed,
            seeds: self.seeds,
            twice: self.twice,
            violations_max,
            at_most: self.at_most_secs.map(Duration::from_secs),
            jobs: self.jobs.unwrap_or_else(cores),
        }
    }
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let well = match arguments.seed {
        Some(seed) => replay(seed, arguments.trace),
        None if arguments.planted => planted(&arguments),
        None => many(&arguments),
    };
    if well { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn many(arguments: &Arguments) -> bool {
    let campaign = campaign::run(arguments.range(VIOLATIONS_MAX));
    for line in campaign.lines() {
        println!("{line}");
    }
    for (seed, violation) in &campaign.violations {
        println!("seed {seed}: {}: {}", violation.invariant, violation.what);
    }
    for (seed, violation) in campaign.violations.iter().take(SHRUNK_MAX) {
        show_shrunk(*seed, violation);
    }
    let complaints = campaign.complaints();
    for complaint in &complaints {
        println!("FAILED: {complaint}");
    }
    let twice = if arguments.twice { ", each the same twice" } else { "" };
    println!("{} seeds, {} violations{twice}", campaign.seeds, campaign.violations.len());
    complaints.is_empty()
}

fn replay(seed: u64, trace: bool) -> bool {
    let outcome = simulation::run(seed, &Muted::default(), if trace { Detail::Lines } else { Detail::Hash });
    for line in &outcome.lines {
        println!("{line}");
    }
    println!("seed {seed}: hash {:016x}, {} calls", outcome.hash, outcome.tally.calls_in_all());
    match &outcome.violation {
        None => {
            println!("seed {seed}: every promise held");
            true
        }
        Some(violation) => {
            show_shrunk(seed, violation);
            false
        }
    }
}

fn show_shrunk(seed: u64, violation: &Violation) {
    let shrunk = shrink::shrink(seed, violation.invariant);
    println!("\nseed {seed}: {}", violation.invariant);
    if let Some(broken) = &shrunk.outcome.violation {
        println!("  {} (at {} ms)", broken.what, broken.at);
    }
    println!("  needs {} disturbances, found in {} replays:", shrunk.outcome.disturbances.len(), shrunk.replays);
    for (at, kind, nth, what) in &shrunk.outcome.disturbances {
        println!("  {at:>9} ms  {kind:?} {nth}: {what}");
    }
    let hidden = shrunk.outcome.lines.len().saturating_sub(LINES_SHOWN);
    println!("  its last {LINES_SHOWN} lines:");
    for line in shrunk.outcome.lines.iter().skip(hidden) {
        println!("  {line}");
    }
    println!("  replay with: cargo xtask chaos --seed {seed} --trace");
}

#[cfg(not(feature = "planted"))]
fn planted(_arguments: &Arguments) -> bool {
    println!("this build has no planted faults: build with --features planted");
    false
}

#[cfg(feature = "planted")]
fn planted(arguments: &Arguments) -> bool {
    use tamesuke_domain::planted::{Planted, plant};
    println!("{:<24} {:>8}  promise", "planted fault", "seeds");
    let mut all = true;
    let wanted = |fault: &Planted| arguments.only.is_empty() || arguments.only.contains(&format!("{fault:?}"));
    for fault in Planted::ALL.into_iter().filter(wanted) {
        plant(Some(fault));
        let campaign = campaign::run(arguments.range(1));
        let name = format!("{fault:?}");
        let Some((seed, violation)) = campaign.violations.first() else {
            all = false;
            println!("{name:<24} {:>8}  NOT FOUND", format!(">{}", campaign.seeds));
            continue;
        };
        let within = seed - arguments.first_seed + 1;
        // A seed that fails without the fault shows nothing of it.
        plant(None);
        let clean = simulation::run(*seed, &Muted::default(), Detail::Hash).violation.is_none();
        all &= clean;
        let doubt = if clean { "" } else { "  NOT SHOWN: the seed fails without the fault as well" };
        println!("{name:<24} {within:>8}  {}: {}{doubt}", violation.invariant, violation.what);
    }
    plant(None);
    println!("{}", if all { "every planted fault was found" } else { "FAILED: not every planted fault was found" });
    all
}
