//! What is offered, ordering, and giving back what was reserved.

use std::net::SocketAddr;

use tamesuke_http::OperatorPages;

use crate::client::{Answer, JSON, ORDER, Then, get, goes_on, post, send};
use crate::serve::{RESERVATIONS_MAX, serve_nginx, serve_nginx_to_few, serve_with_pages};

const RELEASE: &str = "/api/checkout/release";
const FORM: &[u8] = br#"{"subdomain":"acme","email":"a@b.jp","company_name":"x","oss_type":"nginx","duration_days":7}"#;

/// Another browser's mark.
const THEIRS: &str = "tmsk_form=0123456789abcdef0123456789abcdef";

async fn order(address: SocketAddr) -> Answer {
    send(address, &post(ORDER, JSON, FORM), Then::Wait).await
}

/// An order with a field of the form changed.
fn changed(field: &str, to: &str) -> Vec<u8> {
    post(ORDER, JSON, String::from_utf8(FORM.to_vec()).unwrap().replace(field, to).as_bytes())
}

/// Somebody else's order of the same name.
fn rival() -> Vec<u8> {
    changed("a@b.jp", "c@d.jp")
}

async fn order_with(address: SocketAddr, field: &str, to: &str) -> Answer {
    send(address, &changed(field, to), Then::Wait).await
}

/// The mark that a browser was given.
fn mark(ordered: &Answer) -> &str {
    ordered.head.split_once("set-cookie: ").unwrap().1.split(';').next().unwrap()
}

/// Sends a POST as the browser of that mark.
async fn send_from(mark: &str, address: SocketAddr, request: &[u8]) -> Answer {
    let text = std::str::from_utf8(request).unwrap();
    send(address, text.replacen("Host: x", &format!("Host: x\r\nCookie: {mark}"), 1).as_bytes(), Then::Wait).await
}

#[actix_web::test]
async fn the_same_order_gets_the_same_page_and_the_time_at_which_that_page_lapses() {
    let address = serve_nginx().await;
    let (first, again) = (order(address).await, order(address).await);
    assert_eq!((first.status, again.status), (200, 200), "{} {}", first.body, again.body);
    assert_eq!(first.json()["checkout_url"], "https://pay.example/cs_test_0");
    // 31 minutes from the world's now, less what Stripe's pages lapse sooner there.
    assert_eq!(first.json()["until"], 1_790_000_000 + 31 * 60 - 7);
    assert_eq!(first.json(), again.json());
}

#[actix_web::test]
async fn only_json_gives_back_what_was_reserved() {
    let address = serve_nginx().await;
    let ordered = order(address).await;
    let mine = mark(&ordered);
    // What a page of another origin can send without being asked for leave.
    for (content_type, body) in [
        ("text/plain", &b"{}"[..]),
        ("application/x-www-form-urlencoded", b"a=b"),
        ("multipart/form-data; boundary=a", b""),
        ("", b""),
        (JSON, b""),
        (JSON, b"null"),
        (JSON, b"[]"),
    ] {
        send_from(mine, address, &post(RELEASE, content_type, body)).await.is(400, "body_malformed");
        send_from(THEIRS, address, &rival()).await.is(409, "subdomain_reserved");
    }
    let released = send_from(mine, address, &post(RELEASE, JSON, b"{}")).await;
    assert_eq!((released.status, released.json()["released"].as_bool()), (200, Some(true)));
    assert_eq!(send_from(THEIRS, address, &rival()).await.status, 200);
}

#[actix_web::test]
async fn a_visitor_can_take_only_so_many_rooms_without_paying() {
    let address = serve_nginx_to_few().await;
    for nth in 0..RESERVATIONS_MAX {
        assert_eq!(order_with(address, "acme", &format!("acme-{nth}")).await.status, 200);
    }
    order(address).await.is(429, "too_many_requests");
    goes_on(address).await;
}

#[actix_web::test]
async fn an_order_that_gets_no_page_takes_none_of_a_visitors_rooms() {
    let address = serve_nginx_to_few().await;
    assert_eq!(order(address).await.status, 200);
    for _ in 0..=RESERVATIONS_MAX {
        order_with(address, "acme", "-").await.is(400, "subdomain_malformed");
        order_with(address, "nginx", "apache").await.is(422, "application_unknown");
        send_from(THEIRS, address, &rival()).await.is(409, "subdomain_reserved");
    }
    for nth in 1..RESERVATIONS_MAX {
        assert_eq!(order_with(address, "acme", &format!("acme-{nth}")).await.status, 200);
    }
    order_with(address, "acme", "acme-9").await.is(429, "too_many_requests");
}

#[actix_web::test]
async fn the_catalogue_names_the_operators_pages_where_there_are_any() {
    let pages = OperatorPages {
        legal: Some("https://example.jp/legal".to_owned()),
        terms: None,
        privacy: Some("https://example.jp/privacy".to_owned()),
    };
    for (address, legal, privacy) in [
        (serve_with_pages(pages).await, Some("https://example.jp/legal"), Some("https://example.jp/privacy")),
        (serve_nginx().await, None, None),
    ] {
        let catalog = send(address, &get("/api/catalog"), Then::Wait).await.json();
        assert_eq!(catalog["applications"][0]["periods"][0]["price"]["amount_minor"], 500, "{catalog}");
        let said = ["legal_url", "terms_url", "privacy_url"].map(|name| catalog.get(name).expect("a field").as_str());
        assert_eq!(said, [legal, None, privacy]);
    }
}
