//! Rows 18 to 21: what a ready trial lacks, and how long it rests.

use std::time::Duration;

use super::{check, wait};
use crate::action::{Action, AlertKind, Repair, Waiting};
use crate::decide;
use crate::fixture::{OTHER, TUNNEL, at, empty, id, look, record, trial, tunnel_id, vmid, whole};
use crate::letter::{MailKind, Stage};
use crate::look::HandOver;
use crate::metadata::Reason;
use crate::parts::{Part, Scene};
use crate::time::DAY_SECS;

#[test]
fn row_18_a_lost_part_is_told_at_once_and_refused_after_an_hour() {
    let mut scene = whole();
    scene.containers.clear();
    let lost = look(vec![trial().ready()], scene);
    assert!(matches!(decide(&lost, at(30)), Action::Alert(AlertKind::Missing, _)));
    let long = lost.also(|l| l.memory.missing_for = Duration::from_secs(3_600));
    check(&long, 30, &Action::Refuse(id(), Reason::Lost));
    let mut tunnel_gone = whole();
    tunnel_gone.tunnels.clear();
    let alive = look(vec![trial().ready()], tunnel_gone).also(|l| l.memory.missing_for = Duration::from_secs(3_600));
    assert!(matches!(decide(&alive, at(30)), Action::Alert(AlertKind::Missing, _)));
}

#[test]
fn row_18_tells_what_is_lost_and_what_the_operator_can_do() {
    let told = |change: fn(&mut Scene)| {
        let mut scene = whole();
        change(&mut scene);
        decide(&look(vec![trial().ready()], scene), at(30))
    };
    let words = |lost| {
        let detail = format!("sub_1 of acme: {lost}; put it back or cancel the subscription");
        Action::Alert(AlertKind::Missing, detail)
    };
    assert_eq!(told(|s| s.containers.clear()), words("its container is gone"));
    assert_eq!(told(|s| s.tunnels.clear()), words("its tunnel is gone"));
    assert_eq!(told(|s| s.records = vec![record("r9", OTHER)]), words("its DNS record is not ours"));
    let all = |s: &mut Scene| *s = Scene { records: vec![record("r9", OTHER)], ..empty() };
    assert_eq!(told(all), words("its container is gone, its tunnel is gone, its DNS record is not ours"));
}

#[test]
fn row_19_small_damage_is_repaired() {
    let with = |change: fn(&mut Scene)| {
        let mut scene = whole();
        change(&mut scene);
        look(vec![trial().ready()], scene)
    };
    check(&with(|s| s.records.clear()), 30, &Action::Repair(id(), Repair::Record(tunnel_id(TUNNEL))));
    check(&with(|s| s.file = None), 30, &Action::Repair(id(), Repair::File(vmid(9001), tunnel_id(TUNNEL))));
    let stopped = with(|s| s.containers[0].running = false);
    check(&stopped, 30, &wait(Waiting::Stopped, 15));
    let twice = stopped.also(|l| l.memory.stopped_for = Duration::from_secs(15));
    check(&twice, 30, &Action::Repair(id(), Repair::Start(vmid(9001))));
}

#[test]
fn rows_20_and_21_a_ready_trial_is_welcomed_and_rests_until_its_end() {
    let fresh = trial().ready().mailed(MailKind::Welcome, Stage::Try(1), 60);
    let in_hand = look(vec![fresh], whole()).also(|l| {
        l.memory.mails.insert((id(), MailKind::Welcome), HandOver::Pending);
    });
    check(&in_hand, 61, &Action::SendMail(id(), MailKind::Welcome));
    let end = 7 * DAY_SECS;
    check(&look(vec![trial().ready()], whole()), 100, &Action::Rest { until: Some(at(end - 600)), free: false });
    check(&look(vec![trial().ready()], whole()), end - 600, &Action::Rest { until: Some(at(end)), free: false });
    check(
        &look(vec![trial().ready()], whole()),
        end,
        &Action::Remove(Part::Record("r1".parse().unwrap(), TUNNEL.parse().unwrap())),
    );
}
