//! The proof, line by line: what makes a thing ours, and that each part of the proof is needed.

mod partition;

use super::{CompleteSet, Estate, assess};
use crate::fixture::{OTHER, TUNNEL, at, container, empty, look, record, trial, tunnel, tunnel_id, vmid, whole};
use crate::letter::{MailKind, Stage};
use crate::parts::{MetadataFile, Part, Scene};
use crate::trial::Trial;

/// What somebody, or a run that went wrong, made of a scene.
type Change = fn(&mut Scene);

fn assessed(trial: &Trial, scene: &Scene, secs: i64) -> Estate {
    let look = look(Vec::new(), empty());
    assess(&look.name, std::slice::from_ref(trial), scene, &look.policy, Some(false), at(secs))
}

/// Of a trial that is over nothing is kept, so what is ours is astray.
#[track_caller]
fn ours(expected: bool, trial: &Trial, scene: &Scene, part: &Part) {
    let strays = assessed(&trial.clone().canceled(), scene, 5_000).strays;
    assert_eq!(strays.contains(part), expected, "{part} in {scene:?}");
}

fn closing(trial: Trial) -> Trial {
    trial.mailed(MailKind::ThankYou, Stage::Try(1), 200)
}

#[test]
fn an_unrecorded_tunnel_is_ours_by_name_number_and_hour_of_birth() {
    let check = |expected, trial: &Trial, name: &str, born| {
        let scene = Scene { tunnels: vec![tunnel(OTHER, name, born)], ..empty() };
        ours(expected, trial, &scene, &Part::Tunnel(tunnel_id(OTHER)));
    };
    let name = "service-9001-acme";
    // From a minute before the first run until the last one can't be at work any more.
    let trying = trial().attempted(2, 100);
    for (born, expected) in [(-51, false), (-50, true), (760, true), (761, false)] {
        check(expected, &trying, name, born);
        check(false, &closing(trying.clone()), name, born);
    }
    // Once one run's set is recorded, no later run made anything.
    for (born, expected) in [(-51, false), (-50, true), (10, true), (11, false)] {
        check(expected, &trial().ready(), name, born);
        check(false, &closing(trial().ready()), name, born);
    }
    for others in ["service-9001-x-acme", "service-9001-acm", "service-8011-acme", "service-10000-acme", "acme", ""] {
        check(false, &trying, others, 50);
    }
    check(false, &trial(), name, 50);
}

#[test]
fn a_recorded_tunnel_is_ours_for_ever_whatever_it_is_called() {
    let renamed = Scene { tunnels: vec![tunnel(TUNNEL, "renamed by hand", 9_000_000)], ..empty() };
    let part = Part::Tunnel(tunnel_id(TUNNEL));
    ours(true, &trial().ready(), &renamed, &part);
    ours(true, &closing(trial().ready()), &renamed, &part);
    ours(false, &trial().attempted(1, 10), &renamed, &part);
}

#[test]
fn a_container_is_ours_with_our_name_in_our_range_and_with_its_tunnel_or_its_record() {
    let check = |expected, trial: &Trial, number: u64, change: Change| {
        let mut scene = whole();
        change(&mut scene);
        ours(expected, trial, &scene, &Part::Container(vmid(number)));
    };
    let (trying, ready) = (trial().attempted(1, 10), trial().ready());
    for trial in [&trying, &ready] {
        check(true, trial, 9001, |_| ());
        // Proxmox hands a freed number on: to another customer, to a template, to an administrator.
        check(false, trial, 9001, |s| s.containers[0].hostname = "other".into());
        check(false, trial, 9001, |s| s.containers[0].template = true);
        check(false, trial, 9002, |s| s.containers[0].vmid = vmid(9002));
    }
    check(true, &ready, 9001, |s| s.tunnels.clear());
    check(false, &closing(ready), 9001, |s| s.tunnels.clear());
    check(false, &trying, 9001, |s| s.tunnels.clear());
    check(false, &trying, 9001, |s| s.tunnels[0].created = at(5_000));
    check(false, &trying, 9001, |s| s.tunnels[0].name = "service-9002-acme".into());
    // A recorded number outside the range, or one that our recorded tunnel was renamed to, proves nothing.
    let outside = trial().ready().with(|t| t.record.recorded.as_mut().unwrap().vmid = vmid(8011));
    check(false, &outside, 8011, |s| {
        s.containers[0].vmid = vmid(8011);
        s.tunnels[0].name = "service-8011-acme".into();
    });
    check(false, &closing(trial().ready()), 9001, |s| s.tunnels[0].name = "service-9001-other".into());
}

