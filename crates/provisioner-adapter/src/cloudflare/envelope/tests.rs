//! Answers of Cloudflare, right and wrong ones: every one is told apart, none makes us panic.

use proptest::prelude::*;
use serde_json::{Value, json};
use tamesuke_domain::drawn::each_kind;

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
}

/// A value of some type that was not asked for.
fn odd() -> impl Strategy<Value = Value> {
    prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[ -~]{0,8}".prop_map(Value::from),
        Just(json!([])),
        Just(json!({"code": 1022})),
    ]
}

fn field(right: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Option<Value>> {
    prop_oneof![8 => right.prop_map(Some), 1 => odd().prop_map(Some), 1 => Just(None)]
}

fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

fn drawn_errors() -> impl Strategy<Value = Value> {
    let code = field(
        prop_oneof![2 => Just(1022_i64), 2 => Just(81_044), 2 => 0_i64..20_000, 1 => any::<i64>()]
            .prop_map(Value::from),
    );
    let message = field("[ -~\n]{0,30}".prop_map(Value::from));
    let error = (code, message).prop_map(|(code, message)| object([("code", code), ("message", message)]));
    let errors = field(proptest::collection::vec(prop_oneof![9 => error, 1 => odd()], 0..3).prop_map(Value::from));
    let result = prop_oneof![Just(None), Just(Some(Value::Null)), odd().prop_map(Some)];
    (errors, result)
        .prop_map(|(errors, result)| object([("success", Some(json!(false))), ("errors", errors), ("result", result)]))
}

/// The first error of an envelope whose errors all read.
fn first_code(envelope: &Value) -> Option<i64> {
    let errors = envelope.get("errors")?.as_array()?;
    let reads = |error: &Value| match error {
        Value::Object(fields) => {
            fields.get("code").is_some_and(Value::is_i64) && fields.get("message").is_none_or(Value::is_string)
        }
        // serde takes a list of the fields' values for an object, too.
        _ => false,
    };
    errors.iter().all(reads).then(|| errors.first()?.get("code")?.as_i64()).flatten()
}

#[test]
fn an_error_of_any_shape_is_never_a_success_and_an_absence_only_where_it_says_so() {
    let status = prop_oneof![3 => 400_u16..404, 1 => Just(404_u16), 1 => Just(409), 1 => Just(429), 2 => 500_u16..600];
    let kinds = ["missing", "active", "refused", "retryable", "unknown"];
    each_kind(&kinds, &(status, drawn_errors()), |(status, envelope)| {
        let Err(denied) = opened(WRITE, status, &envelope.to_string()) else {
            return Err(TestCaseError::fail("a success"));
        };
        let code = first_code(&envelope);
        let seen = match denied {
            Denied::Missing => "missing",
            Denied::ActiveConnections => "active",
            Denied::Other(fault) => {
                let chain = fault.chain();
                prop_assert!(chain.contains(&format!("status {status}: ")) && !chain.contains('\n'), "{chain}");
                prop_assert_eq!(
                    code.map(|code| chain.contains(&format!("code {code},"))),
                    code.map(|_| true),
                    "{}",
                    chain
                );
                match fault {
                    Fault::Refused { .. } => "refused",
                    Fault::Retryable { .. } => "retryable",
                    Fault::Unknown { .. } => "unknown",
                }
            }
        };
        let expected = match (code, status) {
            (Some(1022), _) => "active",
            (Some(81_044), _) | (_, 404) => "missing",
            (_, 409 | 429) => "retryable",
            (_, 500..) => "unknown",
            _ => "refused",
        };
        prop_assert_eq!(seen, expected, "{} {}", status, envelope);
        Ok(seen)
    });
}

/// Days from 1970 to the first of a year, counted one by one.
fn days_before(year: i64) -> i64 {
    (1970..year).map(|year| if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) { 366 } else { 365 }).sum()
}

#[test]
fn a_tunnel_that_reads_has_a_true_id_and_the_time_it_was_made() {
    let id = prop_oneof![
        5 => "[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        1 => "[0-9A-F]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}",
        1 => "[0-9a-f]{32}",
        1 => "[0-9a-f-]{36}",
        1 => "[ -~]{0,40}",
    ];
    let time = (1970_i64..2100, 1_i64..=31, 0_i64..24, 0_i64..60, 0_i64..60, "(\\.[0-9]{1,9})?").prop_map(
        |(year, day, hour, minute, second, part)| {
            let text = format!("{year}-01-{day:02}T{hour:02}:{minute:02}:{second:02}{part}Z");
            (Some(text), Some((days_before(year) + day - 1) * 86_400 + hour * 3_600 + minute * 60 + second))
        },
    );
    let odd = prop_oneof![Just("2026-13-01T00:00:00Z"), Just("2026-11-01"), Just(""), Just("1790000000")];
    let created =
        prop_oneof![6 => time, 1 => odd.prop_map(|odd| (Some(odd.to_owned()), None)), 1 => Just((None, None))];
    each_kind(&["taken", "refused"], &(id, "[a-z0-9-]{0,20}", created), |(id, name, (created, moment))| {
        let shape: String = id.chars().map(|c| if "0123456789abcdef".contains(c) { 'x' } else { c }).collect();
        let moment = moment.filter(|_| shape == "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx");
        let view = TunnelView { id: id.clone(), name: name.clone(), created_at: created, deleted_at: None };
        let seen = view.parse().map(|tunnel| (tunnel.id.to_string(), tunnel.name, tunnel.created.as_unix()));
        let kind = if seen.is_some() { "taken" } else { "refused" };
        prop_assert_eq!(seen, moment.map(|moment| (id, name, moment)));
        Ok(kind)
    });
}
