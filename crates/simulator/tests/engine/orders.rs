//! Orders whose answers went astray.

use tamesuke_domain::catalog::Days;
use tamesuke_domain::metadata::key;
use tamesuke_domain::order::Order;
use tamesuke_simulator::fate::Arranged;
use tamesuke_simulator::op::Op;

use crate::{acting, engine, run};

fn order(days: u64) -> Order {
    Order {
        subdomain: "acme".parse().unwrap(),
        application: "nginx".parse().unwrap(),
        days: Days::new(days).unwrap(),
        email: "taro@example.jp".parse().unwrap(),
        company: "Acme".parse().unwrap(),
    }
}

#[test]
fn the_page_of_another_order_is_not_given_out_though_the_same_browser_made_it() {
    let link = acting();
    let its = link.clone();
    run(&link, async move {
        let engine = engine(&its);
        engine.names().set_complete();
        its.world().lock().arranged.insert(Op::CreateCheckout, Arranged::Unheard);
        its.world().lock().arranged.insert(Op::ListRivals, Arranged::NotNow);
        its.world().lock().arranged.insert(Op::ListCheckouts, Arranged::NotNow);
        engine.sign_up(&order(7), "browser").await.unwrap_err();
        its.world().lock().arranged.clear();
        its.world().lock().arranged.insert(Op::CreateCheckout, Arranged::Late);
        let answer = engine.sign_up(&order(14), "browser").await;
        assert!(answer.is_err(), "seven days are sold for fourteen: {answer:?}");
        its.world().lock().arranged.clear();
        let page = engine.sign_up(&order(14), "browser").await.unwrap();
        let world = its.world().lock();
        let sold = world.stripe.sessions.iter().find(|session| session.shown.url.as_ref() == Some(&page.url)).unwrap();
        assert_eq!(sold.shown.metadata.get(key::DAYS).map(String::as_str), Some("14"));
    });
}
