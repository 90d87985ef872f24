//! Whole scenes, line by line: what goes, what stays, and in which words.

use std::collections::BTreeMap;

use super::{Judgement, judge};
use crate::letter::{MailKind, MailMark, Stage};
use crate::look::Policy;
use crate::metadata::{Attempt, Record, Recorded};
use crate::parts::{Container, DnsRecord, MetadataFile, Part, Room, Scene, Tunnel, VmidRange};
use crate::time::{DAY_SECS, Timestamp};
use crate::trial::{Billed, Customer, Invoice, Status, Subscription, Trial};

const T0: i64 = 1_790_000_000;
const OURS: &str = "c1744f8b-faa1-48a4-9e5c-02ac921467fa";
const OTHER: &str = "d1744f8b-faa1-48a4-9e5c-02ac921467fb";
/// Long after the trial's end and its last mail.
const LATER: i64 = 60 * DAY_SECS;

fn at(secs: i64) -> Timestamp {
    Timestamp::from_unix(T0 + secs)
}

/// A trial of `acme` in container 9001 that ended after seven days, was cleaned up and thanked.
fn over() -> Trial {
    Trial {
        subscription: Subscription {
            id: "sub_1".parse().unwrap(),
            status: Status::Canceled,
            created: at(0),
            started: at(0),
            end_set: true,
            price_days: Some(7),
            invoice: Some(Invoice { id: "in_1".parse().unwrap(), billed: Billed::First, paid: true }),
            customer: Customer {
                id: "cus_1".parse().unwrap(),
                deleted: false,
                email: Some("taro@example.jp".parse().unwrap()),
                has_company: true,
                metadata: BTreeMap::default(),
            },
            metadata: BTreeMap::default(),
        },
        record: Record {
            subdomain: "acme".parse().unwrap(),
            application: "nginx".parse().unwrap(),
            days: crate::catalog::Days::new(7).unwrap(),
            company: "ACME".into(),
            recorded: Some(Recorded {
                vmid: 9001_u64.try_into().unwrap(),
                url: "https://acme.persys.jp".into(),
                tunnel: OURS.parse().unwrap(),
            }),
            attempt: Some(Attempt { count: 1, first: at(10), last: at(10) }),
            refused: None,
            refund: None,
            mail: Some(MailMark { kind: MailKind::ThankYou, stage: Stage::Sent, at: at(7 * DAY_SECS) }),
        },
    }
}

fn with(mut trial: Trial, change: impl FnOnce(&mut Trial)) -> Trial {
    change(&mut trial);
    trial
}

fn container(number: u64, hostname: &str) -> Container {
    Container {
        vmid: number.try_into().unwrap(),
        hostname: hostname.into(),
        running: true,
        lock: None,
        template: false,
    }
}

fn tunnel(id: &str, name: &str, created: i64) -> Tunnel {
    Tunnel { id: id.parse().unwrap(), name: name.into(), created: at(created) }
}

fn record(id: &str, target: &str) -> DnsRecord {
    DnsRecord { id: id.parse().unwrap(), kind: "CNAME".into(), content: format!("{target}.cfargotunnel.com") }
}

fn scene() -> Scene {
    Scene { containers: Vec::new(), tunnels: Vec::new(), records: Vec::new(), file: None, room: Room::Yes }
}

/// Everything that the trial of `over` was made of, still there.
fn left_over() -> Scene {
    Scene {
        containers: vec![container(9001, "acme")],
        tunnels: vec![tunnel(OURS, "service-9001-acme", 20)],
        records: vec![record("r1", OURS)],
        file: Some(MetadataFile { vmid: Some(9001_u64.try_into().unwrap()) }),
        room: Room::Yes,
    }
}

fn judged(trials: &[Trial], scene: &Scene, secs: i64) -> Judgement {
    let range = VmidRange { first: 9000_u64.try_into().unwrap(), last: 9999_u64.try_into().unwrap() };
    judge(&"acme".parse().unwrap(), trials, scene, &Policy::new(range), at(secs))
}

