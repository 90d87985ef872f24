//! What stands in the sandbox's machines, thing by thing, so that two moments can be compared byte for byte.

use std::collections::BTreeMap;

use serde_json::Value;

use crate::sandbox::Sandbox;

/// Every guest, living tunnel, DNS record and file, by kind and identity.
#[derive(Debug, Clone)]
pub(crate) struct Things(BTreeMap<String, Value>);

/// The items of an array; none of anything else.
pub(crate) fn array(value: &Value) -> &[Value] {
    value.as_array().map_or(&[], Vec::as_slice)
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn without_template_lock(guest: &Value) -> Value {
    let mut guest = guest.clone();
    if let Some(fields) = guest.as_object_mut().filter(|fields| fields.get("template") == Some(&Value::Bool(true))) {
        fields.remove("lock");
    }
    guest
}

impl Things {
    /// All there are now.
    pub(crate) async fn now(sandbox: &Sandbox) -> anyhow::Result<Self> {
        Ok(Self::of(&sandbox.get("/state").await?))
    }

    /// Those of a state. Of a template the lock alone is left out: it comes and goes with clones.
    pub(crate) fn of(state: &Value) -> Self {
        let guests = array(&state["proxmox"]["guests"])
            .iter()
            .map(|guest| (format!("container {}", text(&guest["vmid"])), without_template_lock(guest)));
        let tunnels = array(&state["cloudflare"]["tunnels"])
            .iter()
            .filter(|tunnel| tunnel["deleted_at"].is_null())
            .map(|tunnel| (format!("tunnel {}", text(&tunnel["id"])), tunnel.clone()));
        let records = array(&state["cloudflare"]["records"])
            .iter()
            .map(|record| (format!("record {}", text(&record["id"])), record.clone()));
        let files = state["files"].as_object().into_iter().flatten();
        let files = files.map(|(name, body)| (format!("file {name}"), body.clone()));
        Self(guests.chain(tunnels).chain(records).chain(files).collect())
    }

    /// What was there then and is gone or different `later`.
    pub(crate) fn changed(&self, later: &Self) -> Vec<String> {
        let differs = |(key, value): &(&String, &Value)| later.0.get(*key) != Some(*value);
        self.0.iter().filter(differs).map(|(key, _)| key.clone()).collect()
    }

    /// What is there `later` and was not then.
    pub(crate) fn added(&self, later: &Self) -> Vec<String> {
        later.0.keys().filter(|key| !self.0.contains_key(*key)).cloned().collect()
    }

    /// The same with DNS records beside, each as Cloudflare answered when it was made.
    pub(crate) fn with_records(mut self, records: &[Value]) -> Self {
        self.0.extend(records.iter().map(|record| (format!("record {}", text(&record["id"])), record.clone())));
        self
    }

    /// Those whose kind, identity or content speaks of a name.
    pub(crate) fn about(&self, word: &str) -> usize {
        self.0.iter().filter(|(key, value)| key.contains(word) || value.to_string().contains(word)).count()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn state() -> Value {
        json!({
            "proxmox": {"guests": [
                {"vmid": 200, "hostname": "theirs", "started_ms": 7, "config": {"cores": "1"}},
                {"vmid": 8011, "template": true, "lock": null, "config": {"cores": "1"}},
            ]},
            "cloudflare": {
                "tunnels": [{"id": "t1", "deleted_at": null, "config": null, "version": 0, "secret": "s"}],
                "records": [{"id": "r1", "content": "192.0.2.1"}],
            },
            "files": {"a.json": "{}"},
        })
    }

    #[track_caller]
    fn check(change: impl FnOnce(&mut Value), changed: &[&str]) {
        let mut later = state();
        change(&mut later);
        assert_eq!(Things::of(&state()).changed(&Things::of(&later)), changed);
    }

    #[test]
    fn each_change_of_a_thing_is_seen_and_a_templates_lock_is_none() {
        check(|_| {}, &[]);
        check(|s| s["proxmox"]["guests"][1]["lock"] = json!("disk"), &[]);
        check(|s| s["proxmox"]["guests"][1]["config"]["cores"] = json!("2"), &["container 8011"]);
        check(|s| s["proxmox"]["guests"][0]["lock"] = json!("backup"), &["container 200"]);
        check(|s| s["proxmox"]["guests"][0]["started_ms"] = json!(8), &["container 200"]);
        check(|s| s["cloudflare"]["tunnels"][0]["config"] = json!({"ingress": []}), &["tunnel t1"]);
        check(|s| s["cloudflare"]["tunnels"][0]["secret"] = json!("other"), &["tunnel t1"]);
        check(|s| s["cloudflare"]["records"][0]["content"] = json!("192.0.2.9"), &["record r1"]);
        check(|s| s["files"]["a.json"] = json!("{} "), &["file a.json"]);
    }

    #[test]
    fn a_record_that_was_replaced_by_its_like_is_seen() {
        let planted = [json!({"id": "r9", "content": "192.0.2.9"})];
        let before = Things::of(&state()).with_records(&planted);
        let mut later = state();
        let like = json!({"id": "r10", "content": "192.0.2.9"});
        later["cloudflare"]["records"].as_array_mut().unwrap().push(like);
        assert_eq!(before.changed(&Things::of(&later)), ["record r9"]);
        assert_eq!(before.added(&Things::of(&later)), ["record r10"]);
    }
}
