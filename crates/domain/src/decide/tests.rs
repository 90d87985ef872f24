//! Every row of the table: when it applies, and when it must not.

use std::collections::BTreeMap;
use std::time::Duration;

use super::decide;
use crate::action::{Action, AlertKind, EndBy, Repair, Unread, Waiting};
use crate::ids::{TunnelId, Vmid};
use crate::letter::{MailKind, MailMark, Stage};
use crate::look::{Deed, HandOver, Look, Memory, Policy, RunView, StripeView, World};
use crate::metadata::{Attempt, Reason, Record, Recorded, RefundMark, Refusal};
use crate::parts::{Container, DnsRecord, MetadataFile, Part, Room, Scene, Tunnel, VmidRange};
use crate::time::{DAY_SECS, Timestamp};
use crate::trial::{Billed, Customer, Invoice, Status, Subscription, Trial};

const T0: i64 = 1_790_000_000;
const TUNNEL: &str = "c1744f8b-faa1-48a4-9e5c-02ac921467fa";
const OTHER: &str = "d1744f8b-faa1-48a4-9e5c-02ac921467fb";

fn at(secs: i64) -> Timestamp {
    Timestamp::from_unix(T0 + secs)
}

fn vmid(number: u64) -> Vmid {
    Vmid::try_from(number).unwrap()
}

fn tunnel_id(text: &str) -> TunnelId {
    text.parse().unwrap()
}

/// A paid seven-day trial of `acme`, its end set and its Customer named.
fn trial() -> Trial {
    let customer = Customer {
        id: "cus_1".parse().unwrap(),
        deleted: false,
        email: Some("taro@example.jp".parse().unwrap()),
        has_company: true,
        metadata: BTreeMap::default(),
    };
    Trial {
        subscription: Subscription {
            id: "sub_1".parse().unwrap(),
            status: Status::Active,
            created: at(0),
            started: at(0),
            end_set: true,
            price_days: Some(7),
            invoice: Some(Invoice { id: "in_1".parse().unwrap(), billed: Billed::First, paid: true }),
            customer,
            metadata: BTreeMap::default(),
        },
        record: Record {
            subdomain: "acme".parse().unwrap(),
            application: "nginx".parse().unwrap(),
            days: crate::catalog::Days::new(7).unwrap(),
            company: "ACME".into(),
            recorded: None,
            attempt: None,
            refused: None,
            refund: None,
            mail: None,
        },
    }
}

impl Trial {
    fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    fn attempted(self, count: u32, last: i64) -> Self {
        self.with(|t| {
            t.record.attempt = Some(Attempt { count, first: at(10), last: at(last) });
        })
    }

    fn ready(self) -> Self {
        self.attempted(1, 10).with(|t| {
            t.record.recorded =
                Some(Recorded { vmid: vmid(9001), url: "https://acme.persys.jp".into(), tunnel: tunnel_id(TUNNEL) });
            t.record.mail = Some(MailMark { kind: MailKind::Welcome, stage: Stage::Sent, at: at(60) });
        })
    }

    fn canceled(self) -> Self {
        self.with(|t| t.subscription.status = Status::Canceled)
    }

    fn refused(self, reason: Reason) -> Self {
        self.with(|t| {
            t.record.refused = Some(Refusal { reason, at: at(100) });
        })
    }

    fn refunded(self) -> Self {
        self.with(|t| t.record.refund = Some(RefundMark::Refunded("re_1".parse().unwrap())))
    }

    fn mailed(self, kind: MailKind, stage: Stage, when: i64) -> Self {
        self.with(|t| {
            t.record.mail = Some(MailMark { kind, stage, at: at(when) });
        })
    }

    fn named(self, id: &str, created: i64) -> Self {
        self.with(|t| {
            t.subscription.id = id.parse().unwrap();
            t.subscription.created = at(created);
        })
    }
}

fn empty() -> Scene {
    Scene { containers: Vec::new(), tunnels: Vec::new(), records: Vec::new(), file: None, room: Room::Yes }
}

