//! Answers and task ids of Proxmox, right and wrong ones.

use proptest::prelude::*;
use serde_json::{Value, json};
use tamesuke_domain::drawn::each_kind;

use super::*;

const READ: Errand = Errand { system: System::Proxmox, operation: "read a container", writes: false };
const WRITE: Errand = Errand { system: System::Proxmox, operation: "stop a container", writes: true };

fn answer(status: u16, reason: &str, body: &[u8]) -> Answer {
    let status = StatusCode::from_u16(status).unwrap();
    Answer { status, reason: reason.to_owned(), retry_after: None, body: body.to_vec() }
}

#[track_caller]
fn fault(errand: Errand, status: u16, reason: &str, body: &str) -> Fault {
    read::<serde_json::Value>(errand, &answer(status, reason, body.as_bytes())).unwrap_err()
}

#[test]
fn the_words_are_the_bodys_or_else_the_status_lines() {
    let told = fault(READ, 403, "Permission check failed", r#"{"data":null}"#);
    assert!(told.chain().contains("status 403: Permission check failed"), "{}", told.chain());
    let told = fault(READ, 500, "x", r#"{"data":null,"message":"CT 9001 does not exist\n"}"#);
    assert!(told.chain().contains("status 500: CT 9001 does not exist"), "{}", told.chain());
}

#[test]
fn only_the_words_does_not_exist_on_a_500_are_an_absence() {
    let says = |status, words: &str| is_absent(&fault(READ, status, words, ""));
    assert!(says(500, "Configuration file 'nodes/odin/lxc/9001.conf' does not exist"));
    assert!(!says(500, "got timeout"));
    assert!(!says(403, "does not exist"));
    assert!(!says(595, "does not exist"));
}

#[test]
fn a_lost_node_leaves_the_outcome_of_a_write_open() {
    for status in [595, 596, 599, 502] {
        assert!(fault(WRITE, status, "", "").is_unknown());
        assert!(!fault(READ, status, "", "").is_unknown());
    }
    assert!(!fault(WRITE, 500, "CT is locked", "").is_unknown());
    assert!(fault(WRITE, 200, "", "<html>").is_unknown());
    assert!(fault(WRITE, 200, "", r#"{"data":null}"#).is_unknown());
}

#[test]
fn a_task_is_asked_after_on_its_node() {
    let upid = "UPID:odin:0000C1F2:0A2B3C4D:67890ABC:vzstart:9001:root@pam:";
    assert_eq!(status_path(upid), Some(format!("/nodes/odin/tasks/{upid}/status")));
    let token = "UPID:pve-2:0000C1F2:0A2B3C4D:67890ABC:vzstop:9001:root@pam!tamesuke:";
    assert!(status_path(token).is_some());
}

#[test]
fn a_task_id_that_leads_elsewhere_is_none() {
    for odd in [
        "",
        "UPID:",
        "UPID::x",
        "UPID:..:x",
        "UPID:odin/../x:",
        "UPID:odin:%2e",
        "UPID:odin:?a",
        "odin",
        "UPID:odin:a b",
    ] {
        assert_eq!(status_path(odd), None, "{odd}");
    }
    assert_eq!(status_path(&format!("UPID:odin:{}", "a".repeat(1_000))), None);
}

/// Task ids, longer ones than are taken, and ids with a character in them that is in none.
fn drawn_task_ids() -> impl Strategy<Value = String> {
    let right = "UPID:[a-zA-Z0-9.-]{1,8}(:[A-Za-z0-9@!._-]{0,9}){0,8}";
    let odd = prop_oneof![3 => "[/?#%\\\\ ]", 1 => "\\PC"];
    prop_oneof![
        4 => right,
        1 => "UPID:[a-z]{1,8}(:[A-Za-z0-9]{5,9}){24,48}",
        1 => "[UPID:]{4,5}[a-z0-9:]{0,20}",
        2 => (right, any::<prop::sample::Index>(), odd).prop_map(|(mut text, at, odd)| {
            text.insert_str(at.index(text.len() + 1), &odd);
            text
        }),
    ]
}

/// What an id of a task is, written down apart from the reader.
fn is_task_id(text: &str) -> bool {
    const PLAIN: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
    let mut parts = text.split(':');
    let led = parts.next() == Some("UPID");
    let node: Vec<char> = parts.next().unwrap_or_default().chars().collect();
    let node_fits = node.first().is_some_and(|c| PLAIN.contains(*c))
        && node.iter().all(|c| PLAIN.contains(*c) || *c == '-' || *c == '.');
    led && node_fits
        && text.len() <= 256
        && parts.all(|part| part.chars().all(|c| PLAIN.contains(c) || "@!-._".contains(c)))
}

#[test]
fn exactly_a_task_id_gives_a_path_and_that_stays_below_its_node() {
    each_kind(&["taken", "refused", "too long"], &drawn_task_ids(), |text| {
        let Some(path) = status_path(&text) else {
            prop_assert!(!is_task_id(&text), "{text}");
            return Ok(if text.len() > 256 { "too long" } else { "refused" });
        };
        prop_assert!(is_task_id(&text), "{text}");
        let mut url: Url = "https://proxmox:8006/api2/json".parse().unwrap();
        url.set_path(&format!("/api2/json{path}"));
        let segments: Vec<&str> = url.path_segments().unwrap().collect();
        let node = text.split(':').nth(1).unwrap();
        prop_assert_eq!(segments, ["api2", "json", "nodes", node, "tasks", &text, "status"]);
        prop_assert_eq!((url.query(), url.fragment()), (None, None));
        Ok("taken")
    });
}

/// JSON of any shape.
fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        "[ -~\\n]{0,20}".prop_map(Value::from),
    ];
    leaf.prop_recursive(2, 6, 3, |inner| {
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..3).prop_map(Value::from),
            proptest::collection::btree_map("[a-z]{1,6}", inner, 0..3).prop_map(Value::from_iter),
        ]
    })
}

