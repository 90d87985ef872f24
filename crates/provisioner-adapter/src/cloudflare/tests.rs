//! Lists that are cut up otherwise than they were asked for, that shrink, and that say nothing of
//! their length; and what each refusal means to a caller.

use serde_json::json;
use tamesuke_domain::ports::Witness;
use wiremock::matchers::{method, path, query_param};
use wiremock::{Mock, MockServer, ResponseTemplate};

use super::*;

struct Nobody;

impl Witness for Nobody {
    fn answered(&self, _: System) {}

    fn failed(&self, _: System) {}

    fn stripe_date(&self, _: Timestamp) {}
}

const TUNNEL: &str = "c1744f8b-faa1-48a4-9e5c-02ac921467fa";

async fn client() -> (MockServer, Cloudflare) {
    // Only the first of all tests of a process sets it.
    let _known = rustls::crypto::ring::default_provider().install_default();
    let server = MockServer::start().await;
    let settings = CloudflareSettings {
        base: server.uri().parse().unwrap(),
        token: SecretString::from("token"),
        account_id: "a".into(),
        zone_id: "z".into(),
        timeout: Duration::from_secs(5),
    };
    let client = Cloudflare::new(reqwest::Client::new(), settings, Arc::new(Nobody));
    (server, client)
}

fn tunnel(number: usize) -> Value {
    json!({
        "id": format!("c1744f8b-faa1-48a4-9e5c-{number:012}"), "name": format!("service-{number}-a"),
        "created_at": "2026-11-01T00:00:00Z", "deleted_at": null,
    })
}

/// A list that gives these pages, and what it says of its length on each.
async fn paged(server: &MockServer, pages: &[(std::ops::Range<usize>, Option<usize>)]) {
    for (index, (items, total)) in pages.iter().enumerate() {
        let result: Vec<Value> = items.clone().map(tunnel).collect();
        let mut body = json!({"success": true, "errors": [], "messages": [], "result": result});
        if let Some(total) = total {
            body["result_info"] = json!({"total_count": total});
        }
        Mock::given(method("GET"))
            .and(path("/accounts/a/cfd_tunnel"))
            .and(query_param("page", (index + 1).to_string()))
            .respond_with(ResponseTemplate::new(200).set_body_json(body))
            .mount(server)
            .await;
    }
}

#[tokio::test]
async fn a_list_that_gives_less_on_a_page_than_was_asked_for_is_walked_to_its_end() {
    let (server, client) = client().await;
    paged(&server, &[(0..50, Some(120)), (50..100, Some(120)), (100..120, Some(120))]).await;
    assert_eq!(client.tunnels().await.unwrap().len(), 120);
}

#[tokio::test]
async fn a_list_that_does_not_say_how_long_it_is_ends_with_an_empty_page() {
    let (server, client) = client().await;
    paged(&server, &[(0..50, None), (50..60, None), (0..0, None)]).await;
    assert_eq!(client.tunnels().await.unwrap().len(), 60);
}

#[tokio::test]
async fn a_list_that_shrinks_while_it_is_walked_is_a_failed_read_and_no_absence() {
    let (server, client) = client().await;
    paged(&server, &[(0..50, Some(60)), (51..60, Some(59))]).await;
    assert!(matches!(client.tunnels().await, Err(Fault::Retryable { .. })));
}

#[tokio::test]
async fn a_list_shorter_than_it_says_is_a_failed_read_and_no_absence() {
    let (server, client) = client().await;
    paged(&server, &[(0..50, Some(60)), (0..0, Some(60))]).await;
    assert!(matches!(client.tunnels().await, Err(Fault::Retryable { .. })));
}

#[tokio::test]
async fn refusals_are_told_apart_by_what_may_have_happened() {
    for (status, code, retry_after) in [(429, 971, Some(envelope::BLOCKED_FOR)), (409, 1013, None)] {
        let (server, client) = client().await;
        refuse(&server, status, code).await;
        match client.create_record("a.example.com", &TUNNEL.parse().unwrap()).await {
            Err(Fault::Retryable { retry_after: seen, .. }) => assert_eq!(seen, retry_after, "{status}"),
            other => panic!("{status}: {other:?}"),
        }
    }
    let (server, client) = client().await;
    refuse(&server, 400, 81_053).await;
    assert!(matches!(client.create_record("a", &TUNNEL.parse().unwrap()).await, Err(Fault::Refused { .. })));
    let (server, client) = self::client().await;
    refuse(&server, 502, 0).await;
    assert!(matches!(client.create_record("a", &TUNNEL.parse().unwrap()).await, Err(Fault::Unknown { .. })));
}

async fn refuse(server: &MockServer, status: u16, code: i64) {
    let body = json!({"success": false, "errors": [{"code": code, "message": "no"}], "messages": [], "result": null});
    Mock::given(method("POST")).respond_with(ResponseTemplate::new(status).set_body_json(body)).mount(server).await;
}
