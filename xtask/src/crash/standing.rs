//! Whether trials that are said to stand do: container, tunnel, record, file and page, each looked at
//! in the sandbox itself.

use serde_json::Value;

use super::trial::{Trial, text, trials};
use crate::demo::answers;
use crate::sandbox::Sandbox;
use crate::world::array;

/// What is missing, double or silent of the trials that were not canceled.
pub(super) async fn hollow(sandbox: &Sandbox, state: &Value) -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for trial in trials(state).iter().filter(|trial| !trial.canceled) {
        found.extend(missing_parts(state, trial).into_iter().map(|part| format!("{}: {part}", trial.name)));
        let vmid = trial.vmid.and_then(|vmid| vmid.parse().ok()).unwrap_or_default();
        if let Err(seen) = answers(sandbox, trial.name, vmid).await? {
            found.push(format!("{}: {seen}", trial.name));
        }
    }
    Ok(found)
}

fn missing_parts(state: &Value, trial: &Trial<'_>) -> Vec<String> {
    let Trial { name, tunnel, .. } = trial;
    let vmid: u64 = trial.vmid.and_then(|vmid| vmid.parse().ok()).unwrap_or_default();
    let mut missing = Vec::new();
    let guests = array(&state["proxmox"]["guests"]).iter();
    let runs = |guest: &&Value| guest["hostname"] == *name && guest["status"] == "running";
    if guests.filter(|guest| guest["vmid"] == vmid).filter(runs).count() != 1 {
        missing.push(format!("container {vmid} does not run"));
    }
    let birth_certificate = format!("service-{vmid}-{name}");
    let tunnels = array(&state["cloudflare"]["tunnels"]).iter().filter(|tunnel| tunnel["deleted_at"].is_null());
    let named: Vec<&str> =
        tunnels.filter(|tunnel| tunnel["name"] == birth_certificate).map(|tunnel| text(&tunnel["id"])).collect();
    if named != [*tunnel] {
        missing.push(format!("the tunnels {birth_certificate} are {named:?}, not {tunnel}"));
    }
    let full = format!("{name}.persys.jp");
    let records = array(&state["cloudflare"]["records"]).iter().filter(|record| record["name"] == full);
    let targets: Vec<(&str, &str)> = records.map(|record| (text(&record["type"]), text(&record["content"]))).collect();
    if targets != [("CNAME", format!("{tunnel}.cfargotunnel.com").as_str())] {
        missing.push(format!("its records are {targets:?}"));
    }
    let file = text(&state["files"][format!("metadata-{name}.json")]);
    let of_file: Value = serde_json::from_str(file).unwrap_or_default();
    if of_file["vmid"] != vmid {
        missing.push(format!("its file speaks of container {}", of_file["vmid"]));
    }
    missing
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[track_caller]
    fn check(change: impl FnOnce(&mut Value), missing: usize) {
        let mut state = json!({
            "stripe": {"subscriptions": [{"id": "sub_1", "customer": "cus_1", "status": "active",
                "metadata": {"subdomain": "a", "vmid": "9000", "tunnel_id": "t1"}}]},
            "proxmox": {"guests": [{"vmid": 9000, "hostname": "a", "status": "running"}]},
            "cloudflare": {
                "tunnels": [{"id": "t1", "name": "service-9000-a", "deleted_at": null}],
                "records": [{"name": "a.persys.jp", "type": "CNAME", "content": "t1.cfargotunnel.com"}],
            },
            "files": {"metadata-a.json": "{\"vmid\": 9000}"},
        });
        change(&mut state);
        let seen = missing_parts(&state, &trials(&state)[0]);
        assert_eq!(seen.len(), missing, "{seen:?}");
    }

    #[test]
    fn each_missing_or_double_part_is_seen() {
        check(|_| {}, 0);
        check(|s| s["proxmox"]["guests"][0]["status"] = json!("stopped"), 1);
        check(|s| s["proxmox"]["guests"][0]["hostname"] = json!("b"), 1);
        check(|s| s["cloudflare"]["tunnels"][0]["deleted_at"] = json!("2026-11-26T00:00:00Z"), 1);
        check(|s| s["cloudflare"]["records"] = json!([]), 1);
        check(|s| s["cloudflare"]["records"][0]["content"] = json!("t2.cfargotunnel.com"), 1);
        let double = |s: &mut Value| {
            let record = s["cloudflare"]["records"][0].clone();
            s["cloudflare"]["records"].as_array_mut().unwrap().push(record);
        };
        check(double, 1);
        check(|s| s["files"] = json!({}), 1);
        check(|s| s["files"]["metadata-a.json"] = json!("{\"vmid\": 9001}"), 1);
    }
}
