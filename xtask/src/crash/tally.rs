//! What the kills of all rounds come to: counted, printed and judged.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::ensure;

use super::Outcome;
use super::kill::Victim;
use super::phase::Phase;

/// A script that is alive for longer after the service is late. Of scripts that were left alone and did not mind that
/// nobody heard them, 7 of 30 kills left such a one; of those that ended at their next word, 1 of 30. The latter are
/// seen only where they are held, as one is in each round.
const OUTLIVES_MAX: Duration = Duration::from_secs(1);
/// One kill of the service may leave a late script, and of so many one more: a machine that stands still for a
/// second makes one late, and the longest of all would only tell how many kills there were.
const KILLS_PER_LATE: usize = 100;
/// From so many rounds on, a script must have been killed alone, and a service with a held run. Each round owes
/// the one to the first run that it meets and the other to the second, so only rounds that met none can leave this
/// open.
const OWED_FROM_ROUNDS: u64 = 5;
/// The share of kills that must hit a living run, in percent …
const IN_RUN_MIN_PERCENT: usize = 50;
/// … judged from so many rounds on: a share of few is chance.
const SHARE_FROM_ROUNDS: u64 = 20;

/// What was counted of the kills.
#[derive(Debug, Default)]
pub(super) struct Tally {
    /// How often the service was killed, and how often a script alone, by where the lives were.
    by_phase: BTreeMap<Phase, (usize, usize)>,
    /// How many rounds killed the service with a held run.
    held: usize,
    /// How many kills of the service left a late script.
    late: usize,
    /// How long a script was seen alive after the service.
    longest: Duration,
}

impl Tally {
    /// Counts the kills of some rounds.
    pub(super) fn of(outcomes: &[&Outcome]) -> Self {
        let mut tally = Self::default();
        for outcome in outcomes {
            for (phase, victim) in &outcome.kills {
                let counts = tally.by_phase.entry(*phase).or_default();
                match victim {
                    Victim::Service => counts.0 += 1,
                    Victim::Script => counts.1 += 1,
                }
            }
            tally.held += usize::from(outcome.run_was_held);
            tally.late += outcome.outlived_by.iter().filter(|outlived_by| **outlived_by > OUTLIVES_MAX).count();
            tally.longest = outcome.outlived_by.iter().copied().fold(tally.longest, Duration::max);
        }
        tally
    }

    fn of_service(&self) -> usize {
        self.by_phase.values().map(|(services, _)| services).sum()
    }

    fn of_script(&self) -> usize {
        self.by_phase.values().map(|(_, scripts)| scripts).sum()
    }

    fn in_run(&self) -> usize {
        let in_run = self.by_phase.iter().filter(|(phase, _)| phase.is_in_run());
        in_run.map(|(_, (services, scripts))| services + scripts).sum()
    }

    /// Prints all of it.
    pub(super) fn print(&self) {
        println!("| killed | the service | the script alone |\n| --- | --- | --- |");
        for (phase, (services, scripts)) in &self.by_phase {
            println!("| {phase} | {services} | {scripts} |");
        }
        let (of_service, of_script) = (self.of_service(), self.of_script());
        println!(
            "{} kills, {} of them while a run was alive, {of_script} of the script alone, {} with a held run",
            of_service + of_script,
            self.in_run(),
            self.held
        );
        println!(
            "no script was seen alive more than {} ms after the service; {} of {of_service} kills left one for more than {} ms",
            self.longest.as_millis(),
            self.late,
            OUTLIVES_MAX.as_millis()
        );
    }

    /// Whether so many rounds killed what they were to kill, and little was late.
    pub(super) fn judge(&self, rounds: u64) -> anyhow::Result<()> {
        let (of_service, of_script, in_run) = (self.of_service(), self.of_script(), self.in_run());
        let (late, late_max) = (self.late, 1 + of_service / KILLS_PER_LATE);
        ensure!(
            late <= late_max,
            "{late} of {of_service} kills of the service left a script for more than {} ms, and at most {late_max} may",
            OUTLIVES_MAX.as_millis()
        );
        let all = of_service + of_script;
        let few = rounds >= SHARE_FROM_ROUNDS && in_run * 100 < all * IN_RUN_MIN_PERCENT;
        ensure!(in_run > 0 && !few, "only {in_run} of {all} kills hit a living run");
        let owed = rounds >= OWED_FROM_ROUNDS;
        ensure!(!owed || of_script > 0, "no script was killed alone in {rounds} rounds");
        ensure!(!owed || self.held > 0, "the service was never killed with a held run in {rounds} rounds");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Kills of the service in a run and elsewhere, of a script alone, and how many left a late script.
    fn tally(in_run: usize, elsewhere: usize, scripts: usize, late: usize) -> Tally {
        let by_phase = BTreeMap::from([(Phase::Step(8), (in_run, scripts)), (Phase::Ready, (elsewhere, 0))]);
        Tally { by_phase, held: 1, late, longest: Duration::ZERO }
    }

    #[test]
    fn kills_are_judged_by_counts_and_what_is_chance_in_few_only_in_many() {
        let none_in_run = Some("only 0 of 9 kills hit a living run");
        let too_few_in_run = Some("only 40 of 81 kills hit a living run");
        let no_script = Some("no script was killed alone in 5 rounds");
        let none_held = Some("the service was never killed with a held run in 5 rounds");
        let unheld = |tally| Tally { held: 0, ..tally };
        let late = |late, kills, max| {
            Some(format!(
                "{late} of {kills} kills of the service left a script for more than 1000 ms, and at most {max} may"
            ))
        };
        let said = |text: Option<&str>| text.map(str::to_owned);
        for (tally, rounds, expected) in [
            (tally(6, 2, 1, 0), 1, None),
            (tally(6, 2, 1, 1), 1, None),
            (tally(6, 2, 1, 2), 1, late(2, 8, 1)),
            (tally(30, 5, 5, 2), 5, late(2, 35, 1)),
            (tally(90, 9, 10, 2), 20, late(2, 99, 1)),
            (tally(90, 10, 10, 2), 20, None),
            (tally(600, 100, 100, 8), 100, None),
            (tally(600, 100, 100, 9), 100, late(9, 700, 8)),
            (tally(0, 9, 0, 0), 1, said(none_in_run)),
            (tally(39, 41, 1, 0), 19, None),
            (tally(39, 41, 1, 0), 20, said(too_few_in_run)),
            (tally(40, 40, 1, 0), 20, None),
            (tally(20, 9, 0, 0), 4, None),
            (tally(20, 9, 0, 0), 5, said(no_script)),
            (unheld(tally(20, 9, 3, 0)), 4, None),
            (unheld(tally(20, 9, 3, 0)), 5, said(none_held)),
        ] {
            let told = tally.judge(rounds).err().map(|error| error.to_string());
            assert_eq!(told, expected, "{tally:?} in {rounds} rounds");
        }
    }

    #[test]
    fn a_script_is_late_only_beyond_the_bound_and_the_longest_is_kept() {
        let outlived_by = [0, 999, 1_000, 1_001, 20_000].map(Duration::from_millis).to_vec();
        let kills = vec![(Phase::Step(2), Victim::Service), (Phase::Ready, Victim::Script)];
        let one = Outcome { kills, outlived_by, run_was_held: true, ..Outcome::default() };
        let other = Outcome::default();
        let tally = Tally::of(&[&one, &other]);
        assert_eq!((tally.held, tally.late, tally.longest), (1, 2, Duration::from_secs(20)));
        assert_eq!((tally.of_service(), tally.of_script(), tally.in_run()), (1, 1, 1));
    }
}
