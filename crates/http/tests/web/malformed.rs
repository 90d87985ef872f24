//! Requests that are too large, cut short, garbled or no text: each gets a clear answer, and the service
//! goes on.

use crate::client::{JSON, ORDER, SIGNED, Then, get, goes_on, post, send};
use crate::serve::serve;

#[actix_web::test]
async fn forms_that_do_not_read_are_told_what_is_wrong() {
    let address = serve().await;
    let deep = "[".repeat(10_000);
    for (content_type, body, code, field) in [
        (JSON, &b""[..], "body_malformed", None),
        (JSON, b"{", "body_malformed", None),
        (JSON, b"[1,2]", "body_malformed", None),
        (JSON, b"{\"email\":\"a@b.jp\"} trailing", "body_malformed", None),
        (JSON, b"{\"email\":\"\xff\xfe\"}", "body_malformed", None),
        (JSON, b"{\"email\":\"\\ud800\"}", "body_malformed", None),
        (JSON, b"{\"email\":\"a\0b\"}", "body_malformed", None),
        (JSON, b"{\"subdomain\":\"a\",\"subdomain\":\"b\"}", "body_malformed", None),
        (JSON, deep.as_bytes(), "body_malformed", None),
        ("text/plain", b"{}", "body_malformed", None),
        ("application/x-www-form-urlencoded", b"subdomain=acme", "body_malformed", None),
        ("", b"{}", "body_malformed", None),
        (JSON, b"{}", "body_malformed", Some("subdomain")),
        (JSON, b"{\"subdomain\":7}", "body_malformed", Some("subdomain")),
        (JSON, b"{\"subdomain\":\"a\\u0000b\"}", "subdomain_malformed", Some("subdomain")),
        (
            JSON,
            b"{\"subdomain\":\"acme\",\"email\":\"a@b.jp\",\"company_name\":\"x\",\"oss_type\":\"nginx\",\"duration_days\":\"7\"}",
            "body_malformed",
            Some("duration_days"),
        ),
    ] {
        let answer = send(address, &post(ORDER, content_type, body), Then::Wait).await;
        answer.is(400, code);
        assert_eq!(answer.json()["field"].as_str(), field, "{}", answer.body);
    }
    goes_on(address).await;
}

#[actix_web::test]
async fn a_good_form_gets_as_far_as_the_catalogue() {
    let address = serve().await;
    let body = br#"{"subdomain":"acme","email":"a@b.jp","company_name":"x","oss_type":"nginx","duration_days":7}"#;
    let answer = send(address, &post(ORDER, "application/json; charset=utf-8", body), Then::Wait).await;
    answer.is(422, "application_unknown");
}

#[actix_web::test]
async fn a_body_that_is_announced_too_large_is_refused_unread() {
    let address = serve().await;
    for (path, length) in [(ORDER, 16 * 1024 + 1), ("/webhook/stripe", 1024 * 1024 + 1), (ORDER, usize::MAX)] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\n{SIGNED}Content-Type: {JSON}\r\nContent-Length: {length}\r\n\r\n"
        );
        send(address, head.as_bytes(), Then::Wait).await.is(413, "too_large");
    }
    goes_on(address).await;
}

#[actix_web::test]
async fn what_follows_a_refused_body_is_no_second_request() {
    let address = serve().await;
    let head = format!("POST {ORDER} HTTP/1.1\r\nHost: x\r\nContent-Type: {JSON}\r\nContent-Length: 50000\r\n\r\n");
    let request = [head.as_bytes(), b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n"].concat();
    let answer = send(address, &request, Then::Wait).await;
    answer.is(413, "too_large");
    assert!(!answer.body.contains("HTTP/1.1"), "{}", answer.body);
}

#[actix_web::test]
async fn a_body_of_unknown_length_is_read_up_to_the_limit() {
    let address = serve().await;
    for (path, length, status, code) in [
        (ORDER, 17_000, 413, "too_large"),
        ("/webhook/stripe", 1_100_000, 413, "too_large"),
        ("/webhook/stripe", 900_000, 400, "signature_invalid"),
    ] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{SIGNED}Content-Type: {JSON}\r\nTransfer-Encoding: chunked\r\n\r\n{length:x}\r\n"
        );
        let request = [head.as_bytes(), &vec![b' '; length], b"\r\n0\r\n\r\n"].concat();
        send(address, &request, Then::Wait).await.is(status, code);
    }
    goes_on(address).await;
}

