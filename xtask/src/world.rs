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

impl Things {
    /// All there are now.
    pub(crate) async fn now(sandbox: &Sandbox) -> anyhow::Result<Self> {
        Ok(Self::of(&sandbox.get("/state").await?))
    }

    /// Those of a state. Templates are left out: their lock comes and goes with clones.
    pub(crate) fn of(state: &Value) -> Self {
        let text = |value: &Value| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        let guests = array(&state["proxmox"]["guests"])
            .iter()
            .filter(|guest| guest["template"] != true)
            .map(|guest| (format!("container {}", text(&guest["vmid"])), guest.clone()));
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

    /// The same with those things of a state beside that a filter lets through.
    pub(crate) fn with(mut self, state: &Value, filter: impl Fn(&str, &Value) -> bool) -> Self {
        self.0.extend(Self::of(state).0.into_iter().filter(|(key, thing)| filter(key, thing)));
        self
    }

    /// Those whose kind, identity or content speaks of a name.
    pub(crate) fn about(&self, word: &str) -> usize {
        self.0.iter().filter(|(key, value)| key.contains(word) || value.to_string().contains(word)).count()
    }
}
