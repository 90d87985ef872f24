//! What is backing off: skipped, while later rows act on no less than their own conditions.

use super::{check, wait};
use crate::action::{Action, Waiting};
use crate::fixture::{OTHER, at, empty, id, look, record, trial, tunnel, whole};
use crate::letter::{MailKind, Stage};
use crate::look::{Deed, HandOver, Look};
use crate::metadata::{Attempt, Reason};
use crate::parts::Scene;
use crate::time::DAY_SECS;
use crate::trial::Trial;

fn rest(until: Option<i64>, free: bool) -> Action {
    Action::Rest { until: until.map(at), free }
}

fn run(secs: i64) -> Action {
    Action::Run(id(), Attempt { count: 1, first: at(secs), last: at(secs) })
}

fn backing_off(deed: Deed, look: Look) -> Look {
    look.also(|l| {
        l.memory.backing_off.insert((deed, Some(id())));
    })
}

#[track_caller]
fn case(deed: Deed, trial: Trial, scene: Scene, secs: i64, expected: &Action) {
    check(&backing_off(deed, look(vec![trial], scene)), secs, expected);
}

#[test]
fn what_can_not_be_written_to_stripe_just_now_holds_nobody_up() {
    let end = 7 * DAY_SECS;
    case(Deed::SetEnd, trial().with(|t| t.subscription.end_set = false), empty(), 30, &run(30));
    case(Deed::SetCustomer, trial().with(|t| t.subscription.customer.has_company = false), empty(), 30, &run(30));
    // A refusal whose money is not back yet is not canceled either: it would be forgotten.
    case(Deed::Refund, trial().refused(Reason::Taken), empty(), 30, &rest(Some(end - 600), false));
    case(Deed::Cancel, trial().refused(Reason::Taken).refunded(), empty(), 30, &rest(Some(end - 600), false));
    // A rival that can't be told yet doesn't keep the owner from being served.
    let rival = trial().named("sub_0", 1);
    let both = look(vec![rival, trial()], empty()).also(|l| {
        l.memory.backing_off.insert((Deed::Refuse, Some("sub_0".parse().unwrap())));
    });
    check(&both, 30, &run(30));
}

#[test]
fn an_owner_that_can_not_be_refused_yet_gets_no_run_either() {
    let waits = wait(Waiting::Start, 10);
    // A run would replace what is somebody else's.
    let mut record_foreign = empty();
    record_foreign.records = vec![record("r9", OTHER)];
    case(Deed::Refuse, trial(), record_foreign, 30, &waits);
    let mut tunnel_foreign = empty();
    tunnel_foreign.tunnels = vec![tunnel(OTHER, "service-9005-acme", -5_000)];
    case(Deed::Refuse, trial(), tunnel_foreign, 30, &waits);
    // Eight attempts were enough, though the ninth's spacing is over.
    case(Deed::Refuse, trial().attempted(8, 7_200), empty(), 9_000, &waits);
}

#[test]
fn a_ready_set_that_can_not_be_written_or_mended_yet_is_left_as_it_is() {
    let made = look(vec![trial().attempted(1, 10)], whole()).also(|l| l.answers = Some(true));
    check(&backing_off(Deed::Record, made), 40, &wait(Waiting::Answer, 10));
    let mut no_record = whole();
    no_record.records.clear();
    case(Deed::Repair, trial().ready(), no_record, 30, &rest(Some(7 * DAY_SECS - 600), false));
}

#[test]
fn a_mail_that_can_not_be_marked_or_sent_yet_is_neither() {
    let over = || trial().ready().canceled();
    case(Deed::MarkMail, over(), empty(), 90, &rest(None, true));
    let held = |how| {
        look(vec![over().mailed(MailKind::ThankYou, Stage::Try(1), 90)], empty()).also(|l| {
            l.memory.mails.insert((id(), MailKind::ThankYou), how);
        })
    };
    check(&backing_off(Deed::SendMail, held(HandOver::Pending)), 90, &rest(None, true));
    check(&backing_off(Deed::MarkMail, held(HandOver::Accepted)), 90, &rest(None, true));
}