fn container(number: u64) -> Container {
    Container { vmid: vmid(number), hostname: "acme".into(), running: true, lock: None, template: false }
}

fn tunnel(id: &str, name: &str, created: i64) -> Tunnel {
    Tunnel { id: tunnel_id(id), name: name.into(), created: at(created) }
}

fn record(id: &str, target: &str) -> DnsRecord {
    DnsRecord { id: id.parse().unwrap(), kind: "CNAME".into(), content: format!("{target}.cfargotunnel.com") }
}

/// All four parts of container 9001, made at second 20.
fn whole() -> Scene {
    Scene {
        containers: vec![container(9001)],
        tunnels: vec![tunnel(TUNNEL, "service-9001-acme", 20)],
        records: vec![record("r1", TUNNEL)],
        file: Some(MetadataFile { vmid: Some(vmid(9001)) }),
        room: Room::Yes,
    }
}

fn look(trials: Vec<Trial>, scene: Scene) -> Look {
    Look {
        name: "acme".parse().unwrap(),
        stripe: StripeView::Seen(trials),
        run: RunView::None,
        world: World::Seen(scene),
        answers: None,
        memory: Memory { acting_for: Duration::from_secs(3_600), ..Memory::default() },
        policy: Policy::new(VmidRange { first: vmid(9000), last: vmid(9999) }),
    }
}

impl Look {
    fn also(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }
}

#[track_caller]
fn check(look: &Look, secs: i64, expected: &Action) {
    assert_eq!(decide(look, at(secs)), *expected);
}

fn id() -> crate::ids::SubscriptionId {
    "sub_1".parse().unwrap()
}

fn wait(why: Waiting, secs: u64) -> Action {
    Action::Wait(why, Duration::from_secs(secs))
}

#[test]
fn row_1_stripe_unread_backs_off_whatever_else_is_seen() {
    let unread = look(vec![], whole()).also(|l| l.stripe = StripeView::Unread);
    check(&unread, 30, &Action::Backoff(Unread::Stripe));
}

#[test]
fn row_2_the_end_is_set_first_and_needs_stripe_alone() {
    let unset = || trial().with(|t| t.subscription.end_set = false);
    let blind = look(vec![unset()], empty()).also(|l| l.world = World::Unread);
    check(&blind, 5, &Action::SetEnd(id(), EndBy::Period));
    let longer = unset().with(|t| t.subscription.price_days = Some(28));
    check(&look(vec![longer], empty()), 5, &Action::SetEnd(id(), EndBy::Date(at(7 * DAY_SECS))));
    let unpaid = unset().with(|t| t.subscription.invoice.as_mut().unwrap().paid = false);
    check(&look(vec![unpaid], empty()), 5, &Action::SetEnd(id(), EndBy::Period));
}

#[test]
fn row_3_a_second_paid_trial_for_a_name_is_refused_and_the_first_stays() {
    let second = trial().named("sub_2", 1);
    check(&look(vec![second, trial()], empty()), 5, &Action::Refuse("sub_2".parse().unwrap(), Reason::Taken));
    // A claim that was written counts for more than an earlier payment.
    let claimed = trial().named("sub_2", 1).attempted(1, 10);
    check(&look(vec![trial(), claimed], empty()), 20, &Action::Refuse(id(), Reason::Taken));
}

#[test]
fn row_4_a_trial_canceled_before_it_was_ready_gets_its_money_back() {
    let gone = trial().attempted(1, 10).canceled();
    check(&look(vec![gone.clone()], whole()), 30, &Action::Refuse(id(), Reason::NeverReady));
    check(&look(vec![gone.refused(Reason::NeverReady)], whole()), 30, &Action::Refund(id()));
    let unpaid = trial().canceled().with(|t| t.subscription.invoice = None);
    check(&look(vec![unpaid], empty()), 30, &Action::Rest { until: None, free: true });
}

