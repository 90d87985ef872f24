//! Every limit and wait, a second before it and at it. Mutants don't change numbers; these tests hold them.

use std::time::Duration;

use super::wait;
use crate::action::{Action, AlertKind, Repair, Waiting};
use crate::decide;
use crate::fixture::{at, empty, id, look, trial, vmid, whole};
use crate::letter::{MailKind, MailMark, Stage};
use crate::look::{Look, Memory, RunView};
use crate::metadata::{Attempt, Reason};
use crate::parts::{Part, Scene};
use crate::time::DAY_SECS;

/// What is decided a second before a limit and at it.
#[track_caller]
fn edge(limit: i64, decided: impl Fn(i64) -> Action, before: &Action, reached: &Action) {
    assert_eq!(decided(limit - 1), *before, "before {limit} s");
    assert_eq!(decided(limit), *reached, "at {limit} s");
}

fn secs(number: i64) -> Duration {
    Duration::from_secs(number.try_into().unwrap())
}

fn refuse(reason: Reason) -> Action {
    Action::Refuse(id(), reason)
}

#[test]
fn what_this_process_remembers_counts_from_its_limit_on() {
    let trying = |change: &dyn Fn(&mut Look)| {
        let mut look = look(vec![trial().attempted(1, 10)], whole());
        change(&mut look);
        decide(&look, at(300))
    };
    let answer = wait(Waiting::Answer, 10);
    let settle = wait(Waiting::Settle, 1);
    edge(60, |n| trying(&|l| l.run = RunView::Failed { ago: secs(n) }), &settle, &answer);
    edge(60, |n| trying(&|l| l.memory.acting_for = secs(n)), &settle, &answer);
    let unlisted = |n| {
        let mut scene = whole();
        scene.records.clear();
        decide(
            &look(vec![trial().attempted(1, 10)], scene).also(|l| l.run = RunView::Succeeded { ago: secs(n) }),
            at(300),
        )
    };
    edge(60, unlisted, &settle, &Action::Remove(Part::File));

    let ready = |damage: fn(&mut Scene), memory: &dyn Fn(&mut Memory)| {
        let mut scene = whole();
        damage(&mut scene);
        decide(&look(vec![trial().ready()], scene).also(|l| memory(&mut l.memory)), at(300))
    };
    let told = |kind, words: &str| Action::Alert(kind, words.to_owned());
    let missing = |part| format!("sub_1 of acme: its {part} is gone; put it back or cancel the subscription");
    let container = told(AlertKind::Missing, &missing("container"));
    let tunnel = told(AlertKind::Missing, &missing("tunnel"));
    let lost = refuse(Reason::Lost);
    edge(3_600, |n| ready(|s| s.containers.clear(), &|m| m.missing_for = secs(n)), &container, &lost);
    // While the container lives, the customer's data does, and there is a day to mend the rest.
    edge(DAY_SECS, |n| ready(|s| s.tunnels.clear(), &|m| m.missing_for = secs(n)), &tunnel, &lost);
    let start = Action::Repair(id(), Repair::Start(vmid(9001)));
    let stopped: fn(&mut Scene) = |s| s.containers[0].running = false;
    edge(15, |n| ready(stopped, &|m| m.stopped_for = secs(n)), &wait(Waiting::Stopped, 15), &start);
    let locked: fn(&mut Scene) = |s| s.containers[0].lock = Some("disk".into());
    let alert = told(AlertKind::Locked, "container 9001 is locked; look at its task, then run: pct unlock 9001");
    edge(900, |n| ready(locked, &|m| m.locked_for = secs(n)), &wait(Waiting::Locked, 10), &alert);
}

#[test]
fn runs_are_spaced_and_their_number_and_time_are_limited() {
    let after = |count, last, now| decide(&look(vec![trial().attempted(count, last)], empty()), at(now));
    let run = |count, now| Action::Run(id(), Attempt { count, first: at(10), last: at(now) });
    for (count, spacing) in [(1, 30), (2, 60), (3, 120), (4, 240), (5, 480), (6, 960), (7, 1_200), (8, 1_200)] {
        edge(100 + spacing, |now| after(count, 100, now), &wait(Waiting::Start, 1), &run(count + 1, 100 + spacing));
    }
    edge(7_210, |now| after(8, 3_000, now), &run(9, 7_209), &refuse(Reason::GaveUp));
    assert_eq!(after(7, 3_000, 7_210), run(8, 7_210), "seven runs are not enough to give up");
    let a_day = |now| after(3, 3_000, now);
    edge(DAY_SECS, a_day, &run(4, DAY_SECS - 1), &refuse(Reason::GaveUp));
}

#[test]
fn the_end_and_the_waits_of_mails_are_kept_to_the_second() {
    let mark = |kind, stage, now| Action::MarkMail(id(), MailMark { kind, stage, at: at(now) });
    let thanked = trial().ready().mailed(MailKind::ThankYou, Stage::Sent, 90);
    let end = 7 * DAY_SECS;
    let rest = |until, free| Action::Rest { until: Some(at(until)), free };
    let ended = |now| decide(&look(vec![thanked.clone()], empty()), at(now));
    edge(end + 600, ended, &rest(end + 600, false), &Action::Cancel(id()));

    let next = |n| if n == 5 { Stage::Lost } else { Stage::Try(n + 1) };
    for (n, wait) in [(1, 600), (2, 3_600), (3, 21_600), (4, DAY_SECS), (5, DAY_SECS)] {
        let over = trial().ready().canceled().mailed(MailKind::ThankYou, Stage::Try(n), 0);
        let tried = |now| decide(&look(vec![over.clone()], empty()), at(now));
        edge(wait, tried, &rest(wait, true), &mark(MailKind::ThankYou, next(n), wait));
    }
}
