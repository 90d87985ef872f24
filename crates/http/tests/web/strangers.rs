//! Orders that nobody knows: asking for them must not cost Stripe's budget.

use std::net::SocketAddr;

use crate::client::{Answer, PATIENCE, Then, get, goes_on, send};
use crate::serve::serve_patiently;
use crate::world::{LAPSED, SLOW};

async fn ask(address: SocketAddr, session: &str) -> Answer {
    send(address, &get(&format!("/api/trials/{session}")), Then::Wait).await
}

#[actix_web::test]
async fn an_order_that_does_not_exist_or_lapsed_is_asked_for_once() {
    let (address, stripe) = serve_patiently().await;
    for _ in 0..3 {
        ask(address, "cs_made_up").await.is(404, "trial_unknown");
        let lapsed = ask(address, LAPSED).await;
        assert_eq!((lapsed.status, lapsed.json()["state"].as_str()), (200, Some("expired")), "{}", lapsed.body);
    }
    assert_eq!((stripe.asked("cs_made_up"), stripe.asked(LAPSED)), (1, 1));
}

#[actix_web::test]
async fn a_third_unknown_order_at_once_is_not_asked_for_but_told_to_come_again() {
    let (address, stripe) = serve_patiently().await;
    let slow = |n: usize| actix_web::rt::spawn(async move { ask(address, &format!("{SLOW}_{n}")).await });
    let waiting = [slow(1), slow(2)];
    let both_asked = async {
        while stripe.asked(SLOW) < 2 {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(PATIENCE, both_asked).await.expect("two questions");
    let third = ask(address, "cs_third").await;
    third.is(503, "stripe_unavailable");
    assert_eq!(third.json()["retry_after"], 5);
    assert_eq!(stripe.asked("cs_third"), 0);
    goes_on(address).await;
    stripe.slow.add_permits(waiting.len());
    for answer in waiting {
        answer.await.unwrap().is(404, "trial_unknown");
    }
    ask(address, "cs_third").await.is(404, "trial_unknown");
}
