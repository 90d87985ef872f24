//! Answers of Cloudflare, right and wrong ones: every one is told apart, none makes us panic.

use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;
use crate::cloudflare::{RecordView, TunnelView};

const READ: Errand = Errand { system: System::Cloudflare, operation: "list tunnels", writes: false };
const WRITE: Errand = Errand { system: System::Cloudflare, operation: "delete a tunnel", writes: true };

fn answer(status: u16, body: &[u8]) -> Answer {
    let status = StatusCode::from_u16(status).unwrap();
    Answer { status, reason: String::new(), retry_after: None, body: body.to_vec() }
}

fn opened(errand: Errand, status: u16, body: &str) -> Result<Option<Value>, Denied> {
    open(errand, &answer(status, body.as_bytes())).map(|envelope| envelope.result)
}

#[track_caller]
fn fault(errand: Errand, status: u16, body: &str) -> Fault {
    match opened(errand, status, body) {
        Err(Denied::Other(fault)) => fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_refusal_is_told_with_its_code_and_words() {
    let body = r#"{"success":false,"errors":[{"code":1013,"message":"You already have a tunnel with this name"}],"result":null}"#;
    let told = fault(WRITE, 409, body);
    assert!(matches!(told, Fault::Retryable { .. }));
    assert!(told.chain().contains("409") && told.chain().contains("code 1013, You already have"), "{}", told.chain());
    assert!(matches!(fault(WRITE, 403, body), Fault::Refused { .. }));
}

#[test]
fn only_a_write_that_met_a_5xx_may_have_happened() {
    for status in [500, 502, 522] {
        assert!(fault(WRITE, status, "<html>").is_unknown());
        assert!(!fault(READ, status, "<html>").is_unknown());
    }
    assert!(fault(WRITE, 200, "<html>").is_unknown());
}

#[test]
fn a_result_of_another_shape_does_not_hide_the_reason() {
    let body = r#"{"errors":[{"code":1022,"message":"active connections"}],"result":"odd"}"#;
    let read: Result<Envelope<TunnelView>, Denied> = open(WRITE, &answer(400, body.as_bytes()));
    assert!(matches!(read, Err(Denied::ActiveConnections)));
    let gone: Result<Envelope<TunnelView>, Denied> = open(WRITE, &answer(404, b"{}"));
    assert!(matches!(gone, Err(Denied::Missing)));
}

#[test]
fn words_without_end_are_cut_and_stay_on_one_line() {
    let body = json!({"errors": [{"code": 1, "message": "a\nb".repeat(100_000)}]}).to_string();
    let chain = fault(READ, 400, &body).chain();
    assert!(chain.len() < 1_000 && !chain.contains('\n'), "{}", chain.len());
}

#[test]
fn over_the_limit_the_block_is_waited_for() {
    assert_eq!(fault(READ, 429, "").retry_after(), Some(BLOCKED_FOR));
}

proptest! {
    #[test]
    fn no_answer_makes_the_reader_panic(status in 100_u16..1000, body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let _ = open::<Vec<TunnelView>>(READ, &answer(status, &body));
        let _ = open::<RecordView>(WRITE, &answer(status, &body));
    }

    #[test]
    fn no_error_object_makes_the_reader_panic_or_succeed(
        status in 400_u16..600,
        code in prop_oneof![any::<i64>().prop_map(Value::from), any::<String>().prop_map(Value::from), Just(Value::Null)],
        message in prop_oneof![any::<String>().prop_map(Value::from), any::<u64>().prop_map(Value::from)],
    ) {
        let body = json!({"success": false, "errors": [{"code": code, "message": message}], "result": null}).to_string();
        prop_assert!(opened(WRITE, status, &body).is_err());
    }

    #[test]
    fn a_tunnel_that_reads_has_a_true_id_and_a_time(id in "\\PC{0,40}", created in "\\PC{0,30}") {
        let view = TunnelView { id: id.clone(), name: String::new(), created_at: Some(created), deleted_at: None };
        if let Some(tunnel) = view.parse() {
            prop_assert_eq!(tunnel.id.as_str(), id);
        }
    }
}
