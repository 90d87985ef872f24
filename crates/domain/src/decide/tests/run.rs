//! Rows 9, 12 and 22 to 25: from a paid trial to a ready one, or to giving it up.

use std::time::Duration;

use super::{check, wait};
use crate::action::{Action, Waiting};
use crate::decide;
use crate::fixture::{TUNNEL, at, empty, id, look, trial, tunnel_id, vmid, whole};
use crate::letter::{MailKind, MailMark, Stage};
use crate::look::{Deed, Look, RunView, World};
use crate::metadata::{Attempt, Reason};
use crate::parts::{Part, Room, Scene};
use crate::time::DAY_SECS;

#[test]
fn row_9_a_day_without_success_is_given_up_unless_a_run_is_alive() {
    let slow = trial().attempted(3, DAY_SECS - 100);
    check(&look(vec![slow.clone()], empty()), DAY_SECS, &Action::Refuse(id(), Reason::GaveUp));
    let alive = look(vec![slow], empty()).also(|l| l.run = RunView::Alive { step: 3 });
    check(&alive, DAY_SECS, &wait(Waiting::Run, 60));
}

#[test]
fn row_12_what_a_dead_run_sent_last_may_still_arrive() {
    let failed = look(vec![trial().attempted(1, 10)], whole())
        .also(|l| l.run = RunView::Failed { ago: Duration::from_secs(20) });
    check(&failed, 30, &wait(Waiting::Settle, 40));
    let young = look(vec![trial().attempted(1, 10)], whole()).also(|l| l.memory.acting_for = Duration::from_secs(5));
    check(&young, 30, &wait(Waiting::Settle, 55));
    let nothing_begun = look(vec![trial()], empty()).also(|l| l.memory.acting_for = Duration::from_secs(5));
    check(&nothing_begun, 30, &Action::Run(id(), Attempt { count: 1, first: at(30), last: at(30) }));
}

#[test]
fn row_12_what_a_good_run_has_made_may_not_be_listed_yet() {
    let ended = |ago| RunView::Succeeded { ago: Duration::from_secs(ago) };
    let parts: [fn(&mut Scene); 4] =
        [|s| s.tunnels.clear(), |s| s.records.clear(), |s| s.containers.clear(), |s| s.file = None];
    for unlisted in parts {
        let mut scene = whole();
        unlisted(&mut scene);
        let made = |ago| look(vec![trial().attempted(1, 10)], scene.clone()).also(|l| l.run = ended(ago));
        check(&made(0), 30, &wait(Waiting::Settle, 10));
        check(&made(55), 30, &wait(Waiting::Settle, 5));
        let Action::Remove(stray) = decide(&made(60), at(30)) else {
            panic!("what is missing after a minute is missing");
        };
        assert!(matches!(stray, Part::Record(..) | Part::File), "{stray}");
    }
    let mut no_tunnel = whole();
    no_tunnel.tunnels.clear();
    // What the run of a trial has made that was refused meanwhile is not told from others' things without it.
    let refused = || trial().attempted(1, 10).canceled().refused(Reason::NeverReady).refunded();
    let beside = trial().named("sub_2", 20);
    for trials in [vec![refused()], vec![refused(), beside]] {
        let late = look(trials, no_tunnel.clone()).also(|l| l.run = ended(0));
        check(&late, 30, &wait(Waiting::Settle, 10));
    }
    // Nothing is waited for that is there, or that was recorded.
    check(&look(vec![trial().attempted(1, 10)], whole()).also(|l| l.run = ended(0)), 30, &wait(Waiting::Answer, 10));
    let recorded = look(vec![trial().ready().canceled()], no_tunnel).also(|l| l.run = ended(0));
    assert!(matches!(decide(&recorded, at(30)), Action::Remove(_)));
}

#[test]
fn row_22_a_complete_set_that_answers_is_recorded_whoever_made_it() {
    let made = || look(vec![trial().attempted(1, 10)], whole());
    let mark = MailMark { kind: MailKind::Welcome, stage: Stage::Try(1), at: at(40) };
    check(&made().also(|l| l.answers = Some(true)), 40, &Action::Record(id(), vmid(9001), tunnel_id(TUNNEL), mark));
    check(&made().also(|l| l.answers = Some(false)), 40, &wait(Waiting::Answer, 10));
    // Silent for longer than a run can take: its parts are taken down.
    check(&made().also(|l| l.answers = Some(false)), 10 + 660, &wait(Waiting::Answer, 10));
    check(
        &made().also(|l| l.answers = Some(false)),
        10 + 661,
        &Action::Remove(Part::Record("r1".parse().unwrap(), TUNNEL.parse().unwrap())),
    );
}

#[test]
fn row_23_eight_attempts_and_two_hours_are_enough() {
    let spent = |count, last| look(vec![trial().attempted(count, last)], empty());
    check(&spent(8, 7_200), 7_210, &Action::Refuse(id(), Reason::GaveUp));
    check(&spent(8, 3_000), 7_209, &Action::Run(id(), Attempt { count: 9, first: at(10), last: at(7_209) }));
}

#[test]
fn row_24_an_outage_a_full_host_and_a_busy_lane_cost_no_attempt() {
    let waits = |secs: u64, change: fn(&mut Look)| {
        check(&look(vec![trial()], empty()).also(change), 30, &wait(Waiting::Start, secs));
    };
    let full: fn(&mut Look) = |l| l.world = World::Seen(Scene { room: Room::No("full".into()), ..empty() });
    let busy: fn(&mut Look) = |l| l.memory.lane_busy = true;
    let open = || look(vec![trial()], empty());
    check(&open().also(busy), 30, &wait(Waiting::Lane, 60));
    check(&open().also(busy).also(full), 30, &wait(Waiting::Lane, 60));
    waits(20, full);
    waits(5, |l| l.memory.starts_paused = true);
    waits(20, |l| {
        l.memory.backing_off.insert((Deed::Run, Some(id())));
        l.memory.lane_busy = true;
    });
    check(&look(vec![trial().attempted(2, 100)], empty()), 110, &wait(Waiting::Start, 50));
}

#[test]
fn row_25_a_run_is_noted_with_its_window() {
    check(&look(vec![trial()], empty()), 30, &Action::Run(id(), Attempt { count: 1, first: at(30), last: at(30) }));
    check(
        &look(vec![trial().attempted(1, 10)], empty()),
        90,
        &Action::Run(id(), Attempt { count: 2, first: at(10), last: at(90) }),
    );
}