#[test]
fn row_5_money_goes_back_for_a_refusal_and_for_a_renewal_but_once() {
    check(&look(vec![trial().refused(Reason::Taken)], empty()), 5, &Action::Refund(id()));
    let renewed = trial().ready().with(|t| {
        t.subscription.invoice = Some(Invoice { id: "in_2".parse().unwrap(), billed: Billed::Renewal, paid: true });
    });
    check(&look(vec![renewed.clone()], whole()), 30, &Action::Refund(id()));
    check(
        &look(vec![renewed.refunded()], whole()),
        30,
        &Action::Rest { until: Some(at(7 * DAY_SECS - 600)), free: false },
    );
}

#[test]
fn row_6_a_refunded_refusal_and_an_overdue_trial_are_canceled() {
    check(&look(vec![trial().refused(Reason::Taken).refunded()], empty()), 5, &Action::Cancel(id()));
    let end = 7 * DAY_SECS;
    check(&look(vec![trial().ready()], empty()), end + 600, &Action::Cancel(id()));
    for status in [Status::PastDue, Status::Unpaid, Status::Paused] {
        let failing = trial().ready().with(|t| t.subscription.status = status);
        check(&look(vec![failing], whole()), 30, &Action::Cancel(id()));
    }
}

#[test]
fn row_7_the_customer_gets_the_companys_name() {
    let unnamed = || trial().with(|t| t.subscription.customer.has_company = false);
    check(&look(vec![unnamed()], empty()), 5, &Action::SetCustomer(id()));
    let deleted = unnamed().with(|t| t.subscription.customer.deleted = true);
    assert_ne!(decide(&look(vec![deleted], empty()), at(5)), Action::SetCustomer(id()));
}

#[test]
fn row_8_an_apology_without_an_attempt_needs_no_machines() {
    let told = trial().refused(Reason::Taken).refunded().canceled();
    let blind = look(vec![told.clone()], empty()).also(|l| l.world = World::Unread);
    let mark = MailMark { kind: MailKind::Apology, stage: Stage::Try(1), at: at(50) };
    check(&blind, 50, &Action::MarkMail(id(), mark));
    let disputed = told.with(|t| t.record.refund = Some(RefundMark::Disputed));
    check(&look(vec![disputed], empty()), 50, &Action::Rest { until: None, free: true });
}

#[test]
fn row_9_a_day_without_success_is_given_up_unless_a_run_is_alive() {
    let slow = trial().attempted(3, DAY_SECS - 100);
    check(&look(vec![slow.clone()], empty()), DAY_SECS, &Action::Refuse(id(), Reason::GaveUp));
    let alive = look(vec![slow], empty()).also(|l| l.run = RunView::Alive { step: 3 });
    check(&alive, DAY_SECS, &wait(Waiting::Run, 60));
}

