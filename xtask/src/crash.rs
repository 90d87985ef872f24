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
mod tally;
mod trial;
mod verdict;
mod watch;

use std::path::PathBuf;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use anyhow::bail;
use tokio::task::JoinSet;

use crate::processes::build;
use crate::{folders, venv};
use phase::Phase;
use round::Round;
use tally::Tally;
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
    /// How long a script was seen alive after the service, of each kill of it.
    pub(crate) outlived_by: Vec<Duration>,
    /// Whether the service was killed while a run of it was held, which only a kill ends in time.
    pub(crate) run_was_held: bool,
    /// Where its log is.
    pub(crate) folder: PathBuf,
}

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
                folders::remove(&outcome.folder);
            }
            Ok(outcome) => eprintln!(
                "round {number}: VIOLATED (--seed {seed} --first-round {number} --rounds 1) in {}: {:#?}",
                outcome.folder.display(),
                outcome.verdict
            ),
            Err(error) => {
                eprintln!("round {number}: NOT SETTLED (--seed {seed} --first-round {number} --rounds 1): {error:#}");
            }
        }
        outcomes.push((number, outcome));
    }
}

/// Runs all rounds and prints what they showed; gives the last line.
pub(crate) async fn play(options: &Options) -> anyhow::Result<String> {
    let clock = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    let seed = options.seed.unwrap_or(clock);
    let began = Instant::now();
    let outcomes = play_all(options, seed).await?;
    let played: Vec<&Outcome> = outcomes.iter().filter_map(|(_, outcome)| outcome.as_ref().ok()).collect();
    let tally = Tally::of(&played);
    tally.print();
    let sum = |count: fn(&Outcome) -> usize| played.iter().map(|outcome| count(outcome)).sum::<usize>();
    println!(
        "{} trials, {} of them refunded; seed {seed}, {} s",
        sum(|o| o.trials),
        sum(|o| o.refunded),
        began.elapsed().as_secs()
    );
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
    tally.judge(options.rounds)?;
    Ok(line)
}

/// The command.
pub(crate) async fn run(options: Options) -> anyhow::Result<()> {
    play(&options).await.map(|_| ())
}