#[actix_web::test]
async fn a_body_that_is_cut_short_is_told_so() {
    let address = serve().await;
    for path in [ORDER, "/webhook/stripe"] {
        let head = format!(
            "POST {path} HTTP/1.1\r\nHost: x\r\n{SIGNED}Content-Type: {JSON}\r\nContent-Length: 100\r\n\r\n{{\"a"
        );
        send(address, head.as_bytes(), Then::Close).await.is(400, "body_malformed");
    }
    goes_on(address).await;
}

#[actix_web::test]
async fn what_is_no_http_is_refused() {
    let address = serve().await;
    let long = format!("GET /?{} HTTP/1.1\r\nHost: x\r\n\r\n", "a".repeat(200_000));
    let many = format!("GET / HTTP/1.1\r\nHost: x\r\n{}\r\n", "X-A: b\r\n".repeat(500));
    for request in [
        &b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"[..],
        b"GET /api/check-subdomain?subdomain=\xff\xfe HTTP/1.1\r\nHost: x\r\n\r\n",
        b"POST /webhook/stripe HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
        b"POST /webhook/stripe HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n",
        long.as_bytes(),
        many.as_bytes(),
    ] {
        let status = send(address, request, Then::Wait).await.status;
        assert!(
            (400..500).contains(&status),
            "{status}: {:?}",
            String::from_utf8_lossy(&request[..request.len().min(40)])
        );
    }
    goes_on(address).await;
}

#[actix_web::test]
async fn queries_that_do_not_read_are_told_what_is_wrong() {
    let address = serve().await;
    let huge = format!("subdomain={}", "a".repeat(60_000));
    for (query, code) in [
        ("", "subdomain_malformed"),
        ("name=acme", "subdomain_malformed"),
        ("subdomain=", "subdomain_malformed"),
        ("subdomain=acme%0A", "subdomain_malformed"),
        ("subdomain=%00", "subdomain_malformed"),
        ("subdomain=%FF%FE", "subdomain_malformed"),
        ("subdomain=%E3%81%82", "subdomain_malformed"),
        ("subdomain=%zz", "subdomain_malformed"),
        ("subdomain=a&subdomain=b", "query_malformed"),
        (huge.as_str(), "subdomain_malformed"),
    ] {
        let answer = send(address, &get(&format!("/api/check-subdomain?{query}")), Then::Wait).await;
        answer.is(400, code);
        assert!(answer.body.len() < 1_000, "{}", answer.body.len());
    }
    goes_on(address).await;
}

#[actix_web::test]
async fn addresses_and_methods_that_there_are_not_are_told_so() {
    let address = serve().await;
    for path in ["/api/", "/api/nope", "/api/trials", "/api/trials/", "/webhook/", "/webhook/paypal"] {
        send(address, &get(path), Then::Wait).await.is(404, "not_found");
    }
    for path in ["/api/trials/%FF", "/api/trials/..%2f..", "/api/trials/cs_%00", "/api/trials/cs_a%0Ab/events"] {
        send(address, &get(path), Then::Wait).await.is(400, "trial_malformed");
    }
    send(address, &get("/api/trials/cs_nobody"), Then::Wait).await.is(404, "trial_unknown");
    for path in ["/nope", "/../../etc/passwd", "/assets/", "/%FF", "/index.html/x"] {
        let answer = send(address, &get(path), Then::Wait).await;
        assert!(answer.status == 404 && answer.body.contains("<h1"), "{path}: {} {}", answer.status, answer.body);
    }
    for (method, path, allow) in [
        ("DELETE", "/api/catalog", "get, head"),
        ("PUT", "/health", "get, head"),
        ("GET", ORDER, "post"),
        ("HEAD", "/api/trials/cs_a/events", "get"),
        ("BREW", "/webhook/stripe", "post"),
        ("POST", "/", "get, head"),
        ("DELETE", "/nope", "get, head"),
    ] {
        let request = format!("{method} {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = send(address, request.as_bytes(), Then::Wait).await;
        assert!(answer.head.contains(&format!("allow: {allow}\r\n")), "{method} {path}: {}", answer.head);
        if method == "HEAD" {
            assert_eq!((answer.status, answer.body.as_str()), (405, ""));
        } else {
            answer.is(405, "method_not_allowed");
        }
    }
}

#[actix_web::test]
async fn head_is_answered_wherever_get_is() {
    let address = serve().await;
    for path in ["/health", "/api/openapi.json", "/api/check-subdomain?subdomain=acme", "/", "/assets/style.css"] {
        let request = format!("HEAD {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
        let answer = send(address, request.as_bytes(), Then::Wait).await;
        assert_eq!((answer.status, answer.body.as_str()), (200, ""), "{path}");
    }
}
