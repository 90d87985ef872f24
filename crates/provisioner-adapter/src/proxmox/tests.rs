//! Answers and task ids of Proxmox, right and wrong ones.

use proptest::prelude::*;

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

proptest! {
    #[test]
    fn a_task_ids_path_stays_below_its_node(text in "(UPID:)?[\\PC]{0,60}") {
        if let Some(path) = status_path(&text) {
            let mut url: Url = "https://proxmox:8006/api2/json".parse().unwrap();
            url.set_path(&format!("/api2/json{path}"));
            prop_assert_eq!(url.path(), format!("/api2/json{path}"));
            prop_assert_eq!(path.split('/').count(), 6);
        }
    }

    #[test]
    fn no_answer_makes_the_reader_panic(status in 100_u16..1000, reason in "\\PC{0,40}", body in proptest::collection::vec(any::<u8>(), 0..300)) {
        let answer = answer(status, &reason, &body);
        let _ = read::<ConfigView>(READ, &answer);
        let _ = read::<Vec<GuestView>>(READ, &answer);
        let _ = read::<String>(WRITE, &answer);
    }

    #[test]
    fn a_body_of_any_shape_is_a_value_or_a_fault_with_its_status(status in 400_u16..600, message in any::<String>()) {
        let body = serde_json::json!({"data": null, "message": message}).to_string();
        let told = fault(WRITE, status, "", &body).chain();
        prop_assert!(told.contains(&format!("status {status}")) && !told.contains('\n'), "{told}");
    }
}
