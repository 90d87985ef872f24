//! Rows 11, 13, 14 and 17: what may be removed, and what is never touched.

use std::time::Duration;

use super::{check, wait};
use crate::action::{Action, AlertKind, Unread, Waiting};
use crate::decide;
use crate::fixture::{OTHER, TUNNEL, at, container, empty, id, look, record, trial, tunnel, vmid, whole};
use crate::letter::{MailKind, Stage};
use crate::look::{Deed, World};
use crate::metadata::Reason;
use crate::parts::{DnsRecord, MetadataFile, Part, Scene};

#[test]
fn row_11_a_failed_read_is_not_an_absence() {
    for world in [World::NotRead, World::Unread] {
        let blind = look(vec![trial().ready()], empty()).also(|l| l.world = world);
        check(&blind, 30, &Action::Backoff(Unread::World));
    }
}

#[test]
fn row_13_a_locked_guest_is_waited_for_and_then_told() {
    let mut scene = whole();
    scene.containers[0].lock = Some("create".into());
    let locked = look(vec![trial().attempted(1, 10)], scene);
    check(&locked, 30, &wait(Waiting::Locked, 10));
    let long = locked.also(|l| l.memory.locked_for = Duration::from_secs(900));
    assert!(matches!(decide(&long, at(30)), Action::Alert(AlertKind::Locked, _)));
}

#[test]
fn row_14_strays_go_in_the_order_that_keeps_the_proof_to_the_last() {
    let over = |scene| look(vec![trial().ready().canceled()], scene);
    let mut scene = whole();
    let mut removed = Vec::new();
    while let Action::Remove(part) = decide(&over(scene.clone()), at(30)) {
        assert!(removed.len() < 4, "a part is removed twice: {part}");
        match &part {
            Part::Record(..) => scene.records.clear(),
            Part::File => scene.file = None,
            Part::Container(_) => scene.containers.clear(),
            Part::Tunnel(_) => scene.tunnels.clear(),
        }
        removed.push(part.to_string());
    }
    assert_eq!(
        removed,
        ["DNS record r1".to_owned(), "metadata file".into(), "container 9001".into(), format!("tunnel {TUNNEL}")]
    );
}

#[test]
fn row_14_a_removal_that_backs_off_is_not_skipped() {
    let waiting = look(vec![trial().ready().canceled()], whole()).also(|l| {
        l.memory.backing_off.insert((Deed::Remove, None));
    });
    check(&waiting, 30, &Action::Rest { until: None, free: false });
}

#[test]
fn what_lacks_the_proof_is_never_touched() {
    let ended = || trial().ready().canceled().mailed(MailKind::ThankYou, Stage::Sent, 90);
    let mut scene = whole();
    scene.tunnels[0] = tunnel(OTHER, "service-9001-acme", 2_000_000);
    scene.records[0] = record("r1", OTHER);
    // A closed trial's number and name prove nothing: the next owner's things, or a person's.
    check(&look(vec![ended()], scene), 3_000_000, &Action::Rest { until: None, free: false });
    let mut rescue = empty();
    rescue.containers = vec![container(9002)];
    check(
        &look(vec![trial().ready().canceled().mailed(MailKind::ThankYou, Stage::Sent, 90)], rescue),
        100,
        &Action::Rest { until: None, free: true },
    );
    let mut outside = whole();
    outside.containers[0].vmid = vmid(8011);
    outside.tunnels[0].name = "service-8011-acme".into();
    outside.records.clear();
    outside.file = None;
    check(
        &look(
            vec![trial().attempted(1, 10).canceled().refused(Reason::NeverReady).refunded().mailed(
                MailKind::Apology,
                Stage::Sent,
                90,
            )],
            outside,
        ),
        100,
        &Action::Rest { until: None, free: false },
    );
}

#[test]
fn row_17_what_is_somebody_elses_under_the_name_is_refused_not_replaced() {
    let refuse = Action::Refuse(id(), Reason::Foreign);
    let with = |change: fn(&mut Scene)| {
        let mut scene = empty();
        change(&mut scene);
        look(vec![trial()], scene)
    };
    check(
        &with(|s| {
            s.records = vec![DnsRecord { id: "r9".parse().unwrap(), kind: "A".into(), content: "192.0.2.1".into() }];
        }),
        30,
        &refuse,
    );
    check(&with(|s| s.tunnels = vec![tunnel(OTHER, "service-9005-acme", -5_000)]), 30, &refuse);
    check(&with(|s| s.file = Some(MetadataFile { vmid: None })), 30, &refuse);
    // Names close to ours are not ours, and not in the way.
    let close = with(|s| s.tunnels = vec![tunnel(OTHER, "service-9005-x-acme", 20)]);
    assert!(matches!(decide(&close, at(30)), Action::Run(..)));
}