#[track_caller]
fn check(trials: &[Trial], scene: &Scene, secs: i64, expected: &[&str]) {
    let judgement = judged(trials, scene, secs);
    let lines: Vec<String> = judgement.findings.iter().map(ToString::to_string).collect();
    assert_eq!(lines, expected);
    let removals = lines.iter().filter(|line| line.starts_with("remove")).count();
    assert_eq!(judgement.strays.len(), removals, "what is said is what is done");
}

#[test]
fn leftovers_of_a_trial_that_is_over_go_in_the_order_that_keeps_the_proof_to_the_last() {
    let tunnel_line = format!("remove tunnel {OURS} (service-9001-acme) of acme");
    check(
        &[over()],
        &left_over(),
        LATER,
        &[
            "remove DNS record r1 (CNAME) of acme",
            "remove metadata file of acme",
            "remove container 9001 of acme",
            &tunnel_line,
        ],
    );
    let strays = judged(&[over()], &left_over(), LATER).strays;
    assert!(matches!(strays.as_slice(), [Part::Record(..), Part::File, Part::Container(_), Part::Tunnel(_)]));
}

#[test]
fn a_tunnel_deleted_by_hand_leaves_a_record_that_still_proves_itself() {
    let dangling = Scene { records: vec![record("r1", OURS)], ..scene() };
    check(&[over()], &dangling, LATER, &["remove DNS record r1 (CNAME) of acme"]);
}

#[test]
fn nothing_of_a_name_that_stripe_does_not_know_is_touched() {
    check(
        &[],
        &left_over(),
        LATER,
        &[
            "leave DNS record r1 (CNAME) of acme: it leads to no tunnel of ours",
            "leave metadata file of acme: Stripe knows no trial of that name",
            "leave container 9001 of acme: its tunnel service-9001-acme is not ours",
            &format!("leave tunnel {OURS} (service-9001-acme) of acme: Stripe knows no trial of that name"),
        ],
    );
}

#[test]
fn a_closed_trials_number_window_and_name_prove_nothing() {
    // The number was given to somebody else's container, with a tunnel that a person made.
    let foreign = Scene {
        containers: vec![container(9001, "acme"), container(9002, "acme")],
        tunnels: vec![tunnel(OTHER, "service-9001-acme", 30)],
        records: vec![DnsRecord { id: "r9".parse().unwrap(), kind: "A".into(), content: "192.0.2.1".into() }],
        file: Some(MetadataFile { vmid: None }),
        room: Room::Yes,
    };
    check(
        &[over()],
        &foreign,
        LATER,
        &[
            "leave DNS record r9 (A) of acme: it leads to no tunnel of ours",
            "leave metadata file of acme: nothing else of that name is ours",
            "leave container 9001 of acme: its tunnel service-9001-acme is not ours",
            "leave container 9002 of acme: there is no tunnel service-9002-acme",
            &format!(
                "leave tunnel {OTHER} (service-9001-acme) of acme: it was made outside every attempt's window and no trial recorded it"
            ),
        ],
    );
}

#[test]
fn only_the_container_that_the_recorded_tunnel_names_goes_with_it() {
    let mut mixed = left_over();
    mixed.containers.push(container(9500, "acme"));
    mixed.containers.push(Container { template: true, ..container(9600, "acme") });
    mixed.containers.push(container(9700, "rescue"));
    let judgement = judged(&[over()], &mixed, LATER);
    let vmids: Vec<_> = judgement.strays.iter().filter(|part| matches!(part, Part::Container(_))).collect();
    assert_eq!(vmids, [&Part::Container(9001_u64.try_into().unwrap())]);
    let left: Vec<String> =
        judgement.findings.iter().map(ToString::to_string).filter(|l| l.starts_with("leave")).collect();
    assert_eq!(
        left,
        [
            "leave container 9500 of acme: there is no tunnel service-9500-acme",
            "leave container 9600 of acme: it is a template",
            "leave container 9700 of acme: its own configuration has another host name",
        ]
    );
}

