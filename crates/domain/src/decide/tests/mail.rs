//! Rows 7, 8 and 15: what is written to a customer, when, and how often.

use std::time::Duration;

use super::check;
use crate::action::{Action, Unread};
use crate::decide;
use crate::fixture::{at, empty, id, look, trial, whole};
use crate::letter::{MailKind, MailMark, Stage};
use crate::look::{Deed, HandOver, World};
use crate::metadata::{Reason, RefundMark};
use crate::parts::Scene;
use crate::time::DAY_SECS;

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
}

#[test]
fn a_disputed_trial_is_not_written_to_and_proves_nothing_once_it_is_clean() {
    let disputed = trial().refused(Reason::Lost).canceled().with(|t| t.record.refund = Some(RefundMark::Disputed));
    let mark = |when| Action::MarkMail(id(), MailMark { kind: MailKind::Apology, stage: Stage::Skipped, at: at(when) });
    check(&look(vec![disputed.clone()], empty()).also(|l| l.world = World::Unread), 50, &mark(50));
    let had = disputed.ready().attempted(1, 10);
    let dirty = look(vec![had.clone()], whole());
    assert!(matches!(decide(&dirty, at(1_000)), Action::Remove(_)), "what is left of it goes first");
    check(&look(vec![had.clone()], empty()), 1_000, &mark(1_000));
    let closed = had.mailed(MailKind::Apology, Stage::Skipped, 1_000);
    let copy = Scene { containers: whole().containers, ..empty() };
    check(&look(vec![closed], copy), 1_100, &Action::Rest { until: None, free: true });
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
fn nobody_to_write_to_is_marked_as_skipped() {
    let nobody = trial().ready().canceled().with(|t| t.subscription.customer.email = None);
    let mark = MailMark { kind: MailKind::ThankYou, stage: Stage::Skipped, at: at(90) };
    check(&look(vec![nobody], empty()), 90, &Action::MarkMail(id(), mark));
}

#[test]
fn a_refused_mail_waits_then_goes_again_and_is_lost_only_when_hopeless() {
    let refused = |again_secs, hopeless| {
        look(vec![trial().ready().canceled().mailed(MailKind::ThankYou, Stage::Try(1), 90)], empty()).also(|l| {
            let how = HandOver::Refused { again_in: Duration::from_secs(again_secs), hopeless };
            l.memory.mails.insert((id(), MailKind::ThankYou), how);
        })
    };
    check(&refused(1, false), 91, &Action::Rest { until: None, free: true });
    check(&refused(0, false), 91, &Action::SendMail(id(), MailKind::ThankYou));
    let lost = MailMark { kind: MailKind::ThankYou, stage: Stage::Lost, at: at(91) };
    check(&refused(1, true), 91, &Action::MarkMail(id(), lost));
    check(&refused(0, true), 91, &Action::MarkMail(id(), lost));
}

#[test]
fn a_last_mail_that_is_refused_for_now_is_given_up_after_a_month() {
    let refused = |kind, trial: crate::trial::Trial, scene| {
        look(vec![trial.mailed(kind, Stage::Try(1), 90)], scene).also(|l| {
            l.memory.mails.insert((id(), kind), HandOver::Refused { again_in: Duration::ZERO, hopeless: false });
        })
    };
    let month = 90 + 30 * DAY_SECS;
    let thanks = refused(MailKind::ThankYou, trial().ready().canceled(), empty());
    check(&thanks, month - 1, &Action::SendMail(id(), MailKind::ThankYou));
    let lost = MailMark { kind: MailKind::ThankYou, stage: Stage::Lost, at: at(month) };
    check(&thanks, month, &Action::MarkMail(id(), lost));
    let running = refused(MailKind::Welcome, trial().ready(), whole());
    check(&running, 7 * DAY_SECS - 601, &Action::SendMail(id(), MailKind::Welcome));
}

#[test]
fn a_welcome_of_unknown_outcome_is_come_back_to_while_the_trial_runs() {
    let unsure = trial().ready().mailed(MailKind::Welcome, Stage::Try(1), 60);
    let running = look(vec![unsure.clone()], whole());
    check(&running, 100, &Action::Rest { until: Some(at(660)), free: false });
    let again = MailMark { kind: MailKind::Welcome, stage: Stage::Try(2), at: at(660) };
    check(&running, 660, &Action::MarkMail(id(), again));
    // Nobody is welcomed to a trial that is over.
    let over = look(vec![unsure.canceled()], whole()).also(|l| {
        l.memory.backing_off.insert((Deed::Remove, None));
    });
    check(&over, 100, &Action::Rest { until: None, free: false });
}
