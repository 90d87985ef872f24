//! What the operator is told of, and how often.

use tamesuke_domain::action::AlertKind;
use tamesuke_domain::metadata::{Change, Reason, Refusal, key};
use tamesuke_domain::subdomain::Subdomain;
use tamesuke_domain::trial::Status;
use tamesuke_engine::Engine;
use tamesuke_simulator::fate::Arranged;
use tamesuke_simulator::op::Op;
use tamesuke_simulator::options::{HOUR, MINUTE};
use tamesuke_simulator::ports::Link;

use crate::{acting, bought, engine, run, shown};

/// Lets a name be looked at so many times, and that long pass after each.
async fn looks(engine: &Engine, link: &Link, (times, apart): (u32, u64)) {
    let name: Subdomain = "acme".parse().unwrap();
    for _ in 0..times {
        engine.pass(&name).await;
        link.world().lock().pass(apart);
    }
}

fn told(link: &Link, kind: &AlertKind) -> usize {
    link.world().lock().post.notes.iter().filter(|note| note.kind == *kind).count()
}

#[test]
fn money_that_stripe_does_not_let_us_give_back_is_told_once_a_day() {
    let link = acting();
    let its = link.clone();
    run(&link, async move {
        let engine = engine(&its);
        let (session, sub) = bought(&its).await;
        let at = its.world().lock().stripe_now();
        let refused = Change::Refused(Refusal { reason: Reason::GaveUp, at }).entries();
        its.world().lock().stripe.subs[sub].metadata.extend(refused);
        its.world().lock().arranged.insert(Op::Refund, Arranged::Refused);
        shown(&engine, &session).await;
        looks(&engine, &its, (3, 6 * MINUTE)).await;
        assert_eq!(told(&its, &AlertKind::StripeRefuses), 0, "a few failures mend themselves");
        looks(&engine, &its, (20, 6 * MINUTE)).await;
        assert_eq!(told(&its, &AlertKind::StripeRefuses), 1);
        looks(&engine, &its, (25, HOUR)).await;
        assert_eq!(told(&its, &AlertKind::StripeRefuses), 2, "a day later it is told again");
        its.world().lock().arranged.clear();
        looks(&engine, &its, (1, 6 * MINUTE)).await;
        assert!(its.world().lock().stripe.subs[sub].mark(key::REFUND).is_some(), "it goes on trying");
    });
}

#[test]
fn a_mail_that_is_given_up_is_told_though_its_refusals_were() {
    let link = acting();
    let its = link.clone();
    run(&link, async move {
        let engine = engine(&its);
        let (session, sub) = bought(&its).await;
        {
            let mut world = its.world().lock();
            let ended = &mut world.stripe.subs[sub];
            ended.status = Status::Canceled;
            let tunnel = "0c1744f8-0000-4000-8000-000000000009";
            let ready = [(key::VMID, "9001"), (key::URL, "https://acme.persys.jp"), (key::TUNNEL, tunnel)];
            ended.metadata.extend(ready.map(|(key, value)| (key.to_owned(), value.to_owned())));
            world.arranged.insert(Op::SendMail, Arranged::Refused);
        }
        shown(&engine, &session).await;
        looks(&engine, &its, (71, HOUR)).await;
        assert!((2..=3).contains(&told(&its, &AlertKind::MailRefused)), "once a day");
        assert_eq!(told(&its, &AlertKind::MailLost), 0);
        looks(&engine, &its, (3, HOUR)).await;
        assert_eq!(told(&its, &AlertKind::MailLost), 1, "somebody must write to the customer");
    });
}
