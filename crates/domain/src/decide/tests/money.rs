//! Rows 0 to 6: the end, the verdicts and the money, for which Stripe is enough.

use super::check;
use crate::action::{Action, AlertKind, EndBy, Unread};
use crate::decide;
use crate::fixture::{at, empty, id, look, trial, whole};
use crate::look::{StripeView, World};
use crate::metadata::Reason;
use crate::time::DAY_SECS;
use crate::trial::{Billed, Invoice, Status};

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
fn row_2_an_end_that_has_come_is_not_set_any_more() {
    let unset = look(vec![trial().with(|t| t.subscription.end_set = false)], empty());
    let end = 7 * DAY_SECS;
    check(&unset, end - 1, &Action::SetEnd(id(), EndBy::Period));
    // By then Stripe has renewed, and its period's end is a week away.
    check(&unset, end, &Action::Rest { until: Some(at(end + 600)), free: false });
    check(&unset, end + 600, &Action::Cancel(id()));
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
fn an_edited_key_stops_all_work_on_the_name() {
    let error =
        crate::metadata::MetadataError { key: "tmsk_attempt", fault: "malformed", expected: "count:first:last" };
    let edited = look(vec![], whole()).also(|l| l.stripe = StripeView::Malformed(id(), error));
    assert!(matches!(decide(&edited, at(30)), Action::Alert(AlertKind::Malformed, _)));
}
