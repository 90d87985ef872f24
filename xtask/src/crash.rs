//! `cargo xtask crash`: the release binary killed with SIGKILL at drawn instants of random lives, started
//! again until every trial is settled, and then judged by what the sandbox itself holds.
//!
//! A round is a world of its own: a fresh sandbox, a few orders, other people's things with names close
//! to theirs, and about eight kills. Nothing that the service says of itself counts.

mod kill;
mod life;
mod phase;
mod round;
mod standing;
mod trial;
mod verdict;
mod watch;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::bail;
use tokio::task::JoinSet;

use crate::processes::build;
use crate::venv;
use phase::Phase;
use round::Round;
use verdict::Verdict;

/// How often and how it is crashed.
#[derive(clap::Args, Debug, Clone)]
pub(crate) struct Options {
    /// How many worlds.
    #[arg(long, default_value_t = 20)]
    rounds: u64,
    /// What the draws start from; the clock's by default.
    #[arg(long)]
    seed: Option<u64>,
    /// The first round's number; with --seed and --rounds 1 it draws one round again.
    #[arg(long, default_value_t = 0)]
    first_round: u64,
    /// Rounds at a time.
    #[arg(long, default_value_t = 3)]
    jobs: usize,
}

impl Options {
    /// As the tests run it.
    pub(crate) fn of_rounds(rounds: u64) -> Self {
        Self { rounds, seed: None, first_round: 0, jobs: 3 }
    }
}

/// The programs that all rounds share.
#[derive(Debug, Clone)]
pub(crate) struct Programs {
    pub(crate) bin: PathBuf,
    pub(crate) python: PathBuf,
}

/// What a round showed.
#[derive(Debug, Default)]
pub(crate) struct Outcome {
    pub(crate) kills: Vec<(Phase, kill::Victim)>,
    pub(crate) verdict: Verdict,
    pub(crate) trials: usize,
    pub(crate) refunded: usize,
    /// How long a script was seen alive after the service.
    pub(crate) longest_outlived: Duration,
}

/// From so many rounds on, a script must have been killed alone. Each round owes one to the first run that
/// it meets, so only rounds that met none at all can leave this open.
const SCRIPT_ALONE_FROM_ROUNDS: u64 = 5;
/// The share of kills that must hit a living run, in percent.
const IN_RUN_MIN_PERCENT: usize = 50;
/// No script may outlive the service by more …
const OUTLIVES_MAX: Duration = Duration::from_secs(1);
/// … both judged from so many rounds on: of a few, chance has more to say, and a test must not fail because
/// the machine stood still for a second.
const JUDGED_FROM_ROUNDS: u64 = 20;

async fn play_all(options: &Options, seed: u64) -> anyhow::Result<Vec<(u64, anyhow::Result<Outcome>)>> {
    let python = venv::ensure("requirements.txt").await?;
    let bin = build(&["tamesuke-sandbox", "tamesuke-server"], true).await?;
    let programs = Programs { bin, python };
    let (mut running, mut outcomes) = (JoinSet::new(), Vec::new());
    let mut left = options.first_round..options.first_round.saturating_add(options.rounds);
    loop {
        while running.len() < options.jobs.max(1)
            && let Some(number) = left.next()
        {
            let programs = programs.clone();
            running.spawn(async move { (number, Round::play(programs, seed, number).await) });
        }
        let Some(played) = running.join_next().await else {
            return Ok(outcomes);
        };
        let (number, outcome) = played?;
        match &outcome {
            Ok(outcome) if outcome.verdict.is_clean() => {
                eprintln!("round {number}: {} trials, {} kills", outcome.trials, outcome.kills.len());
            }
            Ok(outcome) => eprintln!(
                "round {number}: VIOLATED (--seed {seed} --first-round {number} --rounds 1): {:#?}",
                outcome.verdict
            ),
            Err(error) => {
                eprintln!("round {number}: NOT SETTLED (--seed {seed} --first-round {number} --rounds 1): {error:#}");
            }
        }
        outcomes.push((number, outcome));
    }
}

/// How many kills there were, how many while a run was alive, and how many of a script alone.
struct Kills {
    all: usize,
    in_run: usize,
    of_script: usize,
}

fn print_kills(outcomes: &[&Outcome]) -> Kills {
    let mut by_phase: BTreeMap<Phase, (usize, usize)> = BTreeMap::new();
    for (phase, victim) in outcomes.iter().flat_map(|outcome| &outcome.kills) {
        let counts = by_phase.entry(*phase).or_default();
        match victim {
            kill::Victim::Service => counts.0 += 1,
            kill::Victim::Script => counts.1 += 1,
        }
    }
    println!("| killed | the service | the script alone |\n| --- | --- | --- |");
    for (phase, (services, scripts)) in &by_phase {
        println!("| {phase} | {services} | {scripts} |");
    }
    let all: usize = by_phase.values().map(|(services, scripts)| services + scripts).sum();
    let in_run: usize =
        by_phase.iter().filter(|(phase, _)| phase.is_in_run()).map(|(_, (services, scripts))| services + scripts).sum();
    let of_script = by_phase.values().map(|(_, scripts)| scripts).sum();
    println!("{all} kills, {in_run} of them while a run was alive, {of_script} of the script alone");
    Kills { all, in_run, of_script }
}

/// Runs all rounds and prints what they showed; gives the last line.
pub(crate) async fn play(options: &Options) -> anyhow::Result<String> {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let seed = options.seed.unwrap_or(clock);
    let began = Instant::now();
    let outcomes = play_all(options, seed).await?;
    let played: Vec<&Outcome> = outcomes.iter().filter_map(|(_, outcome)| outcome.as_ref().ok()).collect();
    let Kills { all: kills, in_run, of_script } = print_kills(&played);
    let sum = |count: fn(&Outcome) -> usize| played.iter().map(|outcome| count(outcome)).sum::<usize>();
    println!(
        "{} trials, {} of them refunded; seed {seed}, {} s",
        sum(|o| o.trials),
        sum(|o| o.refunded),
        began.elapsed().as_secs()
    );
    let longest = played.iter().map(|outcome| outcome.longest_outlived).max().unwrap_or_default();
    println!("no script was seen alive more than {} ms after the service", longest.as_millis());
    let others = sum(|o| o.verdict.others());
    if others > 0 {
        println!(
            "{others} other violations: foreign things, mails, shared or missing parts, refunds, or scripts that outlived the service"
        );
    }
    let line = format!(
        "{} of {} settled, {} lost, {} leaked, {} charged twice",
        played.len(),
        outcomes.len(),
        sum(|o| o.verdict.lost.len()),
        sum(|o| o.verdict.leaked.len()),
        sum(|o| o.verdict.charged_twice.len()),
    );
    println!("{line}");
    if played.len() < outcomes.len() || played.iter().any(|outcome| !outcome.verdict.is_clean()) {
        bail!("{line}; {others} other violations");
    }
    let judged = options.rounds >= JUDGED_FROM_ROUNDS;
    if judged && longest > OUTLIVES_MAX {
        bail!("a script outlived the service by {} ms", longest.as_millis());
    }
    if in_run == 0 || (judged && in_run * 100 < kills * IN_RUN_MIN_PERCENT) {
        bail!("only {in_run} of {kills} kills hit a living run");
    }
    if of_script == 0 && options.rounds >= SCRIPT_ALONE_FROM_ROUNDS {
        bail!("no script was killed alone in {} rounds", options.rounds);
    }
    Ok(line)
}

/// The command.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    play(&options).await.map(|_| ())
}
