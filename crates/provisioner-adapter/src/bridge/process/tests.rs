//! What the bridge says of a run, right and wrong, and steps however the output is cut.

use super::*;
use proptest::prelude::*;
use serde_json::{Value, json};
use std::sync::Mutex;
use tamesuke_domain::drawn::each_kind;

const READY: &[u8] = br#"{"outcome":"ready","vmid":9001,"tunnel_id":"t","url":"https://a.b","status":"active"}"#;

#[test]
fn the_last_line_is_the_outcome_whatever_stands_before_it() {
    let ready = Some(Outcome::Ready { vmid: 9001, tunnel_id: "t".to_owned() });
    assert_eq!(Outcome::read(READY), ready);
    assert_eq!(Outcome::read(&[b"{\"outcome\":\"busy\"}\n\xff\n", READY, b"\n\n"].concat()), ready);
    assert_eq!(Outcome::read(b"{\"outcome\":\"busy\"}"), Some(Outcome::Busy));
}

#[test]
fn what_is_no_outcome_is_none_and_not_a_success() {
    for odd in [
        &b""[..],
        b"\n\n",
        b"ready",
        b"{}",
        b"{\"outcome\":\"ready\"}",
        b"{\"outcome\":\"ready\",\"vmid\":\"9001\",\"tunnel_id\":\"t\"}",
        b"{\"outcome\":\"ready\",\"vmid\":-1,\"tunnel_id\":\"t\"}",
        b"{\"outcome\":\"splendid\"}",
        &READY[..READY.len() - 1],
    ] {
        assert_eq!(Outcome::read(odd), None, "{}", String::from_utf8_lossy(odd));
    }
}

/// The last step heard of when output arrives cut like this.
fn heard(output: &[u8], cuts: &[usize]) -> u8 {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(async {
        let (mut into, from) = tokio::io::duplex(64 * 1024);
        let step = Mutex::new(0);
        let write = async {
            let mut rest = output;
            for cut in cuts {
                let (now, later) = rest.split_at((*cut).min(rest.len()));
                into.write_all(now).await.unwrap();
                tokio::task::yield_now().await;
                rest = later;
            }
            into.write_all(rest).await.unwrap();
            drop(into);
        };
        let read = follow(Some(from), |seen| *step.lock().unwrap() = seen);
        let (followed, ()) = futures_util::future::join(read, write).await;
        followed.unwrap();
        step.into_inner().unwrap()
    })
}

/// A field that may be right, of another type, or not there at all.
fn field(right: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Option<Value>> {
    let odd = prop_oneof![
        Just(Value::Null),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[ -~]{0,8}".prop_map(Value::from),
        Just(json!(["ready"])),
        Just(json!({"vmid": 1})),
    ];
    prop_oneof![8 => right.prop_map(Some), 1 => odd.prop_map(Some), 1 => Just(None)]
}

/// The fields of an outcome, and what stands around its line.
fn drawn_outputs() -> impl Strategy<Value = (Value, String, String)> {
    let text = || field("[ -~\\nトンネル]{0,20}".prop_map(Value::from));
    let outcome = prop_oneof![3 => Just("ready"), 2 => Just("failed"), 1 => Just("busy"), 1 => Just("Ready"), 1 => Just("splendid")];
    let vmid = field(prop_oneof![100_u64..1_000_000, any::<u64>()].prop_map(Value::from));
    let fields = (field(outcome.prop_map(Value::from)), vmid, text(), text(), text()).prop_map(
        |(outcome, vmid, tunnel, kind, message)| {
            [
                ("url", Some(json!("x"))),
                ("message", message),
                ("outcome", outcome),
                ("vmid", vmid),
                ("tunnel_id", tunnel),
                ("kind", kind),
            ]
            .into_iter()
            .filter_map(|(name, value)| Some((name.to_owned(), value?)))
            .collect()
        },
    );
    let before = prop_oneof![Just(""), Just("noise\n"), Just("{\"outcome\":\"busy\"}\n"), Just("\n\n")];
    let after =
        prop_oneof![4 => Just(""), 4 => Just("\n"), 1 => Just("\n\n"), 1 => Just("}"), 1 => Just("\nlate words")];
    (fields, before.prop_map(str::to_owned), after.prop_map(str::to_owned))
}

/// What the fields say, written down apart from the reader.
fn said(fields: &Value) -> Option<Outcome> {
    let text = |name: &str| fields.get(name)?.as_str().map(str::to_owned);
    match fields.get("outcome")?.as_str()? {
        "ready" => Some(Outcome::Ready { vmid: fields.get("vmid")?.as_u64()?, tunnel_id: text("tunnel_id")? }),
        "failed" => Some(Outcome::Failed { kind: text("kind")?, message: text("message")? }),
        "busy" => Some(Outcome::Busy),
        _ => None,
    }
}

#[test]
fn an_outcome_is_read_exactly_where_the_last_line_says_one_whole() {
    each_kind(&["ready", "failed", "busy", "none"], &drawn_outputs(), |(fields, before, after)| {
        let output = format!("{before}{fields}{after}");
        let expected = if after.trim().is_empty() { said(&fields) } else { None };
        let seen = Outcome::read(output.as_bytes());
        prop_assert_eq!(&seen, &expected, "{}", output);
        let cut = output.trim_end().len() - 1;
        prop_assert_eq!(Outcome::read(&output.as_bytes()[..cut]), if after == "}" { said(&fields) } else { None });
        Ok(match seen {
            Some(Outcome::Ready { .. }) => "ready",
            Some(Outcome::Failed { .. }) => "failed",
            Some(Outcome::Busy) => "busy",
            None => "none",
        })
    });
}

proptest! {
    #[test]
    fn no_bytes_make_the_reader_of_outcomes_panic(output in proptest::collection::vec(any::<u8>(), 0..200)) {
        let _ = Outcome::read(&output);
    }

    #[test]
    fn steps_are_heard_alike_however_the_bytes_are_cut(
        lines in proptest::collection::vec("([1-9]|10)\\. \\[OK\\] トンネル\\PC{0,10}[\n\r]", 0..6),
        cuts in proptest::collection::vec(1_usize..9, 0..20),
    ) {
        let output = lines.concat();
        prop_assert_eq!(heard(output.as_bytes(), &cuts), heard(output.as_bytes(), &[]));
    }

    #[test]
    fn no_bytes_keep_the_follower_from_the_end(output in proptest::collection::vec(any::<u8>(), 0..300), cuts in proptest::collection::vec(1_usize..9, 0..20)) {
        prop_assert!(heard(&output, &cuts) <= 10);
    }
}