#[test]
fn row_11_a_failed_read_is_not_an_absence() {
    for world in [World::NotRead, World::Unread] {
        let blind = look(vec![trial().ready()], empty()).also(|l| l.world = world);
        check(&blind, 30, &Action::Backoff(Unread::World));
    }
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
        match &part {
            Part::Record(_) => scene.records.clear(),
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
fn row_15_thanks_come_only_when_nothing_is_left() {
    let over = trial().ready().canceled();
    let mark = MailMark { kind: MailKind::ThankYou, stage: Stage::Try(1), at: at(90) };
    check(&look(vec![over.clone()], empty()), 90, &Action::MarkMail(id(), mark));
    let in_hand = look(vec![over.mailed(MailKind::ThankYou, Stage::Try(1), 90)], empty()).also(|l| {
        l.memory.mails.insert((id(), MailKind::ThankYou), HandOver::Pending);
    });
    check(&in_hand, 90, &Action::SendMail(id(), MailKind::ThankYou));
    let taken = in_hand.also(|l| {
        l.memory.mails.insert((id(), MailKind::ThankYou), HandOver::Accepted);
    });
    check(&taken, 91, &Action::MarkMail(id(), MailMark { kind: MailKind::ThankYou, stage: Stage::Sent, at: at(91) }));
}

#[test]
fn a_mail_that_was_taken_is_marked_though_the_machines_are_not_read() {
    for kind in [MailKind::Welcome, MailKind::ThankYou] {
        let taken = look(vec![trial().ready().mailed(kind, Stage::Try(2), 60)], empty()).also(|l| {
            l.world = World::Unread;
            l.memory.mails.insert((id(), kind), HandOver::Accepted);
        });
        check(&taken, 91, &Action::MarkMail(id(), MailMark { kind, stage: Stage::Sent, at: at(91) }));
        let pending = taken.also(|l| {
            l.memory.mails.insert((id(), kind), HandOver::Pending);
        });
        check(&pending, 91, &Action::Backoff(Unread::World));
    }
}

#[test]
fn a_mail_of_unknown_outcome_is_tried_again_later_and_five_times_at_most() {
    let over =
        |n, when| look(vec![trial().ready().canceled().mailed(MailKind::ThankYou, Stage::Try(n), when)], empty());
    check(&over(1, 0), 599, &Action::Rest { until: Some(at(600)), free: true });
    let next = |stage, when| Action::MarkMail(id(), MailMark { kind: MailKind::ThankYou, stage, at: at(when) });
    check(&over(1, 0), 600, &next(Stage::Try(2), 600));
    check(&over(2, 0), 3_600, &next(Stage::Try(3), 3_600));
    check(&over(5, 0), DAY_SECS, &next(Stage::Lost, DAY_SECS));
    let done = look(vec![trial().ready().canceled().mailed(MailKind::ThankYou, Stage::Lost, 0)], empty());
    check(&done, 2 * DAY_SECS, &Action::Rest { until: None, free: true });
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
    check(&look(vec![trial().ready()], whole()), end, &Action::Remove(Part::Record("r1".parse().unwrap())));
}

#[test]
fn row_22_a_complete_set_that_answers_is_recorded_whoever_made_it() {
    let made = || look(vec![trial().attempted(1, 10)], whole());
    let mark = MailMark { kind: MailKind::Welcome, stage: Stage::Try(1), at: at(40) };
    check(&made().also(|l| l.answers = Some(true)), 40, &Action::Record(id(), vmid(9001), tunnel_id(TUNNEL), mark));
    check(&made().also(|l| l.answers = Some(false)), 40, &wait(Waiting::Answer, 10));
    // Silent for too long: its parts are taken down.
    check(&made().also(|l| l.answers = Some(false)), 10 + 661, &Action::Remove(Part::Record("r1".parse().unwrap())));
}

#[test]
fn row_23_eight_attempts_and_two_hours_are_enough() {
    let spent = |count, last| look(vec![trial().attempted(count, last)], empty());
    check(&spent(8, 7_200), 7_210, &Action::Refuse(id(), Reason::GaveUp));
    check(&spent(8, 3_000), 7_209, &Action::Run(id(), Attempt { count: 9, first: at(10), last: at(7_209) }));
}

#[test]
fn row_24_an_outage_a_full_host_and_a_busy_lane_cost_no_attempt() {
    let waits = |change: fn(&mut Look)| {
        check(&look(vec![trial()], empty()).also(change), 30, &wait(Waiting::Start, 5));
    };
    waits(|l| l.memory.lane_busy = true);
    waits(|l| l.memory.starts_paused = true);
    waits(|l| {
        l.world = World::Seen(Scene { room: Room::No("full".into()), ..empty() });
    });
    waits(|l| {
        l.memory.backing_off.insert((Deed::Run, Some(id())));
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

#[test]
fn an_edited_key_stops_all_work_on_the_name() {
    let error =
        crate::metadata::MetadataError { key: "tmsk_attempt", fault: "malformed", expected: "count:first:last" };
    let edited = look(vec![], whole()).also(|l| l.stripe = StripeView::Malformed(id(), error));
    assert!(matches!(decide(&edited, at(30)), Action::Alert(AlertKind::Malformed, _)));
}

#[test]
fn nobody_to_write_to_is_marked_as_skipped() {
    let nobody = trial().ready().canceled().with(|t| t.subscription.customer.email = None);
    let mark = MailMark { kind: MailKind::ThankYou, stage: Stage::Skipped, at: at(90) };
    check(&look(vec![nobody], empty()), 90, &Action::MarkMail(id(), mark));
}