/// A field that may be right, of another type, or not there at all.
fn field(right: impl Strategy<Value = Value> + 'static) -> impl Strategy<Value = Option<Value>> {
    prop_oneof![4 => right.prop_map(Some), 1 => any_json().prop_map(Some), 1 => Just(None)]
}

fn object<const N: usize>(fields: [(&str, Option<Value>); N]) -> Value {
    fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))).collect()
}

#[test]
fn a_task_has_ended_well_only_where_it_says_so_and_one_that_does_not_read_is_no_end() {
    let status = field(prop_oneof![Just("stopped"), Just("stopped"), Just("running")].prop_map(Value::from));
    let exit = field(
        prop_oneof!["OK", "WARNINGS: [1-9]", "[OK]{0,3}", "command 'lxc-stop' failed", "[ -~]{0,20}"]
            .prop_map(Value::from),
    );
    each_kind(&["well", "badly", "running", "refused"], &(status, exit), |(status, exit)| {
        let body = json!({"data": object([("status", status.clone()), ("exitstatus", exit.clone())])}).to_string();
        let exit = exit.unwrap_or_default();
        let reads = status.as_ref().is_some_and(Value::is_string) && (exit.is_null() || exit.is_string());
        let view = match read::<TaskView>(READ, &answer(200, "", body.as_bytes())) {
            Ok(view) => view,
            Err(fault) => {
                prop_assert!(!reads, "{body}: {}", fault.chain());
                return Ok("refused");
            }
        };
        prop_assert!(reads, "{body}");
        let words = exit.as_str().unwrap_or_default();
        let stopped = status == Some(json!("stopped"));
        match view.ended() {
            None => {
                prop_assert!(!stopped, "{body}");
                Ok("running")
            }
            Some(Ok(())) => {
                prop_assert!(stopped && (words == "OK" || words.get(..8) == Some("WARNINGS")), "{body}");
                Ok("well")
            }
            Some(Err(told)) => {
                prop_assert!(stopped && words != "OK" && words.get(..8) != Some("WARNINGS"), "{body}");
                prop_assert_eq!(told, words);
                Ok("badly")
            }
        }
    });
}

#[test]
fn an_error_of_any_shape_is_the_fault_its_status_says_in_one_line_and_rarely_an_absence() {
    let words = prop_oneof![2 => "[ -~]{0,12}does not exist[ \n]{0,2}", 2 => "[ -~\n]{0,40}", 1 => "\\PC{300,400}"];
    let body = prop_oneof![
        3 => field(words.prop_map(Value::from)).prop_map(|message| object([("data", Some(Value::Null)), ("message", message)]).to_string()),
        1 => any_json().prop_map(|body| body.to_string()),
        1 => Just("<html>does not exist</html>".to_owned()),
    ];
    let status = prop_oneof![2 => Just(500_u16), 1 => 400_u16..500, 1 => 501_u16..600, 1 => 300_u16..400];
    let reason = prop_oneof!["[ -~]{0,20}", Just("Configuration file does not exist".to_owned())];
    let kinds = ["absent", "refused", "retryable", "unknown"];
    each_kind(&kinds, &(status, reason, body), |(status, reason, body)| {
        let told = fault(WRITE, status, &reason, &body);
        let chain = told.chain();
        prop_assert!(chain.contains(&format!("status {status}: ")) && !chain.contains('\n'), "{chain}");
        prop_assert!(chain.chars().count() < 400, "{chain}");
        let message = serde_json::from_str::<Value>(&body).ok();
        let message = message.as_ref().and_then(|body| body.get("message")?.as_str()).map_or("", str::trim);
        let words = if message.is_empty() { &reason } else { message };
        let gone = status == 500 && words.chars().take(300).collect::<String>().contains("does not exist");
        prop_assert_eq!(is_absent(&told), gone, "{}", chain);
        Ok(match (&told, status) {
            (Fault::Retryable { .. }, 500) if gone => "absent",
            (Fault::Retryable { .. }, 500) => "retryable",
            (Fault::Refused { .. }, 400..=499) => "refused",
            (Fault::Unknown { .. }, 501.. | 300..=399) => "unknown",
            _ => return Err(TestCaseError::fail(chain)),
        })
    });
}

proptest! {
    #[test]
    fn no_answer_makes_the_reader_panic(status in 100_u16..1000, reason in "\\PC{0,40}", body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let answer = answer(status, &reason, &body);
        let _ = read::<ConfigView>(READ, &answer);
        let _ = read::<Vec<GuestView>>(READ, &answer);
        let _ = read::<String>(WRITE, &answer);
    }
}