#[test]
fn a_container_outside_the_range_is_nobodys_business() {
    let mut outside = left_over();
    outside.containers = vec![container(8011, "acme")];
    outside.tunnels = vec![tunnel(OTHER, "service-8011-acme", 20)];
    outside.records.clear();
    outside.file = None;
    assert_eq!(judged(&[over()], &outside, LATER).strays, []);
}

#[test]
fn a_name_with_a_trial_that_is_not_over_is_left_to_the_reconciler() {
    let live = with(over(), |t| {
        t.subscription.status = Status::Active;
        t.record.mail = Some(MailMark { kind: MailKind::Welcome, stage: Stage::Sent, at: at(60) });
    });
    let ending = with(over(), |t| t.record.mail = None);
    let unthanked = with(over(), |t| t.record.mail.as_mut().unwrap().stage = Stage::Try(1));
    for trial in [live, ending, unthanked] {
        for trials in [vec![trial.clone()], vec![over(), trial.clone()]] {
            let judgement = judged(&trials, &left_over(), LATER);
            assert_eq!(judgement.strays, []);
            assert!(judgement.findings.iter().all(|f| f.to_string().ends_with("the service looks after it")));
        }
    }
}

#[test]
fn what_is_not_ours_under_a_living_name_is_told_as_such_beside_what_the_reconciler_looks_after() {
    let live = with(over(), |t| {
        t.subscription.status = Status::Active;
        t.record.mail = Some(MailMark { kind: MailKind::Welcome, stage: Stage::Sent, at: at(60) });
    });
    let mut crowded = left_over();
    crowded.containers.extend([container(9500, "acme"), container(9600, "acme"), container(9700, "rescue")]);
    crowded.tunnels.push(tunnel(OTHER, "service-9600-acme", DAY_SECS));
    crowded.records.push(DnsRecord { id: "r9".parse().unwrap(), kind: "TXT".into(), content: "x".into() });
    let kept = "of acme: a trial of that name is not over, the service looks after it";
    check(
        &[live],
        &crowded,
        2 * DAY_SECS,
        &[
            &format!("leave DNS record r1 (CNAME) {kept}"),
            "leave DNS record r9 (TXT) of acme: it leads to no tunnel of ours",
            &format!("leave metadata file {kept}"),
            &format!("leave container 9001 {kept}"),
            "leave container 9500 of acme: there is no tunnel service-9500-acme",
            "leave container 9600 of acme: its tunnel service-9600-acme is not ours",
            "leave container 9700 of acme: its own configuration has another host name",
            &format!("leave tunnel {OURS} (service-9001-acme) {kept}"),
            &format!(
                "leave tunnel {OTHER} (service-9600-acme) of acme: it was made outside every attempt's window and no trial recorded it"
            ),
        ],
    );
}

#[test]
fn grace_counts_from_the_last_thing_that_happened_to_the_name() {
    let mail = 7 * DAY_SECS;
    let left = judged(&[over()], &left_over(), mail + 3_000);
    assert_eq!(left.strays, []);
    assert!(left.findings[0].to_string().ends_with("too young, 600 s of grace are left"), "{}", left.findings[0]);
    assert_eq!(judged(&[over()], &left_over(), mail + 3_599).strays, []);
    assert_eq!(judged(&[over()], &left_over(), mail + 3_600).strays.len(), 4);
    // What is not ours is told as such, however young.
    let foreign = Scene { tunnels: vec![tunnel(OTHER, "service-9005-acme", mail)], ..scene() };
    assert!(judged(&[over()], &foreign, mail).findings[0].to_string().contains("outside every attempt's window"));
}

#[test]
fn a_locked_container_keeps_the_whole_name() {
    let mut locked = left_over();
    locked.containers[0].lock = Some("destroyed".into());
    let judgement = judged(&[over()], &locked, LATER);
    assert_eq!(judgement.strays, []);
    assert!(judgement.findings.iter().all(|f| f.to_string().ends_with("a container of that name is locked")));
}