#[test]
fn a_record_is_ours_when_it_leads_to_a_tunnel_that_is_ours_or_recorded() {
    let check = |expected, trial: &Trial, change: Change| {
        let mut scene = whole();
        change(&mut scene);
        ours(expected, trial, &scene, &Part::Record("r1".parse().unwrap(), TUNNEL.parse().unwrap()));
    };
    let (trying, ready) = (trial().attempted(1, 10), closing(trial().ready()));
    check(true, &trying, |_| ());
    check(false, &trying, |s| s.tunnels.clear());
    check(true, &ready, |s| s.tunnels.clear());
    for trial in [&trying, &ready] {
        check(false, trial, |s| s.records = vec![record("r1", OTHER)]);
        check(false, trial, |s| s.records[0].kind = "TXT".into());
    }
}

#[test]
fn a_file_is_ours_by_an_attempt_or_by_any_one_other_thing_of_ours() {
    let check = |expected, trial: &Trial, change: Change| {
        let mut scene = empty();
        scene.file = Some(MetadataFile { vmid: None });
        change(&mut scene);
        ours(expected, trial, &scene, &Part::File);
        let foreign = assessed(&trial.clone().canceled(), &scene, 5_000).file_foreign;
        assert_eq!(foreign, !expected, "a file is somebody's: {scene:?}");
    };
    check(false, &trial(), |_| ());
    check(true, &trial().attempted(1, 10), |_| ());
    check(false, &closing(trial().attempted(1, 10)), |_| ());
    let closed = closing(trial().ready());
    check(false, &closed, |_| ());
    check(true, &closed, |s| s.tunnels = vec![tunnel(TUNNEL, "service-9001-acme", 20)]);
    check(true, &closed, |s| s.records = vec![record("r1", TUNNEL)]);
    // Somebody deleted the attempt's key by hand; the recorded number still proves the container.
    let unkeyed = trial().ready().with(|t| t.record.attempt = None);
    check(false, &unkeyed, |_| ());
    check(true, &unkeyed, |s| s.containers = vec![container(9001)]);
    let nothing = assessed(&trial().attempted(1, 10).canceled(), &empty(), 5_000);
    assert!(!nothing.file_foreign && nothing.strays.is_empty(), "a file that is not there is nobody's");
}

#[test]
fn a_set_is_complete_only_with_all_of_its_parts_in_working_order() {
    let complete = |change: Change| {
        let mut scene = whole();
        change(&mut scene);
        assessed(&trial().attempted(1, 10), &scene, 40).complete
    };
    let set = Some(CompleteSet { vmid: vmid(9001), tunnel: tunnel_id(TUNNEL) });
    assert_eq!(complete(|_| ()), set);
    let lacking: [(&str, Change); 10] = [
        ("its container", |s| s.containers.clear()),
        ("a running container", |s| s.containers[0].running = false),
        ("an unlocked container", |s| s.containers[0].lock = Some("create".into())),
        ("a container of its number", |s| s.containers[0].vmid = vmid(9002)),
        ("its tunnel", |s| s.tunnels.clear()),
        ("its record", |s| s.records.clear()),
        ("a record that leads to it", |s| s.records = vec![record("r1", OTHER)]),
        ("its file", |s| s.file = None),
        ("a file of its number", |s| s.file = Some(MetadataFile { vmid: Some(vmid(9002)) })),
        ("a file that reads", |s| s.file = Some(MetadataFile { vmid: None })),
    ];
    for (what, change) in lacking {
        assert_eq!(complete(change), None, "without {what}");
    }
    // What is not complete is no customer's: all of it goes, and the next run begins on clean ground.
    let mut scene = whole();
    scene.containers[0].running = false;
    assert_eq!(assessed(&trial().attempted(1, 10), &scene, 40).strays.len(), 4);
}
